"""The API of the room: the catalogue, what is free, and bookings by the same verbs as on the pages."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any, Literal

from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Router, Schema, Status
from pydantic import Field

from talka.billing.models import Activity, PayerAccount
from talka.core.actions import Invalid
from talka.core.api import (
    LIMIT,
    OFFSET,
    Exact,
    Seen,
    Text,
    actor,
    holding,
    one_of,
    page,
    page_of,
    reader,
    table,
)
from talka.domains import queries as domains
from talka.domains.api import InEcosystem, here
from talka.facilities import actions, queries, rules, sheets  # noqa: F401 -- the sheets declare themselves
from talka.facilities.hours import Span
from talka.facilities.models import (
    Booking,
    Closure,
    Correction,
    CorrectionState,
    Fault,
    Mode,
    Qualification,
    Regime,
    Resource,
    Terms,
    Unit,
    UserProject,
    Wish,
)
from talka.facilities.queries import calendar, free
from talka.facilities.queries.free import Asked
from talka.parties.models import Account, Organisation

router = Router(tags=["facilities"])
UNITS = "/ecosystems/{ecosystem}/facilities"
ONE = UNITS + "/{unit}"
PROJECT = ONE + "/projects/{project}"
BOOKINGS = "/ecosystems/{ecosystem}/bookings"

table(
    router,
    "facilities.methods",
    "/ecosystems/{ecosystem}/methods",
    name="Method",
    where=InEcosystem,
    parent=here,
)
table(router, "facilities.units", UNITS, name="CoreFacility", where=InEcosystem, parent=here)
table(
    router,
    "facilities.resources",
    "/ecosystems/{ecosystem}/resources",
    name="Resource",
    where=InEcosystem,
    parent=here,
    hidden=lambda who: {} if who is not None else {"expert": None},
)
table(
    router,
    "facilities.hours",
    "/ecosystems/{ecosystem}/opening-hours",
    name="OpeningHours",
    where=InEcosystem,
    parent=here,
)


# ---------------------------------------------------------------- what is free


class SpanOut(Schema):
    """From an instant until before another."""

    starts: datetime
    ends: datetime


class CalendarEventOut(SpanOut):
    """What is in a calendar. Of what is none of the reader's business only that it is taken."""

    resource: str
    label: str
    kind: Literal["mine", "known", "busy", "asked", "closure"]
    booking: int | None


def _unit(request: HttpRequest, ecosystem: str, unit: str) -> Unit:
    found = one_of(
        Unit.objects.filter(ecosystem=domains.enter(request, ecosystem)).select_related(
            "ecosystem", "issuer"
        ),
        "code",
        unit,
    )
    assert isinstance(found, Unit)
    return found


def _resources(unit: Unit, codes: list[str]) -> list[Resource]:
    """By code, in the order given. Raises Invalid for one that the unit does not have."""
    known = {row.code: row for row in Resource.objects.filter(unit=unit).select_related("unit", "tariff")}
    for code in codes:
        if code not in known:
            message = _("“%(code)s” is not one of: %(known)s")
            raise Invalid(message % {"code": code[:80], "known": ", ".join(known) or "–"}, field="resources")
    return [known[code] for code in codes]


@router.get(
    ONE + "/calendar", response=list[CalendarEventOut], summary="What is taken in a unit within some days"
)
def unit_calendar(
    request: HttpRequest, ecosystem: str, unit: str, first: date, last: date, resource: str = ""
) -> Any:
    """At most 62 days. `resource`: the code of one, else all."""
    row = _unit(request, ecosystem, unit)
    if not first <= last <= first + timedelta(days=62):
        raise Invalid(_("From the first to the last day there are 1 to 62 days."), field="last")
    rows = _resources(row, [resource]) if resource else list(queries.resources(row))
    codes = {each.pk: each.code for each in rows}
    window = Span(calendar.day_of(first, row).starts, calendar.day_of(last, row).ends)
    return [
        {
            "resource": codes[each.resource_id],
            "starts": each.span.starts,
            "ends": each.span.ends,
            "label": each.label,
            "kind": each.kind,
            "booking": each.booking_id,
        }
        for each in calendar.events(rows, window, reader(request))
    ]


