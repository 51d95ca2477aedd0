"""For tests and generators only: a recording context without a verb, so that rows can be drawn directly."""

from collections.abc import Iterator
from contextlib import contextmanager

from talka.core.actions import Record, _recording


@contextmanager
def acting() -> Iterator[Record]:
    """Rows saved inside are not refused, and nothing is written to the record of events."""
    with _recording() as record:
        yield record
