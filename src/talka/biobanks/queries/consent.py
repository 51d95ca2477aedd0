"""Reads of what donors said: forms, how a donor stands at a biobank, collectors' figures, how far a statement
has come."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import TruncWeek

from talka.biobanks.models import (
    Biobank,
    Collector,
    ConsentForm,
    DataNode,
    DestructionOrder,
    Kind,
    Receipt,
    Role,
    Signer,
    Statement,
)
from talka.biobanks.queries import nodes
from talka.core.values import Period
from talka.domains.models import Ecosystem

SOURCE = "talka"  # of the references that this hub gives out
LETTERS = (
    "bcdfghjkmnpqrstvwxz"  # no vowels: a reference spells no word; no digits: none reads like a personal code
)
SUBJECT = re.compile(r"id:[a-zA-Z0-9._-]{1,40}:[^\s:]{1,70}|pseudonym:[0-9]{1,6}:[0-9a-f]{64}")
ENDS = (Kind.WITHDRAWN, Kind.DESTROYED)


def new_reference() -> str:
    """A donor's reference that nobody has: twenty letters, 85 bits, in fives for whoever must read it aloud."""
    letters = "".join(secrets.choice(LETTERS) for _ in range(20))
    return f"id:{SOURCE}:{'-'.join(letters[at : at + 5] for at in range(0, 20, 5))}"


def subject_of(text: str) -> str:
    """A reference as it was typed or scanned, in its one spelling: what this hub gave out may come without its
    source."""
    bare = text.strip()
    letters = re.sub(r"[\s-]", "", bare).casefold()
    if len(letters) == 20 and set(letters) <= set(LETTERS):
        return f"id:{SOURCE}:{'-'.join(letters[at : at + 5] for at in range(0, 20, 5))}"
    return bare


# ---------------------------------------------------------------- forms and collectors


def forms(ecosystem: Ecosystem) -> QuerySet[ConsentForm]:
    return ConsentForm.objects.filter(ecosystem=ecosystem).select_related("ecosystem")


def forms_in_use(ecosystem: Ecosystem, day: date) -> list[ConsentForm]:
    """Forms that may be signed on a day: of each the newest version."""
    newest: dict[str, ConsentForm] = {}
    for row in forms(ecosystem).order_by("code", "-version"):
        if row.in_use(day):
            newest.setdefault(row.code, row)
    return list(newest.values())


def collectors(ecosystem: Ecosystem) -> QuerySet[Collector]:
    return Collector.objects.filter(ecosystem=ecosystem).select_related(
        "ecosystem", "organisation", "biobank__ecosystem"
    )


def collectors_of(ecosystem: Ecosystem, by: Any) -> list[Collector]:
    """The collectors for which somebody works."""
    mine = by.organisation_ids() if hasattr(by, "organisation_ids") else frozenset()
    return list(
        collectors(ecosystem).filter(Q(organisation__in=mine) | Q(biobank__juristic_person__in=mine))
        if mine
        else ()
    )


def agreed(ecosystem: Ecosystem, day: date) -> QuerySet[Collector]:
    """Collectors with an agreement in force on a day."""
    return collectors(ecosystem).filter(Q(ended_on=None) | Q(ended_on__gt=day), agreed_on__lte=day)


# ---------------------------------------------------------------- what was given, by week


@dataclass(frozen=True)
class Weekly:
    """A collector's consents by week (Monday's date), oldest first, weeks without any as 0."""

    collector: Collector
    weeks: Sequence[tuple[date, int]]

    @property
    def total(self) -> int:
        return sum(count for _week, count in self.weeks)

    @property
    def mean(self) -> float:
        return self.total / len(self.weeks) if self.weeks else 0.0


def given(ecosystem: Ecosystem) -> QuerySet[Statement]:
    """Consents that were asked for: one that only narrows an earlier one is none of these."""
    return Statement.objects.filter(ecosystem=ecosystem, kind_of=Kind.GIVEN, narrows=None)


def monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def weekly(ecosystem: Ecosystem, until: date, weeks: int = 12) -> list[Weekly]:
    """Consents of each collector in the last whole weeks before the one of `until`; most first. Two questions."""
    end = monday(until)
    first = end - timedelta(weeks=weeks)
    counted: dict[tuple[int, date], int] = {}
    rows = (
        given(ecosystem)
        .filter(collector__isnull=False, on__gte=first, on__lt=end)
        .annotate(week=TruncWeek("on"))
        .values("collector", "week")
        .annotate(count=Count("pk"))
        .order_by()
    )
    for row in rows:
        counted[row["collector"], row["week"]] = row["count"]
    mondays = [first + timedelta(weeks=number) for number in range(weeks)]
    found = [
        Weekly(each, [(week, counted.get((each.pk, week), 0)) for week in mondays])
        for each in collectors(ecosystem)
    ]
    return sorted(found, key=lambda each: (-each.total, each.collector.code))