@router.get(
    ONE + "/free", response=list[SpanOut], summary="The first free places for several resources at once"
)
def free_places(
    request: HttpRequest,
    ecosystem: str,
    unit: str,
    resources: str,
    minutes: int,
    since: datetime | None = None,
    count: int = 5,
) -> Any:
    """`resources`: codes, separated by commas. The places are on the grid and within opening hours; at most 50."""
    row = _unit(request, ecosystem, unit)
    asked = _resources(row, [each for each in resources.split(",") if each])
    if not asked or not 0 < minutes <= 60 * 24 * 31:
        raise Invalid(_("Name at least one resource, and 1 minute to 31 days."), field="minutes")
    begin = max(since, timezone.now()) if since is not None else timezone.now()
    found = free.places(row, Asked.of(row, asked), timedelta(minutes=minutes), begin)
    return [
        {"starts": each.starts, "ends": each.ends}
        for each, _number in zip(found, range(min(count, 50)), strict=False)
    ]


# ---------------------------------------------------------------- bookings


class Numbered(Schema):
    """What was made or changed."""

    id: int
    revision: int


def _numbered(row: Any) -> dict[str, int]:
    return {"id": row.pk, "revision": row.revision}


def _resource(request: HttpRequest, ecosystem: str, unit: str, code: str) -> Resource:
    rows = Resource.objects.select_related("unit__ecosystem", "unit__issuer")
    return get_object_or_404(rows, unit=_unit(request, ecosystem, unit), code=code)


class BookingOut(Schema):
    """A booking, for whoever may see it."""

    id: int
    revision: int
    url: str
    unit: str
    project: str
    resources: list[str]
    starts: datetime
    ends: datetime
    state: str
    purpose: str
    terms_in_words: str
    override: str
    reason: str
    pays: Exact = Field(description="EUR without VAT: the estimate, or what was really used")


BookingPage = page_of(BookingOut)


class BookingIn(Schema):
    """What is to be booked: for the asker, or for `account` (an e-mail) by whoever may."""

    resources: list[str] = Field(description="codes; all of them at once, or none")
    starts: datetime
    ends: datetime
    account: str = ""
    modes: list[str] = []
    purpose: str = ""
    override: str = Field("", description="why rules are set aside, by whoever runs the unit")


class SeriesIn(BookingIn):
    """A booking for each occurrence of a rule of recurrence."""

    rule: str = Field(description="RFC 5545, as in FREQ=WEEKLY;COUNT=10")
    skip: bool = Field(False, description="leave out what cannot be booked, instead of refusing all")


class SeriesOut(Schema):
    """What was booked of a series, and what was left out and why."""

    id: int
    bookings: list[int]
    skipped: list[dict[str, str]]


class MoveIn(Seen):
    """Another time, or other resources."""

    starts: datetime
    ends: datetime
    resources: list[str] | None = None
    override: str = ""


class ReasonIn(Schema):
    """Why."""

    reason: str = ""
    revision: int | None = None


class HandOverIn(Schema):
    """To whom, by e-mail."""

    account: str
    override: str = ""
    revision: int | None = None


def _shown(row: Booking) -> dict[str, Any]:
    slots = calendar.slots_of(row)
    return {
        "id": row.pk,
        "revision": row.revision,
        "url": row.get_absolute_url(),
        "unit": row.unit.code,
        "project": row.project.code,
        "resources": [slot.resource.code for slot in slots if slot.asked],
        "starts": row.starts,
        "ends": row.ends,
        "state": row.state,
        "purpose": row.purpose,
        "terms_in_words": row.terms_in_words,
        "override": row.override,
        "reason": row.reason,
        "pays": sum(each.pays for each in queries.charges_of(row, slots)),
    }


def _booking(request: HttpRequest, ecosystem: str, pk: int) -> Booking:
    rows = Booking.objects.select_related("unit__ecosystem", "project__unit", "project__payer", "account")
    row = get_object_or_404(rows, pk=pk, unit__ecosystem=domains.enter(request, ecosystem))
    if not rules.may_see(reader(request), row):
        raise Http404
    return row


def _project(request: HttpRequest, ecosystem: str, unit: str, project: str) -> UserProject:
    """A project that the asker may see; for others there is none."""
    rows = UserProject.objects.select_related("unit__ecosystem", "payer", "lead")
    row = get_object_or_404(rows, unit=_unit(request, ecosystem, unit), code=project)
    if not rules.may_see(reader(request), row):
        raise Http404
    return row


