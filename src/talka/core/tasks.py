"""What core does in the background: seals the record."""

from datetime import datetime

from talka.core import events
from talka.core.outbox import every


@every(minutes=1)
def seal_events(now: datetime) -> None:
    """Seals what was done since the last minute; a quiet minute makes no seal."""
    events.seal(now)
