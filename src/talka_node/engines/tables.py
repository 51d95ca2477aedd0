"""The question as one Ibis expression, for whatever the bitmaps do not cover: ad hoc work, export, and Spark.

The expression is over named tables and becomes SQL of the place where they are: DuckDB beside the node's files, Spark
for a holder who outgrew one machine. It uses what both have, and counts as distinct and count: `nunique` is only
approximate in some engines. Needs the extra `tables`.

    engine = Tables(DuckDB(store.connect()))
    engine.answer(question, basis)
"""

from __future__ import annotations

import functools
import operator
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any, Protocol, assert_never

import duckdb
import numpy as np
from numpy.typing import NDArray

from talka_node.codes import icd10
from talka_node.columns import EPOCH, NO_DATE, SEXES, Columns, Words
from talka_node.columns import MISSING as NO_WORD
from talka_node.consent import Basis
from talka_node.engines import Exact
from talka_node.engines.memory import outermost
from talka_query import nodes
from talka_query.ages import BAND, MISSING, OLDEST
from talka_query.nodes import SPECIMEN_AXES, Ages, Axis, Count, Criterion, Dated, Question, Window, Zygosity

try:
    import ibis  # type: ignore[import-untyped]
except ImportError as missing:
    raise ImportError("the tables engine needs Ibis: install talka with the extra `tables`") from missing

# Ibis has no types to check against; these names say what is meant.
Rows = Any  # a table expression
Truth = Any  # a boolean column, never null
Column = Any

_FACT = {"donor": "int32", "code": "string", "on": "date"}
SCHEMAS: dict[str, dict[str, str]] = {
    "donors": {"donor": "int32", "sex": "string", "born": "date", "died": "date", "region": "string"},
    "specimens": {
        "donor": "int32", "biobank": "string", "collection": "string", "type": "string", "collected": "date",
        "temperature": "string", "aliquots": "int32",
    },
    "diagnoses": _FACT,
    "measurements": _FACT | {"value": "float64"},
    "medications": _FACT,
    "procedures": _FACT,
    "cohorts": {"donor": "int32", "cohort": "string"},
    "variants": {
        "variant": "int32", "chromosome": "string", "position": "int32", "reference": "string",
        "alternate": "string", "gene": "string",
    },
    "genotypes": {"variant": "int32", "donor": "int32", "copies": "int8"},
    # Not of the store: where each donor's consent permits the purpose, put there by the engine before it asks.
    "permitted": {"donor": "int32", "biobank": "string"},
}  # fmt: skip


class Place(Protocol):
    """Where the tables of SCHEMAS are."""

    dialect: str  # one of Ibis's names

    def permit(self, donors: NDArray[np.int32], biobanks: NDArray[np.int32], names: Sequence[str]) -> None:
        """Makes `permitted` these pairs; `biobanks` are places in `names`."""
        ...

    def rows(self, sql: str) -> Iterable[tuple[Any, ...]]: ...