def _account(email: str, field: str = "account") -> Account:
    found = Account.objects.filter(email__iexact=email).first()
    if found is None:
        raise Invalid(_("Nobody here has the e-mail “%(email)s”.") % {"email": email[:80]}, field=field)
    return found


def _asked(project: UserProject, given: BookingIn) -> dict[str, Any]:
    rows = _resources(project.unit, given.resources)
    modes = list(Mode.objects.filter(resource__in=rows, code__in=given.modes))
    return {
        "resources": rows,
        "starts": given.starts,
        "ends": given.ends,
        "account": _account(given.account) if given.account else None,
        "modes": modes,
        "purpose": given.purpose,
        "override": given.override,
    }


@router.get(BOOKINGS, response=BookingPage, summary="The asker's own bookings that are not over")
def my_bookings(request: HttpRequest, ecosystem: str, limit: int = LIMIT, offset: int = OFFSET) -> Any:
    """The next first."""
    eco = domains.enter(request, ecosystem)
    return page(calendar.bookings_of(actor(request)).filter(unit__ecosystem=eco), limit, offset, _shown)


@router.get(BOOKINGS + "/{int:pk}", response=BookingOut, summary="A booking")
def read_booking(request: HttpRequest, ecosystem: str, pk: int) -> Any:
    """For its user, its project and the people of the unit; for everybody else there is none."""
    return _shown(_booking(request, ecosystem, pk))


@router.post(PROJECT + "/bookings", response={201: BookingOut}, summary="Books")
def book(request: HttpRequest, ecosystem: str, unit: str, project: str, given: BookingIn) -> Any:
    """Books several resources for one time, all or none, by the rules of the pages."""
    row = _project(request, ecosystem, unit, project)
    return Status(201, _shown(actions.book(row, by=actor(request), **_asked(row, given))))


@router.post(PROJECT + "/series", response={201: SeriesOut}, summary="Books a series")
def book_series(request: HttpRequest, ecosystem: str, unit: str, project: str, given: SeriesIn) -> Any:
    """Each occurrence is a booking of its own; ten o'clock stays ten o'clock when the clocks change."""
    row = _project(request, ecosystem, unit, project)
    done = actions.book_series(row, by=actor(request), rule=given.rule, skip=given.skip, **_asked(row, given))
    numbers = list(done.bookings.values_list("pk", flat=True))
    return Status(201, {"id": done.pk, "bookings": numbers, "skipped": done.skipped})


@router.post(BOOKINGS + "/{int:pk}/move", response=BookingOut, summary="Moves a booking")
def move_booking(request: HttpRequest, ecosystem: str, pk: int, given: MoveIn) -> Any:
    """The rules are those of a new one."""
    row = _booking(request, ecosystem, pk)
    rows = _resources(row.unit, given.resources) if given.resources is not None else None
    more = {"starts": given.starts, "ends": given.ends, "override": given.override, "seen": given.revision}
    return _shown(actions.move_booking(row, by=actor(request), resources=rows, **more))  # type: ignore[arg-type]


@router.post(BOOKINGS + "/{int:pk}/cancel", response=BookingOut, summary="Cancels a booking")
def cancel_booking(request: HttpRequest, ecosystem: str, pk: int, given: ReasonIn) -> Any:
    """Late, it costs what the rules say."""
    row = _booking(request, ecosystem, pk)
    return _shown(actions.cancel_booking(row, by=actor(request), reason=given.reason, seen=given.revision))


@router.post(
    BOOKINGS + "/{int:pk}/approve", response=BookingOut, summary="Approves a booking that waits for it"
)
def approve_booking(request: HttpRequest, ecosystem: str, pk: int) -> Any:
    """By whoever runs the unit."""
    return _shown(actions.approve_booking(_booking(request, ecosystem, pk), by=actor(request)))


@router.post(BOOKINGS + "/{int:pk}/decline", response=BookingOut, summary="Declines a booking with a reason")
def decline_booking(request: HttpRequest, ecosystem: str, pk: int, given: ReasonIn) -> Any:
    """By whoever runs the unit."""
    row = _booking(request, ecosystem, pk)
    return _shown(actions.decline_booking(row, by=actor(request), reason=given.reason, seen=given.revision))


