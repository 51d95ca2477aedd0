"""The node as its Beacon sees it: whether and how many through `Node.ask`, records by visa through `Extract`.

A question for records is narrowed by what opens them before anything is looked up: the dataset, the permit's donors,
biobanks and days, and consent for the permit's purpose. What is told of a row is what the permit's mask shows. The
journal has an entry before the first record leaves, and one more that says how many left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from itertools import islice
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool

from talka_node import journal
from talka_node.beacon import documents
from talka_node.beacon.documents import Document
from talka_node.beacon.source import About, Cohort, Dataset, Entry, Page, Refused, Told, Visa, Vocabulary
from talka_node.codes import icd10
from talka_node.disclosure import Refused as NotTold
from talka_node.disclosure import Standing
from talka_node.extracts import BATCH, FACTS, Extract
from talka_node.node import Answer, Node, NotUnderstood
from talka_node.visas import Clearing, Denied, Grant, Grants
from talka_node.visas.names import Names
from talka_query import check, permits, wire
from talka_query.nodes import (
    All,
    AskerKind,
    Count,
    Criterion,
    Purpose,
    Question,
    Specimen,
    Use,
    Variant,
    VariantIn,
    Window,
)

READ = frozenset({"DNA"})  # what samples are read of a collection that the catalogue calls sequenced
GENETIC = (Entry.VARIANT, Entry.RUN, Entry.ANALYSIS)
# For what a grant without a permit reads records: as a whole dataset is granted, so is the usual purpose.
USUAL = Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC)


@dataclass(frozen=True, slots=True)
class Opened(Visa):
    """A visa with what it opens, and the token, which is looked at again while an answer runs."""

    grants: Grants
    token: str


async def answered(node: Node, question: Question, standing: Standing = Standing.OPEN) -> Answer | NotTold:
    """What the node tells. A count takes less than handing it to a thread and back would; a table may take long."""
    if question.by:
        return await run_in_threadpool(node.ask, question, standing=standing)
    return await node.begin(question, standing=standing).wait()


class NodeSource:
    """All of the public are one asker, with one budget. `clearing` None: the node takes no visas."""

    def __init__(self, node: Node, clearing: Clearing | None = None) -> None:
        self.node, self.clearing = node, clearing

    # --- what it says of itself ---------------------------------------------------------------------------

    def about(self) -> About:
        known = self.node.catalogue
        keeps = {Entry.INDIVIDUAL, Entry.BIOSAMPLE, Entry.VARIANT, Entry.DATASET, Entry.COHORT}
        return About(
            id=known.beacon,
            name=self.node.name,
            organisation=known.organisation.id,
            organisation_name=known.organisation.name or self.node.name,
            organisation_url=known.organisation.url,
            description=known.description,
            contact=known.contact,
            access=known.access,
            keeps=frozenset(keeps | {Entry.RUN, Entry.ANALYSIS} if known.sequencing else keeps),
        )

    def datasets(self) -> Sequence[Dataset]:
        """Its collections."""
        known = self.node.catalogue
        return [
            Dataset(
                code,
                name,
                Specimen(collections=frozenset({code})),
                duo=known.uses.get(code, ()),
                variants=code in known.sequencing,
            )
            for code, name in known.collections_named.items()
        ]

    def cohorts(self) -> Sequence[Cohort]:
        return [Cohort(code, name) for code, name in self.node.catalogue.cohorts_named.items()]

    def vocabulary(self) -> Vocabulary:
        known = self.node.catalogue
        return Vocabulary(
            regions=known.regions_named,
            biobanks=known.biobanks_named,
            collections=known.collections_named,
            measurements={code: unit for code in sorted(known.measures) if (unit := known.unit(code))},
            procedures=known.procedures_named,
        )

    # --- whether and how many -----------------------------------------------------------------------------

    async def ask(self, entry: Entry, question: Question) -> Told:
        if entry in (Entry.RUN, Entry.ANALYSIS):
            question = _of_runs(question, frozenset(self.node.catalogue.sequencing))
        try:
            answer = await answered(self.node, replace(question, asker="beacon"))
        except NotUnderstood as why:
            raise Refused(str(why), 400) from None
        if isinstance(answer, NotTold):
            raise Refused("; ".join(answer.reasons))
        told = answer.released
        return Told(told.exists, told.total, told.smallest, told.within, told.moved)

    # --- records ------------------------------------------------------------------------------------------

    async def visa(self, authorization: str | None) -> Opened | None:
        if not authorization:
            return None
        kind, _, token = authorization.partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            raise Refused("a passport or visa is sent as `Authorization: Bearer …`", 401)
        grants = self._grants(token.strip())
        return Opened(grants.holder, grants.datasets, grants, token.strip())

    def _grants(self, token: str) -> Grants:
        if self.clearing is None or not self.clearing.trust.configured:
            raise Refused("this node takes no visas; ask without Authorization for whether and how many", 401)
        try:
            return self.clearing.admit(token)
        except Denied as why:
            raise Refused(f"the visa opens nothing here: {why}", 401) from None

    async def records(
        self,
        entry: Entry,
        question: Question,
        dataset: Dataset,
        of: tuple[Entry, str] | None,
        visa: Visa,
        page: slice,
    ) -> Page:
        if not isinstance(visa, Opened) or (grant := visa.grants.of(dataset.id)) is None:
            raise Refused("the visa does not open this dataset")

        def still() -> bool:
            try:
                now = self._grants(visa.token).of(dataset.id)
            except Refused:
                return False
            return now is not None and now.visa == grant.visa and not reading.revoked()

        reading = Reading(self.node, entry, question, dataset, grant, visa.grants.holder, still)
        return await run_in_threadpool(reading.page, of, page)


class Reading:
    """One request for records of one dataset."""

    def __init__(
        self,
        node: Node,
        entry: Entry,
        question: Question,
        dataset: Dataset,
        grant: Grant,
        holder: str,
        still: Callable[[], bool],
    ) -> None:
        """Refused where the permit does not provide for it, or the node does not know what it names."""
        self.node, self.entry, self.dataset, self.grant, self.still = node, entry, dataset, grant, still
        self.mask = grant.mask
        self.held = None if grant.claim is None else node.permits.held(grant.claim.permit.permit)
        if self.revoked():
            raise Refused("the hub revoked the permit behind the visa")
        if grant.claim is not None and self.held is not None and self.held.permit != grant.claim.permit:
            raise Refused("the hub's permit of this name is another than the visa says")
        self.read = node.catalogue.sequencing.get(dataset.id)
        self.names = Names.of(node.path, grant.claim.permit.permit if grant.claim else holder)
        if entry is Entry.VARIANT and not self.mask.shows("variants"):
            raise Refused("the permit does not provide for variants")
        self.question = self._narrowed(self._stated(question, holder), node.today())

    def revoked(self) -> bool:
        """Whether the hub took the permit behind the visa back, now."""
        claim = self.grant.claim
        return claim is not None and self.node.permits.revoked(claim.permit.permit)

    # --- what may be asked --------------------------------------------------------------------------------

    def _stated(self, question: Question, holder: str) -> Question:
        """The question with its asker, permit and purpose as the visa says them."""
        claim, genetic = self.grant.claim, self.entry in GENETIC or question.purpose.genetic
        if claim is None:
            return replace(question, asker=holder, permit=None, purpose=replace(USUAL, genetic=genetic))
        if genetic and not claim.stated.genetic:
            raise Refused("the permit does not provide for genetic data")
        return replace(question, asker=holder, permit=claim.permit.permit, purpose=claim.stated)

    def _narrowed(self, question: Question, today: date) -> Question:
        """Within the permit, or Refused: only its donors, biobanks and days, whatever is asked."""
        claim, known = self.grant.claim, self.node.catalogue
        parts, samples = [question.such_that], question.samples
        if claim is not None:
            if reasons := _outside(question, self.dataset, claim.permit, today):
                raise Refused("; ".join(f"{each.path}: {each.en}" for each in reasons))
            permit = claim.permit
            if claim.such_that is not None:
                parts.append(claim.such_that)
            if permit.biobanks:
                samples = replace(samples, biobanks=_both(samples.biobanks, permit.biobanks))
                parts.append(Specimen(biobanks=permit.biobanks, collections=_collections(self.dataset)))
            if permit.recent is not None:
                since = max(permit.recent, samples.collected.since or permit.recent)
                samples = replace(samples, collected=Window(since, samples.collected.until))
        if self.entry in (Entry.RUN, Entry.ANALYSIS):
            samples = replace(samples, types=READ, collections=frozenset({self.dataset.id}))
            question = replace(question, count=Count.SAMPLES)
        if question.count is Count.SAMPLES:
            parts.append(samples)
        narrowed = replace(question, such_that=All(tuple(parts)), samples=samples)
        if journal.PERSONAL_CODE.search(wire.dumps(narrowed).encode()):
            raise Refused(
                "the question holds what looks like a personal code; no question is about somebody", 400
            )
        if problems := check.problems(narrowed, known):
            raise Refused("; ".join(map(str, problems)), 400)
        return check.converted(narrowed, known)

    # --- what is told -------------------------------------------------------------------------------------

    def page(self, of: tuple[Entry, str] | None, page: slice) -> Page:
        """The records, as soon as the journal has it that they are asked for."""
        if self.entry in (Entry.RUN, Entry.ANALYSIS) and self.read is None:
            return self._journalled(of, page, 0, iter(()))
        extract = Extract(self.node, self.question, self.held.grounds if self.held else None)
        try:
            specimen = self._one(extract, of)
            total, found = self._found(extract, specimen, of, page)
        except BaseException:
            extract.close()
            raise
        return self._journalled(of, page, total, found, extract)

    def _one(self, extract: Extract, of: tuple[Entry, str] | None) -> str | None:
        """Narrows to the donor of the one entry, if it is a person's; the specimen, if it is one's."""
        match of:
            case (Entry.INDIVIDUAL, name):
                told = self.names.read("donor", name)
                extract.only(None if told is None else int(told))
            case (Entry.BIOSAMPLE | Entry.RUN | Entry.ANALYSIS as kind, name):
                told = self.names.read("specimen" if kind is Entry.BIOSAMPLE else kind.value, name)
                extract.only(None if told is None else extract.holder(told))
                return told or ""
        return None

    def _found(
        self, extract: Extract, specimen: str | None, of: tuple[Entry, str] | None, page: slice
    ) -> tuple[int, Iterator[Document]]:
        if self.entry is Entry.INDIVIDUAL:
            return extract.total, self._individuals(extract, page)
        if self.entry is Entry.VARIANT:
            wanted = [
                each for each in _parts(self.question.such_that) if isinstance(each, Variant | VariantIn)
            ]
            if specimen is not None and not self._was_read(extract, specimen):
                extract.only(None)
            variants, often = extract.variants(wanted)
            if of is not None and of[0] is Entry.VARIANT:
                assert len(variants) <= 1, "an id names one variant"
            return len(variants), self._variants(extract, wanted, variants[page], often[page])
        make = {Entry.BIOSAMPLE: self._biosample, Entry.RUN: self._run, Entry.ANALYSIS: self._analysis}[
            self.entry
        ]
        rows = (
            each
            for each in extract.specimens(self.question.samples)
            if specimen is None or each[0].specimen == specimen
        )
        if of is not None and of[0] in (Entry.INDIVIDUAL, Entry.BIOSAMPLE, Entry.RUN, Entry.ANALYSIS):
            few = list(rows)
            return len(few), (make(*each) for each in few[page])
        return extract.total, (make(*each) for each in islice(rows, page.start, page.stop))

    def _was_read(self, extract: Extract, specimen: str) -> bool:
        """Whether the variants were read from this sample, as far as the catalogue says."""
        pattern = Specimen(types=READ, collections=frozenset({self.dataset.id}))
        return self.read is not None and any(
            row.specimen == specimen for row, _ in extract.specimens(pattern)
        )

    def _individuals(self, extract: Extract, page: slice) -> Iterator[Document]:
        tables = [each for each in FACTS if self.mask.shows(each)]
        units = self.node.store.state.units | {
            code: unit
            for code in self.node.catalogue.measures
            if (unit := self.node.catalogue.unit(code)) is not None
        }
        mask = self.mask
        for case in extract.cases(extract.donors[page], tables):
            donor = mask.row(case.donor)
            assert donor is not None, "of a donor there is always something to see"
            yield documents.individual(
                donor, self.names.donor, mask.rows(case.diagnoses), mask.rows(case.measurements),
                mask.rows(case.medications), mask.rows(case.procedures), units, case.cohorts,
            )  # fmt: skip

    def _seen(self, row: Any, donor: Any) -> tuple[Any, Any]:
        seen, of = self.mask.row(row), self.mask.row(donor)
        # What the mask leaves out is narrowed away in the question already.
        assert seen is not None, "the question asks for what the permit lets be seen"
        assert of is not None
        return seen, of

    def _biosample(self, row: Any, donor: Any) -> Document:
        return documents.biosample(*self._seen(row, donor), self.names.donor, self.names.specimen)

    def _run(self, row: Any, donor: Any) -> Document:
        assert self.read is not None
        names = self.names
        return documents.run(
            names.name("run", row.specimen), names.specimen(row.specimen), names.donor(row.donor), self.read
        )

    def _analysis(self, row: Any, donor: Any) -> Document:
        assert self.read is not None
        names = self.names
        return documents.analysis(
            names.name("analysis", row.specimen),
            names.name("run", row.specimen),
            names.specimen(row.specimen),
            names.donor(row.donor),
            self.read,
        )

    def _variants(
        self, extract: Extract, wanted: Sequence[Variant | VariantIn], variants: Any, often: Any
    ) -> Iterator[Document]:
        """With their carriers, where it is known from which sample they were read, and the permit lets it be seen."""
        carriers = self.read is not None and self.mask.sees("genotypes.copies")
        pattern = Specimen(types=READ, collections=frozenset({self.dataset.id}))
        for batch in extract.carried(wanted, variants, often):
            sample: dict[int, str] = {}
            if carriers:
                donors = sorted({each.donor for carried in batch for each in carried.genotypes})
                for row, _ in extract.specimens_of(donors, pattern):
                    sample.setdefault(row.donor, row.specimen)
            for carried in batch:
                seen = self.mask.row(carried.variant)
                if seen is not None:
                    yield documents.variant(
                        seen,
                        (
                            (each, self.names.donor(each.donor), self.names.specimen(sample[each.donor]))
                            for each in carried.genotypes
                            if each.donor in sample
                        ),
                    )

    # --- the journal --------------------------------------------------------------------------------------

    def _journalled(
        self,
        of: tuple[Entry, str] | None,
        page: slice,
        total: int,
        found: Iterator[Document],
        extract: Extract | None = None,
    ) -> Page:
        node = self.node
        told = {
            "question": orjson.Fragment(wire.dumps(self.question).encode()),
            "entry": self.entry.value,
            "dataset": self.dataset.id,
            "of": None if of is None else [of[0].value, of[1]],
            "page": [page.start, page.stop],
            "visa": self.grant.visa,
            "columns": None if self.mask.columns is None else sorted(self.mask.columns),
            "total": total,
            "day": node.today().isoformat(),
            "facts": node.store.state.generation,
            "consents": node.log.head,
        }
        try:
            entry = node.journal.append("records", orjson.dumps(told))
        except BaseException:
            if extract is not None:
                extract.close()
            raise
        return Page(total, self._sent(entry.number, found, extract))

    def _sent(self, entry: int, found: Iterator[Document], extract: Extract | None) -> Iterator[Document]:
        """The records, and at their end, or where they break off, how many there were, and their digest."""
        count, digest = 0, sha256()
        try:
            for each in found:
                if count % BATCH == 0 and not self.still():
                    raise Refused("the visa was taken back, or ran out", 401)
                count += 1
                digest.update(orjson.dumps(each))
                yield each
        finally:
            if extract is not None:
                extract.close()
            body = {"entry": entry, "records": count, "sha256": digest.hexdigest()}
            self.node.journal.submit("records_sent", orjson.dumps(body))


def _outside(
    question: Question, dataset: Dataset, permit: permits.Permit, today: date
) -> list[permits.Reason]:
    """Why the permit does not provide for what is asked, the dataset aside: that is what the visa is for. Biobanks are
    not asked for by name here; the node narrows to the permit's."""
    of = _collections(dataset)
    parts: list[Criterion] = []
    for each in _parts(question.such_that):
        if isinstance(each, Specimen) and each.collections == of:
            each = replace(each, collections=frozenset())
        if each != Specimen():
            parts.append(each)
    samples = question.samples
    if samples.collections == of:
        samples = replace(samples, collections=frozenset())
    asked = replace(
        question, such_that=All(tuple(parts)), samples=samples, asker=permit.holder, permit=permit.permit
    )
    open_ = replace(permit, biobanks=frozenset(), counts=frozenset(Count))
    return permits.why_not(asked, open_, holder=permit.holder, on=today, lies_within=icd10.within)


def _of_runs(question: Question, collections: frozenset[str]) -> Question:
    """Counts the samples that were read, of whoever the question is about."""
    read = Specimen(types=READ, collections=collections)
    return replace(
        question, such_that=All((*_parts(question.such_that), read)), count=Count.SAMPLES, samples=read
    )


def _parts(such_that: Criterion) -> tuple[Criterion, ...]:
    """The members of the outermost `All`, and of those directly within it."""
    if not isinstance(such_that, All):
        return (such_that,)
    return tuple(part for each in such_that.of for part in _parts(each))


def _collections(dataset: Dataset) -> frozenset[str]:
    return dataset.holds.collections if isinstance(dataset.holds, Specimen) else frozenset()


def _both(asked: frozenset[str], allowed: frozenset[str]) -> frozenset[str]:
    """Of the biobanks asked for those that are allowed; none asked for: all that are allowed."""
    if not asked:
        return allowed
    if not asked & allowed:
        raise Refused("the permit is for none of the biobanks asked for")
    return asked & allowed