class Tables:
    """The engine over the tables in one place."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._lock = threading.Lock()  # what is permitted and what is asked go together
        self._permitted: tuple[object, int, frozenset[int]] | None = None

    def answer(self, question: Question, basis: Basis) -> Exact:
        return _exact(question, self._ask(answer, question, basis))

    def attrition(self, question: Question, basis: Basis) -> list[int]:
        return _steps(self._ask(attrition, question, basis))

    def answers(self, questions: Sequence[Question], basis: Basis) -> list[Exact]:
        """As `answer` of each, in one statement: for a place where each statement costs seconds. All the questions must
        be for the purpose of the basis."""
        found = self._ask_all(answer, questions, basis)
        return [_exact(question, rows) for question, rows in zip(questions, found, strict=True)]

    def attritions(self, questions: Sequence[Question], basis: Basis) -> list[list[int]]:
        """As `attrition` of each, in one statement."""
        return [_steps(rows) for rows in self._ask_all(attrition, questions, basis)]

    def _ask(self, of: Callable[[Question], Rows], question: Question, basis: Basis) -> list[tuple[Any, ...]]:
        return self._rows(sql_of(of, question, self.place.dialect), basis)

    def _ask_all(
        self, of: Callable[[Question], Rows], questions: Sequence[Question], basis: Basis
    ) -> list[list[tuple[Any, ...]]]:
        if any(question.purpose != basis.purpose for question in questions):
            raise ValueError("questions in one statement are for one purpose: that of the basis")
        found: list[list[tuple[Any, ...]]] = [[] for _ in questions]
        if not questions:
            return found
        each = (sql_of(of, question, self.place.dialect) for question in questions)
        together = [f"SELECT {n} AS question, t{n}.* FROM (\n{sql}\n) AS t{n}" for n, sql in enumerate(each)]
        for n, *row in self._rows("\nUNION ALL\n".join(together), basis):
            found[n].append(tuple(row))
        return found

    def _rows(self, sql: str, basis: Basis) -> list[tuple[Any, ...]]:
        with self._lock:
            self._permit(basis)
            return list(self.place.rows(sql))

    def _permit(self, basis: Basis) -> None:
        state = basis.state
        wanted = state, state.version, basis.permitting
        if self._permitted is None or not (self._permitted[0] is state and self._permitted[1:] == wanted[1:]):
            self._permitted = None  # should the next line fail half-way
            keys, classes = state.arrays()
            keys = keys[basis.mask[classes]]
            self.place.permit(
                (keys >> 16).astype(np.int32), (keys & 0xFFFF).astype(np.int32), list(state.biobanks)
            )
            self._permitted = wanted


def _exact(question: Question, rows: Iterable[tuple[Any, ...]]) -> Exact:
    whole, cells = 0, {}
    for is_whole, *names, n in rows:
        if is_whole:
            whole = int(n)
        elif n:
            cells[tuple(names[: len(question.by)])] = int(n)
    if not question.by and whole:
        cells[()] = whole
    return Exact(whole, cells)


def _steps(rows: Iterable[tuple[Any, ...]]) -> list[int]:
    return [int(n) for _, n in sorted(rows)]


@functools.lru_cache(maxsize=256)
def sql_of(of: Callable[[Question], Rows], question: Question, dialect: str) -> str:
    """The SQL of `answer` or `attrition` of a question. Kept: writing it takes Ibis some 50 ms."""
    getattr(ibis, dialect)  # loads the options without which some literals cannot be written
    return str(ibis.to_sql(of(question), dialect=dialect))


# --- DuckDB -----------------------------------------------------------------------------------------------


class DuckDB:
    """The tables on a DuckDB connection, as `Store.connect` gives it, or copied from columns. For one engine alone."""

    dialect = "duckdb"

    def __init__(self, link: duckdb.DuckDBPyConnection) -> None:
        self.link = link

    @classmethod
    def of(cls, columns: Columns) -> DuckDB:
        """A copy of the columns in memory."""
        place = cls(duckdb.connect())
        for table, schema in SCHEMAS.items():
            if table != "permitted":
                place._copy(table, schema, getattr(columns, table))
        return place

    def permit(self, donors: NDArray[np.int32], biobanks: NDArray[np.int32], names: Sequence[str]) -> None:
        self._create("permitted", {"donor": donors, "biobank": _decoded(Words(biobanks, list(names)))})

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.link.execute(sql).fetchall()

    def _copy(self, table: str, schema: dict[str, str], columns: Any) -> None:
        found: dict[str, Any] = {}
        for name in schema:
            values = getattr(columns, name)
            if name == "sex":
                values = Words(values.astype(np.int32), [str(sex) for sex in SEXES])
            found[name] = _decoded(values) if isinstance(values, Words) else values
        self._create(table, found)

    def _create(self, table: str, columns: dict[str, Any]) -> None:
        listed = ", ".join(f'{_SQL[kind].format(name)} AS "{name}"' for name, kind in SCHEMAS[table].items())
        self.link.register("_given", columns)
        self.link.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT {listed} FROM _given")
        self.link.unregister("_given")


# A column of numpy as one of DuckDB.
_SQL = {
    "int8": '"{}"::TINYINT',
    "int32": '"{}"::INTEGER',
    "float64": 'CASE WHEN isnan("{0}") THEN NULL ELSE "{0}" END',
    "string": '"{}"::VARCHAR',
    "date": f'CASE WHEN "{{0}}" = {NO_DATE} THEN NULL ELSE DATE \'{EPOCH}\' + "{{0}}" END',
}


def _decoded(words: Words) -> Any:
    """Strings, None where missing."""
    vocabulary = np.array([*words.vocabulary, None], object)
    return vocabulary[np.where(words.codes == NO_WORD, len(words.vocabulary), words.codes)]


# --- the answer -------------------------------------------------------------------------------------------


def answer(question: Question) -> Rows:
    """The whole (first column true) and the cells (false, then a name for each axis, null where there is none)."""
    left = _world().filter(holds(question.such_that, question.ages_at))
    if question.count is Count.DONORS:
        whole = left.select("donor").distinct().aggregate(n=ibis._.count())
    else:
        whole = _weighed(question, _samples(question).semi_join(left, "donor"))
    parts = [_row(True, [], whole)]
    if question.by:
        parts.append(_row(False, question.by, _cells(question, left)))
    return functools.reduce(lambda one, other: one.union(other), parts)


def attrition(question: Question) -> Rows:
    """How many donors are left at each step; step 0 is all of the basis."""
    left, steps = _world(), []
    for step, criterion in enumerate((None, *outermost(question.such_that))):
        if criterion is not None:
            left = left.filter(holds(criterion, question.ages_at))
        steps.append(
            left.aggregate(n=ibis._.count()).select(
                step=ibis.literal(step, "int32"), n=ibis._.n.cast("int64")
            )
        )
    return functools.reduce(lambda one, other: one.union(other), steps)


def _row(whole: bool, by: Sequence[Axis], counted: Rows) -> Rows:
    names = {f"axis{place}": counted[str(axis)] for place, axis in enumerate(by)}
    empty = {f"axis{place}": ibis.null("string") for place in range(len(by), 3)}
    return counted.select(whole=ibis.literal(whole), **names, **empty, n=counted.n.cast("int64").fill_null(0))


def _cells(question: Question, left: Rows) -> Rows:
    """`n` for each combination of the axes."""
    of_donors = question.count is Count.DONORS
    by_specimen = not of_donors or not SPECIMEN_AXES.isdisjoint(question.by)
    rows = _named(left, question.by, lambda axis: _donor_axis(axis, left, question.ages_at))
    if by_specimen:
        samples = _samples(question)
        seen = _named(samples, question.by, lambda axis: _specimen_axis(axis, samples), "aliquots")
        rows = rows.inner_join(seen, "donor")
    if Axis.DIAGNOSIS_CHAPTER in question.by:
        rows = rows.inner_join(_chapters(), "donor")
    names = [str(axis) for axis in question.by]
    if of_donors:
        return rows.select("donor", *names).distinct().group_by(names).aggregate(n=ibis._.count())
    return _weighed(question, rows.group_by(names))


def _weighed(question: Question, rows: Any) -> Rows:
    """Specimens counted or their aliquots summed; a join gave each specimen at most one row in each cell."""
    return rows.aggregate(n=ibis._.aliquots.sum() if question.count is Count.ALIQUOTS else ibis._.count())


def _named(rows: Rows, by: Sequence[Axis], value: Callable[[Axis], Column | None], *more: str) -> Rows:
    """The donor and those axes that these rows know of."""
    found = {str(axis): column for axis in by if (column := value(axis)) is not None}
    return rows.select("donor", *more, **found)


def _donor_axis(axis: Axis, donors: Rows, ages_at: date) -> Column | None:
    match axis:
        case Axis.SEX:
            return donors.sex
        case Axis.REGION:
            return donors.region.fill_null(MISSING)
        case Axis.AGE_BAND:
            years = _age(donors, ages_at)
            low = years - years % BAND
            name = low.cast("string").concat("-", (low + BAND - 1).cast("string"))
            return ibis.cases((years.isnull(), MISSING), (years >= OLDEST, f"{OLDEST}+"), else_=name)
        case _:
            return None


def _specimen_axis(axis: Axis, specimens: Rows) -> Column | None:
    match axis:
        case Axis.YEAR:
            return specimens.collected.year().cast("string").fill_null(MISSING)
        case Axis.BIOBANK:
            return specimens.biobank
        case Axis.COLLECTION:
            return specimens.collection.fill_null(MISSING)
        case Axis.SAMPLE_TYPE:
            return specimens.type.fill_null(MISSING)
        case _:
            return None


def _chapters() -> Rows:
    """Donor and chapter of every diagnosis, each once."""
    rows = _table("diagnoses")
    spans = [(_in_span(rows.code, icd10.span(chapter.number)), chapter.number) for chapter in icd10.CHAPTERS]
    named = {str(Axis.DIAGNOSIS_CHAPTER): ibis.cases(*spans, else_=MISSING)}
    return rows.select("donor", **named).distinct()


# --- who fits ---------------------------------------------------------------------------------------------


def holds(criterion: Criterion, ages_at: date) -> Truth:
    """Whether it is known of a row of `donors` that the criterion holds: true or false, so that `Not` may turn it."""
    donors = _table("donors")
    match criterion:
        case nodes.All(of):
            return functools.reduce(operator.and_, (holds(part, ages_at) for part in of), ibis.literal(True))
        case nodes.Any(of):
            return functools.reduce(operator.or_, (holds(part, ages_at) for part in of), ibis.literal(False))
        case nodes.Not(of):
            return ~holds(of, ages_at)
        case nodes.IsSex(any_of):
            return donors.sex.isin(sorted(map(str, any_of)))
        case nodes.Age(years):
            return _known(_between(_age(donors, ages_at), years.low, years.high))
        case nodes.Born(window):
            return _known(_in_window(donors.born, window))
        case nodes.Alive():
            return ~_known([donors.died <= ibis.date(ages_at)])
        case nodes.LivesIn(any_of):
            return _known([donors.region.isin(sorted(any_of))])
        case nodes.InCohort(cohort):
            cohorts = _table("cohorts")
            return donors.donor.isin(cohorts.filter(cohorts.cohort == cohort).donor)
        case nodes.Variant() | nodes.VariantIn():
            return donors.donor.isin(_carriers(criterion).donor)
        case nodes.Within():
            return donors.donor.isin(_within(criterion).donor)
        case (
            nodes.Diagnosis()
            | nodes.Specimen()
            | nodes.Measurement()
            | nodes.Medication()
            | nodes.Procedure()
        ):
            return donors.donor.isin(_fitting(criterion).donor)
        case _:
            assert_never(criterion)


def _fitting(pattern: Dated) -> Rows:
    """Donor and day of the records of which every condition of the pattern is known to hold."""
    match pattern:
        case nodes.Diagnosis():
            rows = _table("diagnoses")
            spans = [icd10.span(code) for code in sorted(pattern.codes)]
            below = (
                [functools.reduce(operator.or_, (_in_span(rows.code, span) for span in spans))]
                if spans
                else []
            )
            coded = below if pattern.descendants else _among(rows.code, pattern.codes)
            return _dated(_where(rows, coded), "on", pattern.window, pattern.age)
        case nodes.Medication():
            rows = _table("medications")
            starts = [rows.code.startswith(code) for code in sorted(pattern.codes)]
            below = [functools.reduce(operator.or_, starts)] if starts else []
            coded = below if pattern.descendants else _among(rows.code, pattern.codes)
            return _dated(_where(rows, coded), "on", pattern.window, pattern.age)
        case nodes.Procedure():
            rows = _table("procedures")
            return _dated(_where(rows, _among(rows.code, pattern.codes)), "on", pattern.window, pattern.age)
        case nodes.Measurement():
            rows = _table("measurements")
            valued = [rows.code == pattern.code, *_between(rows.value, pattern.low, pattern.high)]
            return _dated(rows.filter(valued), "on", pattern.window, pattern.age)
        case nodes.Specimen():
            return _dated(_specimens(pattern), "collected", Window(), Ages())
        case _:
            assert_never(pattern)


def _specimens(pattern: nodes.Specimen) -> Rows:
    """Specimens that fit, each in a biobank whose consent permits the purpose."""
    rows = _table("specimens").semi_join(_table("permitted"), ["donor", "biobank"])
    rows = rows.filter(
        [
            *_among(rows.type, pattern.types),
            *_among(rows.temperature, pattern.temperatures),
            *_among(rows.biobank, pattern.biobanks),
            *_among(rows.collection, pattern.collections),
            rows.aliquots >= pattern.aliquots,
        ]
    )
    return _of_age(_where(rows, _in_window(rows.collected, pattern.collected)), "collected", pattern.age)


def _samples(question: Question) -> Rows:
    return _specimens(question.samples)


def _dated(rows: Rows, on: str, window: Window, age: Ages) -> Rows:
    rows = _of_age(_where(rows, _in_window(rows[on], window)), on, age)
    return rows.select("donor", day=rows[on])


def _of_age(rows: Rows, on: str, age: Ages) -> Rows:
    """Those records on whose day the donor is of that age."""
    if age.low is None and age.high is None:
        return rows
    joined = rows.inner_join(_table("donors").select("donor", "born"), "donor")
    years = _complete_years(joined.born, joined[on])
    return _where(joined, _between(years, age.low, age.high)).select(*rows.columns)


def _within(criterion: nodes.Within) -> Rows:
    event, anchor = (
        rows.filter(rows.day.notnull()).distinct()
        for rows in (_fitting(criterion.event), _fitting(criterion.anchor))
    )
    if criterion.first:
        anchor = anchor.group_by("donor").aggregate(day=anchor.day.min())
    pairs = event.select("donor", event="day").inner_join(anchor.select("donor", anchor="day"), "donor")
    apart = pairs.event.delta(pairs.anchor, unit="day")
    return _where(pairs, _between(apart, criterion.low, criterion.high))


def _carriers(wanted: nodes.Variant | nodes.VariantIn) -> Rows:
    variants, genotypes = _table("variants"), _table("genotypes")
    if isinstance(wanted, nodes.Variant):
        fits = [
            variants.chromosome == wanted.chromosome,
            variants.position == wanted.position,
            variants.reference == wanted.reference,
            variants.alternate == wanted.alternate,
        ]
    else:
        fits = [
            *([] if wanted.gene is None else [variants.gene == wanted.gene]),
            *([] if wanted.chromosome is None else [variants.chromosome == wanted.chromosome]),
            *_between(variants.position, wanted.start, wanted.end),
        ]
    match wanted.zygosity:
        case Zygosity.HETEROZYGOUS:
            enough = genotypes.copies == 1
        case Zygosity.HOMOZYGOUS:
            enough = genotypes.copies == 2
        case Zygosity.CARRIER:
            enough = genotypes.copies >= 1
    return genotypes.filter(enough).semi_join(_where(variants, fits), "variant")


# --- conditions: lists of what must be true; none where nothing is asked ----------------------------------


def _where(rows: Rows, conditions: Sequence[Truth]) -> Rows:
    return rows.filter(conditions) if conditions else rows


def _known(conditions: Sequence[Truth]) -> Truth:
    """All of them, and false where a missing value leaves it open."""
    return functools.reduce(operator.and_, conditions, ibis.literal(True)).fill_null(False)


def _between(value: Column, low: float | None, high: float | None) -> list[Truth]:
    return [*([] if low is None else [value >= low]), *([] if high is None else [value <= high])]


def _in_window(day: Column, window: Window) -> list[Truth]:
    since, until = window.since, window.until
    return [
        *([] if since is None else [day >= ibis.date(since)]),
        *([] if until is None else [day <= ibis.date(until)]),
    ]


def _among(value: Column, wanted: frozenset[str]) -> list[Truth]:
    return [value.isin(sorted(wanted))] if wanted else []


def _in_span(code: Column, span: icd10.Span) -> Truth:
    return (code >= span.low) & (code < span.high)


def _age(donors: Rows, ages_at: date) -> Column:
    """On the day, or at death for those who died before; null where it is not known."""
    day = ibis.date(ages_at)
    return _complete_years(donors.born, (donors.died < day).fill_null(False).ifelse(donors.died, day))


def _complete_years(born: Column, on: Column) -> Column:
    """As `talka_query.ages.complete_years`; null where a date is missing or the day lies before birth."""
    before_birthday = on.month() * 100 + on.day() < born.month() * 100 + born.day()
    years = on.year() - born.year() - before_birthday.cast("int32")
    return (born <= on).ifelse(years, ibis.null("int32"))


# --- the tables -------------------------------------------------------------------------------------------


@functools.cache
def _table(name: str) -> Rows:
    return ibis.table(SCHEMAS[name], name=name)


def _world() -> Rows:
    """Whom the question is about at all: consent comes before every criterion."""
    return _table("donors").semi_join(_table("permitted"), "donor")