@router.post(BOOKINGS + "/{int:pk}/missed", response=BookingOut, summary="Says that nobody came")
def mark_missed(request: HttpRequest, ecosystem: str, pk: int) -> Any:
    """By whoever runs the unit."""
    return _shown(actions.mark_missed(_booking(request, ecosystem, pk), by=actor(request)))


@router.post(BOOKINGS + "/{int:pk}/hand-over", response=BookingOut, summary="Gives a booking to a colleague")
def hand_over_booking(request: HttpRequest, ecosystem: str, pk: int, given: HandOverIn) -> Any:
    """Who must be on the project and allowed to use what is booked."""
    row, to = _booking(request, ecosystem, pk), _account(given.account)
    done = actions.hand_over_booking(
        row, by=actor(request), to=to, override=given.override, seen=given.revision
    )
    return _shown(done)


# ---------------------------------------------------------------- uses and faults


class LogOffIn(Schema):
    """What is said at the end of a use."""

    counter: Exact | None = None
    note: str = ""
    results: str = Field("", description="where the results were handed over")


class TimesIn(Schema):
    """When a use really began and ended, and why it is recorded so."""

    begun_at: datetime
    ended_at: datetime
    reason: str = ""


class DecisionIn(Schema):
    """What becomes of a correction."""

    accept: bool
    answer: str = ""


class FaultIn(Schema):
    """What is wrong; `stops`: it cannot be used."""

    text: str
    stops: bool = False


class RemedyIn(Schema):
    """What was done."""

    remedy: str
    revision: int | None = None


@router.post(BOOKINGS + "/{int:pk}/log-on", response=Numbered, summary="Begins a use")
def log_on(request: HttpRequest, ecosystem: str, pk: int) -> Any:
    """At the booked time, or a little before if nobody else has it then."""
    return _numbered(actions.log_on(_booking(request, ecosystem, pk), by=actor(request)))


@router.post(BOOKINGS + "/{int:pk}/log-off", response=BookingOut, summary="Ends a use")
def log_off(request: HttpRequest, ecosystem: str, pk: int, given: LogOffIn) -> Any:
    """The charges become final, and what is left of the time is free."""
    row = _booking(request, ecosystem, pk)
    actions.log_off(row, by=actor(request), counter=given.counter, note=given.note, results=given.results)
    return _shown(row)


@router.post(BOOKINGS + "/{int:pk}/record", response=BookingOut, summary="Records a use after it was")
def record_use(request: HttpRequest, ecosystem: str, pk: int, given: TimesIn) -> Any:
    """By whoever runs the unit, where nobody logged on."""
    row = _booking(request, ecosystem, pk)
    times = {"begun_at": given.begun_at, "ended_at": given.ended_at}
    actions.record_use(row, by=actor(request), note=given.reason, **times)
    return _shown(row)


@router.post(
    BOOKINGS + "/{int:pk}/corrections", response={201: Numbered}, summary="Asks for a correction of a use"
)
def ask_correction(request: HttpRequest, ecosystem: str, pk: int, given: TimesIn) -> Any:
    """With the reason; whoever runs the unit decides."""
    row = _booking(request, ecosystem, pk)
    times = {"begun_at": given.begun_at, "ended_at": given.ended_at}
    return Status(
        201, _numbered(actions.ask_correction(row, by=actor(request), reason=given.reason, **times))
    )


@router.post(
    BOOKINGS + "/{int:pk}/corrections/decide", response=BookingOut, summary="Decides on a correction"
)
def decide_correction(request: HttpRequest, ecosystem: str, pk: int, given: DecisionIn) -> Any:
    """If it is accepted, the charges are reckoned anew."""
    row = _booking(request, ecosystem, pk)
    waiting = Correction.objects.select_related("use__booking__unit", "use__booking__project__payer")
    found = get_object_or_404(waiting, use__booking=row, state=CorrectionState.ASKED)
    actions.decide_correction(found, by=actor(request), accept=given.accept, answer=given.answer)
    return _shown(row)


@router.post(ONE + "/resources/{code}/faults", response={201: Numbered}, summary="Reports a fault")
def report_fault(request: HttpRequest, ecosystem: str, unit: str, code: str, given: FaultIn) -> Any:
    """If it cannot be used, it is out of order from now on."""
    row = _resource(request, ecosystem, unit, code)
    return Status(
        201, _numbered(actions.report_fault(row, by=actor(request), text=given.text, stops=given.stops))
    )


