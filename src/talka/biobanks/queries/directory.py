"""Reads of the directory. The search reads the two derived columns of every collection once and counts in memory: ten
thousand of them take some 50 ms, and every facet's numbers come from the very rows that are listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db.models import Prefetch, Q, QuerySet

from talka.biobanks.models import (
    Biobank,
    BiobankNetwork,
    Collection,
    CollectionNetwork,
    Contact,
    Figure,
    NetworkMember,
    QualityMark,
    Resource,
    ResourcePart,
    Service,
)
from talka.biobanks.models.directory import FACETS, due
from talka.core.stems import query_stems
from talka.domains.models import Ecosystem

MOST_WORDS = 12  # of a question that are heeded


def contacts(ecosystem: Ecosystem) -> QuerySet[Contact]:
    return Contact.objects.filter(ecosystem=ecosystem)


def biobanks(ecosystem: Ecosystem, *, withdrawn: bool = True) -> QuerySet[Biobank]:
    """The biobanks of an ecosystem in their order."""
    rows = Biobank.objects.filter(ecosystem=ecosystem).select_related(
        "ecosystem", "juristic_person", "contact", "node"
    )
    return rows if withdrawn else rows.filter(withdrawn=False)


def described(ecosystem: Ecosystem) -> QuerySet[Biobank]:
    """Biobanks that describe what they keep. Of one that is only named, or invented, nothing is asked."""
    return biobanks(ecosystem, withdrawn=False).filter(example=False, collections__isnull=False).distinct()


def whole(rows: QuerySet[Biobank]) -> QuerySet[Biobank]:
    """Biobanks with what belongs to them."""
    return rows.prefetch_related(
        Prefetch("collections", Collection.objects.select_related("biobank__ecosystem", "parent")),
        Prefetch("services", Service.objects.select_related("biobank__ecosystem")),
        Prefetch("qualities", QualityMark.objects.select_related("collection")),
        Prefetch("network_links", NetworkMember.objects.select_related("network__ecosystem")),
    )


def collections(ecosystem: Ecosystem) -> QuerySet[Collection]:
    """The collections of an ecosystem, by biobank."""
    return (
        Collection.objects.filter(biobank__ecosystem=ecosystem)
        .select_related("biobank__ecosystem", "biobank__juristic_person", "parent", "contact")
        .order_by("biobank__order", "biobank", "order", "id")
    )


def joined(rows: QuerySet[Collection]) -> QuerySet[Collection]:
    """Collections with their networks."""
    return rows.prefetch_related(
        Prefetch("network_links", CollectionNetwork.objects.select_related("network__ecosystem"))
    )


def networks(ecosystem: Ecosystem) -> QuerySet[BiobankNetwork]:
    return (
        BiobankNetwork.objects.filter(ecosystem=ecosystem)
        .select_related("ecosystem", "juristic_person", "contact")
        .prefetch_related(
            Prefetch("member_links", NetworkMember.objects.select_related("biobank__ecosystem"))
        )
    )


def resources(ecosystem: Ecosystem) -> QuerySet[Resource]:
    return (
        Resource.objects.filter(ecosystem=ecosystem)
        .select_related("ecosystem", "contact")
        .prefetch_related(
            Prefetch("part_links", ResourcePart.objects.select_related("collection__biobank__ecosystem"))
        )
    )


def services(ecosystem: Ecosystem) -> QuerySet[Service]:
    return (
        Service.objects.filter(biobank__ecosystem=ecosystem)
        .select_related("biobank__ecosystem", "contact")
        .order_by("biobank__order", "biobank", "order", "id")
    )


def qualities(ecosystem: Ecosystem) -> QuerySet[QualityMark]:
    return QualityMark.objects.filter(biobank__ecosystem=ecosystem).select_related(
        "biobank__ecosystem", "collection__biobank"
    )


def latest_figures(rows: Iterable[Collection]) -> dict[int, dict[str, Figure]]:
    """What nodes last told of some collections, by collection and what is counted; one question."""
    found: dict[int, dict[str, Figure]] = {}
    told = Figure.objects.filter(collection__in=[row.pk for row in rows]).select_related("node")
    for figure in told.order_by("as_of", "id"):
        found.setdefault(figure.collection_id, {})[figure.kind_of] = figure
    return found


def unchecked(ecosystem: Ecosystem, today: date) -> list[Any]:
    """Biobanks and collections whose description nobody has confirmed for a year; never confirmed first."""
    return due([*biobanks(ecosystem), *collections(ecosystem)], today)


# ---------------------------------------------------------------- search


@dataclass(frozen=True)
class FacetValue:
    code: str
    label: str
    count: int
    chosen: bool


@dataclass(frozen=True)
class Found:
    """What a search found: ids in order, best first, and the numbers beside every value of every facet."""

    ids: Sequence[int]
    total: int  # collections in all
    facets: Mapping[str, Sequence[FacetValue]] = field(default_factory=dict)

    @property
    def keepers(self) -> Sequence[FacetValue]:
        """The biobanks that keep what was found."""
        return [each for each in self.facets.get("biobank", ()) if each.count]


def search(
    ecosystem: Ecosystem,
    *,
    text: str = "",
    chosen: Mapping[str, Sequence[str]] | None = None,
    disease: str = "",
) -> Found:
    """Collections by words and facets. Values of one facet are alternatives, facets are conditions.

    The number beside a value is how many would be found with it and what the *other* facets say, so that it is what a
    click will show. `disease` is the beginning of an ICD-10 code, or an ORPHA code. One question to the database.
    """
    wanted = {facet: frozenset(codes) for facet, codes in (chosen or {}).items() if codes}
    groups = query_stems(text)[:MOST_WORDS] if text.strip() else []
    rows = Collection.objects.filter(
        biobank__ecosystem=ecosystem, withdrawn=False, biobank__withdrawn=False
    ).order_by("biobank__order", "biobank", "order", "id")
    illness = disease.strip().casefold()
    tests = {facet: [f" {facet}:{code} " for code in codes] for facet, codes in wanted.items()}
    total, hits = 0, []
    # The marks of what was found, and for each facet those of what it alone leaves out: joined and counted at once.
    found: list[str] = []
    besides: dict[str, list[str]] = {facet: [] for facet in wanted}
    columns = ("pk", "marks", "words") if groups else ("pk", "marks")
    for pk, marks, *words in rows.values_list(*columns):
        total += 1
        if illness and f" disease:{illness}" not in marks:
            continue
        if groups and not all(any(f" {stem}" in words[0] for stem in group) for group in groups):
            continue
        missed = [facet for facet, either in tests.items() if not any(mark in marks for mark in either)]
        if not missed:
            hits.append(pk)
            found.append(marks)
        elif len(missed) == 1:
            besides[missed[0]].append(marks)
    counts = Counter("".join(found).split())
    for facet, left_out in besides.items():
        more = Counter("".join(left_out).split())
        counts.update({mark: number for mark, number in more.items() if mark.startswith(f"{facet}:")})
    return Found(hits, total, _facets(counts, wanted, ecosystem))


def _facets(
    counts: Counter[str], wanted: Mapping[str, frozenset[str]], ecosystem: Ecosystem
) -> dict[str, list[FacetValue]]:
    """The values of each facet that anything has, or that are chosen."""
    named = Biobank.objects.filter(ecosystem=ecosystem, withdrawn=False).order_by("order", "id")
    known = {facet: list(choices.choices) for facet, (_column, choices) in FACETS.items()}
    known["biobank"] = [(row.code, row.acronym or str(row.title)) for row in named]
    return {
        facet: [
            FacetValue(code, str(label), counts[f"{facet}:{code}"], code in wanted.get(facet, ()))
            for code, label in values
            if counts[f"{facet}:{code}"] or code in wanted.get(facet, ())
        ]
        for facet, values in known.items()
    }


def by_ids(ids: Sequence[int]) -> list[Collection]:
    """Collections in the order of their ids."""
    rows = Collection.objects.filter(pk__in=ids).select_related("biobank__ecosystem", "parent").in_bulk()
    return [rows[pk] for pk in ids if pk in rows]


def descendants(collection: Collection) -> list[Collection]:
    """The parts of a collection, with theirs, level by level below it in one read of the biobank."""
    rows = Collection.objects.filter(biobank=collection.biobank).select_related("biobank__ecosystem")
    below: dict[int | None, list[Collection]] = {}
    for row in rows:
        below.setdefault(row.parent_id, []).append(row)
    found, waiting = [], list(below.get(collection.pk, ()))
    while waiting:
        row = waiting.pop(0)
        found.append(row)
        waiting = [*below.get(row.pk, ()), *waiting]
    return found


def networks_of(collection: Collection) -> QuerySet[BiobankNetwork]:
    """The networks of a collection: its own, and those of its biobank."""
    return (
        BiobankNetwork.objects.filter(
            Q(collection_links__collection=collection) | Q(member_links__biobank=collection.biobank_id)
        )
        .select_related("ecosystem")
        .distinct()
    )


def resources_of(collection: Collection) -> QuerySet[Resource]:
    return Resource.objects.filter(part_links__collection=collection).select_related("ecosystem")
