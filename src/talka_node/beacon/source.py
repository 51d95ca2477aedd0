"""What a Beacon asks of a node: a small protocol, so that the edge knows neither engines nor disclosure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from talka_query.nodes import Criterion, Question


class Entry(StrEnum):
    """The entry types of the default model, by their Beacon ids."""

    INDIVIDUAL = "individual"
    BIOSAMPLE = "biosample"
    COHORT = "cohort"
    DATASET = "dataset"
    VARIANT = "genomicVariant"
    RUN = "run"
    ANALYSIS = "analysis"


class Refused(Exception):
    """The node does not answer this. `status`: of HTTP; 401 where a visa would help, 403 where not, 429 too often."""

    def __init__(self, why: str, status: int = 403) -> None:
        self.why, self.status = why, status
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class About:
    """Whose Beacon it is. `id` is a reverse domain name; `environment`: prod, test, dev or staging.

    `access`: where access may be applied for.
    `keeps`: entry types that the node has any of; of others it says truly that there are none.
    """

    id: str
    name: str
    organisation: str
    organisation_name: str
    organisation_url: str
    description: str = ""
    environment: str = "prod"
    contact: str = ""
    version: str = "v2.0.0"
    updated: str = ""
    access: str = ""
    keeps: frozenset[Entry] = frozenset(
        {Entry.INDIVIDUAL, Entry.BIOSAMPLE, Entry.VARIANT, Entry.COHORT, Entry.DATASET}
    )


@dataclass(frozen=True, slots=True)
class Dataset:
    """A published part of the node, usually a collection. `holds`: who, or which samples, belong to it; `variants`:
    whether it is known to have variants read, which is published rather than asked."""

    id: str
    name: str
    holds: Criterion
    description: str = ""
    duo: tuple[str, ...] = ()
    variants: bool = False


@dataclass(frozen=True, slots=True)
class Cohort:
    """A study's cohort; `kind`: study-defined, beacon-defined or user-defined."""

    id: str
    name: str
    kind: str = "study-defined"
    variants: bool = False


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What filters may name beside the code lists that every node has; each a code with its label (or unit).

    Published lists, never what happens to be stored: that a rare code is offered would tell that somebody has it.
    """

    regions: Mapping[str, str] = field(default_factory=dict)
    biobanks: Mapping[str, str] = field(default_factory=dict)
    collections: Mapping[str, str] = field(default_factory=dict)
    measurements: Mapping[str, str] = field(default_factory=dict)  # LOINC code → canonical UCUM unit
    procedures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """What may be told of a question. `exists`: at least `least` donors. `count` is None where only that is told.

    `within`: a told count lies within so much of the truth nearly always. `moved`: where the question that was answered
    differs from the one asked, because the node answers on a coarser grid. `note`: what else a reader should know.
    """

    exists: bool
    count: int | None = None
    least: int | None = None
    within: int | None = None
    moved: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Visa:
    """Who may see records, established by the node: `datasets` names those whose records may be read."""

    asker: str
    datasets: frozenset[str]


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a dataset's records as Beacon documents, and how many there are in all. The documents may be made while
    they are sent, in another thread; fewer come than were promised where somebody withdrew meanwhile."""

    total: int
    documents: Iterable[Mapping[str, Any]]


class BeaconSource(Protocol):
    """A node, seen from its Beacon. Any method may raise Refused."""

    def about(self) -> About: ...

    def datasets(self) -> Sequence[Dataset]: ...

    def cohorts(self) -> Sequence[Cohort]: ...

    def vocabulary(self) -> Vocabulary: ...

    async def ask(self, entry: Entry, question: Question) -> Told:
        """Whether there are, and how many, entries of that type such that; through disclosure and journal."""
        ...

    async def visa(self, authorization: str | None) -> Visa | None:
        """The visa that a request carries; None if none. Raises Refused for one that is not valid."""
        ...

    async def records(
        self,
        entry: Entry,
        question: Question,
        dataset: Dataset,
        of: tuple[Entry, str] | None,
        visa: Visa,
        page: slice,
    ) -> Page:
        """Entries of a dataset as documents; `of`: only those that belong to this one, as samples to an individual.
        A page without an end is all of them.

        Called only with a visa for the dataset; the source checks it again.
        """
        ...