@router.post(ONE + "/faults/{int:pk}/mend", response=Numbered, summary="Says that a fault is mended")
def mend_fault(request: HttpRequest, ecosystem: str, unit: str, pk: int, given: RemedyIn) -> Any:
    """And what was done."""
    rows = Fault.objects.select_related("resource__unit")
    row = get_object_or_404(rows, pk=pk, resource__unit=_unit(request, ecosystem, unit))
    return _numbered(actions.mend_fault(row, by=actor(request), remedy=given.remedy, seen=given.revision))


# ---------------------------------------------------------------- the waiting list


class WishIn(Schema):
    """So many minutes of all of these, between two moments."""

    resources: list[str]
    minutes: int
    earliest: datetime
    latest: datetime
    account: str = ""
    purpose: str = ""


class WishOut(Schema):
    """A place on the waiting list."""

    id: int
    state: str
    minutes: int
    earliest: datetime
    latest: datetime
    booking: int | None = Field(description="what was booked, once it came true")


def _wish(row: Wish) -> dict[str, Any]:
    shown = {name: getattr(row, name) for name in ("state", "minutes", "earliest", "latest")}
    return {"id": row.pk, "booking": row.booking_id, **shown}


@router.post(PROJECT + "/wishes", response={201: WishOut}, summary="Puts the asker on the waiting list")
def make_wish(request: HttpRequest, ecosystem: str, unit: str, project: str, given: WishIn) -> Any:
    """A gap that opens is booked for whoever waits longest."""
    row = _project(request, ecosystem, unit, project)
    made = actions.wish(
        row,
        by=actor(request),
        resources=_resources(row.unit, given.resources),
        minutes=given.minutes,
        earliest=given.earliest,
        latest=given.latest,
        account=_account(given.account) if given.account else None,
        purpose=given.purpose,
    )
    return Status(201, _wish(made))


@router.post(PROJECT + "/wishes/{int:pk}/withdraw", response=WishOut, summary="Leaves the waiting list")
def withdraw_wish(request: HttpRequest, ecosystem: str, unit: str, project: str, pk: int) -> Any:
    """By whoever waits."""
    row = get_object_or_404(Wish, pk=pk, project=_project(request, ecosystem, unit, project))
    return _wish(actions.withdraw_wish(row, by=actor(request)))


# ---------------------------------------------------------------- running a unit


class PersonIn(Schema):
    """Who runs the unit, by e-mail."""

    account: str
    part: Literal["manager", "operator"] = "operator"
    until: date | None = None


class HoursIn(Schema):
    """Open on a day of the week (Monday 1); 00:00 as the end is the midnight after."""

    weekday: int
    opens: time
    closes: time


class WeekIn(Schema):
    """The opening hours as a whole: of the unit, or of one resource of it."""

    hours: list[HoursIn]
    resource: str = ""


class ClosureIn(SpanOut):
    """When a unit, or one resource, cannot be used."""

    kind: Literal["closed", "maintenance", "outage"] = "closed"
    title: Text
    resource: str = ""


class ModeIn(Schema):
    """A way to use an instrument."""

    code: str
    title: Text


class WithdrawIn(ReasonIn):
    """Why, and whether bookings ahead are declined."""

    decline: bool = False


class TermsIn(Schema):
    """Terms of use, in force from a day."""

    since: date
    text: Text


class QualificationIn(Schema):
    """Somebody may use an instrument alone."""

    account: str
    starts: date | None = None
    ends: date | None = None
    trained_by: str = ""


class CertificateIn(Schema):
    """A safety certificate that somebody showed."""

    account: str
    code: str
    starts: date
    ends: date | None = None
    issued_by: str = ""


@router.post(ONE + "/people", response=Numbered, summary="Says what somebody is in a unit")
def put_person(request: HttpRequest, ecosystem: str, unit: str, given: PersonIn) -> Any:
    """A manager or an operator, until a day."""
    row, who = _unit(request, ecosystem, unit), _account(given.account)
    return _numbered(
        actions.put_person(row, by=actor(request), account=who, part=given.part, until=given.until)
    )