def largest(
    ecosystem: Ecosystem, period: Period | None, today: date, count: int = 3
) -> tuple[list[Weekly], int]:
    """The largest collectors by consents, and how many weeks were counted: those of a period, else the last four."""
    if period is None:
        return weekly(ecosystem, today, 4)[:count], 4
    until = min(period.last + timedelta(days=1), today)
    weeks = max((monday(until) - monday(period.first)).days // 7, 0)
    return (weekly(ecosystem, until, weeks)[:count], weeks) if weeks else ([], 0)


# ---------------------------------------------------------------- how a donor stands


@dataclass(frozen=True)
class Standing:
    """A donor's consent at one biobank on a day; `consent` None: there is none in force, and `why`."""

    biobank: Biobank
    consent: Statement | None
    why: str


def said(subject: str) -> QuerySet[Statement]:
    """Everything said by or about a donor, in the order of days."""
    return (
        Statement.objects.filter(subject=subject)
        .select_related("biobank__ecosystem", "form", "collector", "batch", "ecosystem")
        .order_by("on", "id")
    )


def standing(statements: Iterable[Statement], biobank: Biobank, day: date) -> Standing:
    """How a donor stands at a biobank by these statements, as nodes reckon it (`talka_node.consent.history`).

    Simpler than theirs where the hub knows more (whoever took a statement down was told what would not count) and
    stricter where in doubt; a test holds it to theirs.
    """
    about = [each for each in statements if each.biobank_id in (None, biobank.pk)]
    papers = [each for each in about if each.kind_of == Kind.GIVEN and each.on <= day]
    if not papers:
        return Standing(biobank, None, "never")
    signed = max(each.on for each in papers)
    for each in about:
        if (
            each.kind_of in ENDS
            and min(each.on, each.received_at.date()) <= day
            and signed <= _reach(each, about)
        ):
            return Standing(biobank, None, str(each.kind_of))
    last = [each for each in papers if each.on == signed][-1]
    if any(each.kind_of == Kind.DIED and each.on < signed for each in about):
        return Standing(biobank, None, "posthumous")
    if any(
        each.kind_of == Kind.DIED and each.on <= day and last.form is not None and last.form.ends_at_death
        for each in about
    ):
        return Standing(biobank, None, "died")
    if last.form is not None and last.form.years and day >= _years_later(last.on, last.form.years):
        return Standing(biobank, None, "expired")
    if last.signer == Signer.GUARDIAN and last.adult_on is not None and last.adult_on <= day:
        own = [each for each in about if each.kind_of == Kind.RECONFIRMED and last.adult_on <= each.on <= day]
        if not own:
            return Standing(biobank, None, "came_of_age")
    return Standing(biobank, last, "given")


def _reach(end: Statement, about: Sequence[Statement]) -> date:
    """The last day of signing that it ends; one that would end nothing is dated wrongly, and ends all until it
    was known."""
    known = end.received_at.date()
    earlier = any(
        each.kind_of == Kind.GIVEN and each.on <= end.on and end.biobank_id in (None, each.biobank_id)
        for each in about
    )
    return end.on if earlier or end.kind_of == Kind.DESTROYED else max(end.on, known)


def _years_later(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # 29 February
        return date(day.year + years, 3, 1)


def opted_out(statements: Iterable[Statement], day: date) -> bool:
    """Whether a donor has opted out of secondary use (EHDS) on a day and not opted in again since."""
    told = [each for each in statements if each.on <= day or each.kind_of == Kind.OPTED_OUT]
    out = [each.on for each in told if each.kind_of == Kind.OPTED_OUT]
    back = [each.on for each in told if each.kind_of == Kind.OPTED_IN]
    return any(all(again <= on for again in back) for on in out)


def standings(subject: str, day: date) -> tuple[list[Statement], list[Standing], bool]:
    """What a donor said, how the donor stands at each biobank named in it, and whether opted out. One question."""
    rows = list(said(subject))
    named = {each.biobank.pk: each.biobank for each in rows if each.biobank is not None}
    return rows, [standing(rows, biobank, day) for biobank in named.values()], opted_out(rows, day)


def coming_of_age(ecosystem: Ecosystem, until: date) -> QuerySet[Statement]:
    """Consents of a representative whose donor is of age by a day and has not spoken since: to be asked anew."""
    own = Statement.objects.filter(
        subject=OuterRef("subject"), on__gte=OuterRef("adult_on"), kind_of__in=[Kind.RECONFIRMED, Kind.GIVEN]
    )
    ended = Statement.objects.filter(subject=OuterRef("subject"), kind_of__in=ENDS, on__gte=OuterRef("on"))
    return (
        Statement.objects.filter(
            ecosystem=ecosystem, kind_of=Kind.GIVEN, signer=Signer.GUARDIAN, adult_on__lte=until
        )
        .exclude(Exists(own))
        .exclude(Exists(ended))
        .select_related("biobank__ecosystem", "collector", "form", "ecosystem")
        .order_by("adult_on", "id")
    )


# ---------------------------------------------------------------- the way to the nodes


@dataclass(frozen=True)
class Landing:
    """One node, and when it said that it obeys; `receipt` None: not yet, and what it said last, if anything."""

    node: DataNode
    since: datetime  # when the hub knew
    receipt: Receipt | None
    trouble: Receipt | None

    @property
    def seconds(self) -> float | None:
        """From the hub's knowing to the node's signed word."""
        return None if self.receipt is None else (self.receipt.received_at - self.since).total_seconds()


@dataclass(frozen=True)
class Way:
    """How far a statement has come."""

    statement: Statement
    landings: Sequence[Landing]

    @property
    def landed(self) -> int:
        return sum(each.receipt is not None for each in self.landings)

    @property
    def all(self) -> int:
        return len(self.landings)

    @property
    def whole(self) -> bool:
        return self.landed == self.all

    @property
    def seconds(self) -> float | None:
        """Until the last of those that have said so; None while none has."""
        return max((each.seconds for each in self.landings if each.seconds is not None), default=None)


def way(statement: Statement) -> Way:
    """Which nodes have said that they obey a statement. Two questions."""
    told: dict[int, list[Receipt]] = {}
    if statement.batch_id is not None:
        for receipt in Receipt.objects.filter(batch=statement.batch_id).order_by("id"):
            told.setdefault(receipt.node_id, []).append(receipt)
    landings = []
    for node in nodes.with_role(Role.FEED):
        mine = told.get(node.pk, [])
        good = next((each for each in mine if each.status in nodes.TAKEN), None)
        trouble = None if good else (mine[-1] if mine else None)
        landings.append(Landing(node, statement.received_at, good, trouble))
    return Way(statement, landings)


def statements(ecosystem: Ecosystem) -> QuerySet[Statement]:
    """What was said, newest first."""
    return (
        Statement.objects.filter(ecosystem=ecosystem)
        .select_related("biobank__ecosystem", "form", "collector", "batch", "ecosystem")
        .order_by("-id")
    )


def visible(ecosystem: Ecosystem, by: Any) -> QuerySet[Statement]:
    """What somebody may see of it: what was given to the institutions they work for."""
    mine = by.organisation_ids() if hasattr(by, "organisation_ids") else frozenset()
    if not mine or not by.may("biobanks.intake", ecosystem.pk):
        return Statement.objects.none()
    return statements(ecosystem).filter(
        Q(collector__organisation__in=mine) | Q(biobank__juristic_person__in=mine)
    )


# ---------------------------------------------------------------- destruction, and what had left before


def destructions(ecosystem: Ecosystem) -> QuerySet[DestructionOrder]:
    """Orders to destroy, those that wait first."""
    return (
        DestructionOrder.objects.filter(biobank__ecosystem=ecosystem)
        .select_related("biobank__ecosystem", "statement__ecosystem")
        .order_by("done_on", "due_on", "id")
    )


@dataclass(frozen=True)
class Released:
    """Something that had been given to somebody before: when, to whom, under what, in words and with its page."""

    on: date
    to: str
    what: str
    url: str = ""


# Rooms above that release data or samples say here what they released of a donor; this room knows of none itself.
RELEASES: list[Callable[[str], Sequence[Released]]] = []


def released(subject: str) -> list[Released]:
    """What the rooms above say that had left before, oldest first."""
    return sorted((each for tell in RELEASES for each in tell(subject)), key=lambda each: each.on)
