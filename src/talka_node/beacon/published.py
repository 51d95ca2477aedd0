"""A BeaconSource from a node's parts: what it publishes, and the one function by which it answers questions.

That function admits, asks an engine, releases and journals; this only words its outcome for the Beacon.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from talka_node import disclosure
from talka_node.beacon.source import About, Cohort, Dataset, Entry, Page, Refused, Told, Visa, Vocabulary
from talka_query.nodes import Question

Answer = Callable[[Question], Awaitable[disclosure.Released | disclosure.Refused]]


@dataclass(slots=True)
class Published:
    """A node without visas: it tells whether and how many, and gives no records."""

    of: About
    answer: Answer
    parts: Sequence[Dataset] = ()
    studies: Sequence[Cohort] = ()
    words: Vocabulary = field(default_factory=Vocabulary)

    def about(self) -> About:
        return self.of

    def datasets(self) -> Sequence[Dataset]:
        return self.parts

    def cohorts(self) -> Sequence[Cohort]:
        return self.studies

    def vocabulary(self) -> Vocabulary:
        return self.words

    async def ask(self, entry: Entry, question: Question) -> Told:
        released = await self.answer(question)
        if isinstance(released, disclosure.Refused):
            raise Refused("; ".join(released.reasons))
        count = None if entry is Entry.VARIANT else released.total
        return Told(released.exists, count, released.smallest, released.within, released.moved)

    async def visa(self, authorization: str | None) -> Visa | None:
        if authorization is None:
            return None
        raise Refused("this node takes no visas; leave out the Authorization header", 401)

    async def records(
        self,
        entry: Entry,
        question: Question,
        dataset: Dataset,
        of: tuple[Entry, str] | None,
        visa: Visa,
        page: slice,
    ) -> Page:
        raise Refused("this node gives no records")