@router.post(ONE + "/people/remove", response={204: None}, summary="Ends somebody's part in a unit")
def remove_person(request: HttpRequest, ecosystem: str, unit: str, given: PersonIn) -> Any:
    """The last manager stays."""
    actions.remove_person(_unit(request, ecosystem, unit), by=actor(request), account=_account(given.account))
    return Status(204, None)


@router.put(ONE + "/hours", response=Numbered, summary="Sets opening hours")
def set_hours(request: HttpRequest, ecosystem: str, unit: str, given: WeekIn) -> Any:
    """As a whole: what is not sent is closed."""
    row = _unit(request, ecosystem, unit)
    [resource] = _resources(row, [given.resource]) if given.resource else [None]
    week = [(each.weekday, each.opens, each.closes) for each in given.hours]
    return _numbered(actions.set_hours(row, by=actor(request), hours=week, resource=resource))


@router.post(ONE + "/closures", response={201: Numbered}, summary="Closes a unit or a resource for a time")
def add_closure(request: HttpRequest, ecosystem: str, unit: str, given: ClosureIn) -> Any:
    """Bookings in it stay until they are moved or declined."""
    row = _unit(request, ecosystem, unit)
    [resource] = _resources(row, [given.resource]) if given.resource else [None]
    made = actions.add_closure(
        row,
        by=actor(request),
        starts=given.starts,
        ends=given.ends,
        resource=resource,
        kind_of=given.kind,
        title_lv=given.title.lv,
        title_en=given.title.en,
    )
    return Status(201, _numbered(made))


@router.delete(ONE + "/closures/{int:pk}", response={204: None}, summary="Opens again what was closed")
def remove_closure(request: HttpRequest, ecosystem: str, unit: str, pk: int) -> Any:
    """By whoever runs the unit."""
    row = get_object_or_404(
        Closure.objects.select_related("unit"), pk=pk, unit=_unit(request, ecosystem, unit)
    )
    actions.remove_closure(row, by=actor(request))
    return Status(204, None)


@router.post(
    ONE + "/resources/{code}/modes", response={201: Numbered}, summary="Adds a way to use an instrument"
)
def add_mode(request: HttpRequest, ecosystem: str, unit: str, code: str, given: ModeIn) -> Any:
    """With a price of its own if it has one."""
    row = _resource(request, ecosystem, unit, code)
    made = actions.add_mode(
        row, by=actor(request), code=given.code, title_lv=given.title.lv, title_en=given.title.en
    )
    return Status(201, _numbered(made))


@router.post(ONE + "/resources/{code}/withdraw", response=Numbered, summary="Withdraws a resource for good")
def withdraw_resource(request: HttpRequest, ecosystem: str, unit: str, code: str, given: WithdrawIn) -> Any:
    """With bookings ahead it is refused, unless they are to be declined with the reason."""
    row = _resource(request, ecosystem, unit, code)
    with holding(row, given.revision):
        done = actions.withdraw_resource(row, by=actor(request), reason=given.reason, decline=given.decline)
    return _numbered(done)


@router.post(ONE + "/resources/{code}/qualified", response={201: Numbered}, summary="Qualifies somebody")
def qualify(request: HttpRequest, ecosystem: str, unit: str, code: str, given: QualificationIn) -> Any:
    """By whoever runs the unit."""
    row = _resource(request, ecosystem, unit, code)
    made = actions.qualify(
        row,
        by=actor(request),
        account=_account(given.account),
        starts=given.starts,
        ends=given.ends,
        trained_by=given.trained_by,
    )
    return Status(201, _numbered(made))


@router.post(ONE + "/qualifications/{int:pk}/end", response=Numbered, summary="Ends a qualification today")
def end_qualification(request: HttpRequest, ecosystem: str, unit: str, pk: int) -> Any:
    """By whoever runs the unit."""
    rows = Qualification.objects.select_related("resource__unit")
    row = get_object_or_404(rows, pk=pk, resource__unit=_unit(request, ecosystem, unit))
    return _numbered(actions.end_qualification(row, by=actor(request)))


@router.post(ONE + "/certificates", response={201: Numbered}, summary="Records a safety certificate")
def add_certificate(request: HttpRequest, ecosystem: str, unit: str, given: CertificateIn) -> Any:
    """It counts at every unit."""
    row = _unit(request, ecosystem, unit)
    values = given.dict(exclude={"account"})
    return Status(
        201,
        _numbered(actions.add_certificate(row, by=actor(request), account=_account(given.account), **values)),
    )


@router.post(ONE + "/terms", response={201: Numbered}, summary="Sets new terms of use")
def publish_terms(request: HttpRequest, ecosystem: str, unit: str, given: TermsIn) -> Any:
    """Whoever books from that day on accepts them first."""
    row = _unit(request, ecosystem, unit)
    made = actions.publish_terms(
        row, by=actor(request), since=given.since, text_lv=given.text.lv, text_en=given.text.en
    )
    return Status(201, _numbered(made))


@router.post(ONE + "/terms/{int:number}/accept", response=Numbered, summary="Accepts a version of the terms")
def accept_terms(request: HttpRequest, ecosystem: str, unit: str, number: int) -> Any:
    """For oneself."""
    row = get_object_or_404(Terms, unit=_unit(request, ecosystem, unit), number=number)
    who = actor(request)
    return _numbered(actions.accept_terms(who, by=who, terms=row))


# ---------------------------------------------------------------- projects


class ProjectIn(Schema):
    """A user's project. `lead` by e-mail, `organisation` and `payer` by code."""

    code: str
    title: str
    lead: str
    activity: Literal[tuple(Activity.values)]  # type: ignore[valid-type]
    organisation: str = ""
    payer: str = ""
    regime: Literal[tuple(Regime.values)] = Regime.OPEN.value  # type: ignore[valid-type]
    delay_months: int = 0
    background: str = ""
    nda: str = ""
    starts: date
    ends: date | None = None
    closed: bool = False


class ProjectChange(ProjectIn, Seen):
    """The whole project as it is to be, and the revision that was seen."""


class MemberIn(Schema):
    """Who may book for the project, by e-mail, until a day."""

    account: str
    until: date | None = None


def _values(unit: Unit, given: ProjectIn) -> dict[str, Any]:
    values = given.dict(exclude={"lead", "organisation", "payer", "revision"})
    payer = None
    if given.payer:
        payer = PayerAccount.objects.filter(issuer=unit.issuer, code=given.payer).first()
        if payer is None:
            message = _("“%(code)s” is no account with whoever issues this unit's invoices.")
            raise Invalid(message % {"code": given.payer[:80]}, field="payer")
    organisation = None
    if given.organisation:
        organisation = Organisation.objects.filter(code=given.organisation, merged_into=None).first()
        if organisation is None:
            message = _("There is no organisation “%(code)s”.")
            raise Invalid(message % {"code": given.organisation[:80]}, field="organisation")
    return {**values, "lead": _account(given.lead, "lead"), "payer": payer, "organisation": organisation}


@router.post(ONE + "/projects", response={201: Numbered}, summary="Opens a project of a user")
def add_project(request: HttpRequest, ecosystem: str, unit: str, given: ProjectIn) -> Any:
    """By whoever runs the unit."""
    row = _unit(request, ecosystem, unit)
    return Status(201, _numbered(actions.add_project(row, by=actor(request), **_values(row, given))))


@router.put(PROJECT, response=Numbered, summary="Changes a project")
def edit_project(request: HttpRequest, ecosystem: str, unit: str, project: str, given: ProjectChange) -> Any:
    """What is booked already keeps the terms of its day."""
    row = _project(request, ecosystem, unit, project)
    values = _values(row.unit, given)
    return _numbered(actions.edit_project(row, by=actor(request), seen=given.revision, **values))


@router.post(PROJECT + "/members", response=Numbered, summary="Lets somebody book for a project")
def put_member(request: HttpRequest, ecosystem: str, unit: str, project: str, given: MemberIn) -> Any:
    """By whoever leads it or runs the unit."""
    row, who = _project(request, ecosystem, unit, project), _account(given.account)
    return _numbered(actions.put_member(row, by=actor(request), account=who, until=given.until))


@router.post(PROJECT + "/members/remove", response={204: None}, summary="Lets somebody book no more")
def remove_member(request: HttpRequest, ecosystem: str, unit: str, project: str, given: MemberIn) -> Any:
    """What is booked stays."""
    row = _project(request, ecosystem, unit, project)
    actions.remove_member(row, by=actor(request), account=_account(given.account))
    return Status(204, None)
