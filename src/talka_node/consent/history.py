"""What happened to a donor's consents, and what follows for any day: replay of an append-only history.

The order in which events became known does not matter, only what they say; where they contradict each other, the
reading that permits less wins:

* The consent signed last among those that have begun governs; when it has run out, an older one does not come back.
  Two different ones signed on one day must both permit.
* A withdrawal ends all that was signed up to its day (the same day too: whoever signs again, counts from the next). It
  works from its day or from the day it became known, whichever is earlier. One that would end nothing is dated
  wrongly: it ends all that was signed until it became known.
* A representative's consent ends on the day the donor comes of age, unless the donor has reconfirmed it on or after
  that day. That also holds for a donor who died before: nobody can reconfirm.
* A biobank consent outlives the donor, unless its form says otherwise or is not known. What is signed after
  death is void, and nothing older comes back for it.
* Destruction ends all that was signed up to its day.
* The EHDS opt-out stands beside the biobanks' consents, for all of them, until opted in again on a later day.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from talka_node.consent.decision import By, Consent, Standing
from talka_node.consent.forms import Form, Forms

ONE_DAY = timedelta(1)
LAST_DAY = date.max


class Kind(StrEnum):
    GIVEN = "given"
    WITHDRAWN = "withdrawn"
    RECONFIRMED = "reconfirmed"
    OPTED_OUT = "opted_out"
    OPTED_IN = "opted_in"
    DIED = "died"
    DESTROYED = "destroyed"


REFUSALS = frozenset({Kind.WITHDRAWN, Kind.OPTED_OUT, Kind.DIED, Kind.DESTROYED})  # these get a tombstone
OF_DONOR = frozenset({Kind.OPTED_OUT, Kind.OPTED_IN, Kind.DIED})  # of no biobank in particular


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `id` names it for ever, at whoever tells it: the same id is the same event.

    `donor` is the node's number; where the node has none yet, `subject` (a lasting pseudonym) names the person and the
    event waits. `on` is the day of the act. `biobank` None means every biobank. For a consent given: the form, its
    version and the boxes ticked, who signed, the days from `since` to `until` (both included; None: from the day of
    signing, and as long as the form says), and the day on which a minor comes of age.
    """

    id: str
    kind: Kind
    on: date
    donor: int | None = None
    biobank: str | None = None
    form: str | None = None
    version: int | None = None
    options: frozenset[str] = frozenset()
    by: By = By.SELF
    since: date | None = None
    until: date | None = None
    adult_on: date | None = None
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as the node knows it: its number in the log, the day (UTC) on which it became known, the digest of its
    form then, and whether it is void because a tombstone had ended it before."""

    number: int
    known: date
    event: Event
    digest: str | None = None
    void: bool = False


class NotAnEvent(ValueError):
    """An event that cannot be recorded, and what would have been right."""


# Not within hexadecimal digits: every 250th UUID has eleven decimal ones in a row.
_PERSONAL_CODE = re.compile(r"(?<![0-9A-Fa-f])\d{6}-?\d{5}(?![0-9A-Fa-f])")


def check(event: Event) -> None:
    """Raise NotAnEvent unless the event says all that its kind needs, and nothing else."""

    def refuse(field: str, right: str) -> None:
        # Values are not repeated: nobody knows what stands in a wrong field.
        raise NotAnEvent(f"consent event of kind {event.kind}: {field}: {right}")

    for name, text in (("id", event.id), ("subject", event.subject), ("biobank", event.biobank)):
        if text is None:
            continue
        if not text or len(text) > 200 or not text.isprintable():
            refuse(name, "1 to 200 printable characters")
        if _PERSONAL_CODE.search(text):
            refuse(name, "no personal codes: they never reach the log")
    if event.donor is None and event.subject is None:
        refuse("donor", "the donor's number, or a subject where the node has no number yet")
    if event.donor is not None and not 0 <= event.donor < 2**31:
        refuse("donor", f"from 0 to {2**31 - 1}")
    if event.kind in OF_DONOR and event.biobank is not None:
        refuse("biobank", "none: it is about the person")
    if event.kind is Kind.GIVEN:
        if event.biobank is None:
            refuse("biobank", "to which it was given")
        if not event.form or event.version is None or event.version < 1:
            refuse("form", "the form's name, and its version from 1")
        if any(_PERSONAL_CODE.search(each) for each in (event.form or "", *event.options)):
            refuse("options", "no personal codes: they never reach the log")
        if event.until is not None and event.until < (event.since or event.on):
            refuse("until", "not before the consent begins")
    else:
        silent = Event(event.id, event.kind, event.on, event.donor, event.biobank)
        for field in ("form", "version", "options", "since", "until", "adult_on"):
            if getattr(event, field) != getattr(silent, field):
                refuse(field, "only for a consent given")


# --- spelling ---------------------------------------------------------------------------------------------

_DAYS = frozenset({"on", "since", "until", "adult_on"})
_FIELDS = {each.name for each in fields(Event)}


def spelt(event: Event) -> dict[str, Any]:
    """An event as JSON: what goes without saying is left out."""
    found: dict[str, Any] = {"id": event.id, "kind": event.kind.value, "on": event.on.isoformat()}
    for name in ("donor", "biobank", "form", "version", "subject"):
        if getattr(event, name) is not None:
            found[name] = getattr(event, name)
    for name in ("since", "until", "adult_on"):
        if getattr(event, name) is not None:
            found[name] = getattr(event, name).isoformat()
    if event.options:
        found["options"] = sorted(event.options)
    if event.by is not By.SELF:
        found["by"] = event.by.value
    return found


def event_of(told: Any) -> Event:
    """The event that JSON tells; NotAnEvent where it is none."""
    if not isinstance(told, dict):
        raise NotAnEvent("a consent event is an object with id, kind and on")
    unknown = sorted(map(str, told.keys() - _FIELDS))
    if unknown:
        raise NotAnEvent(
            f"a consent event has no field {', '.join(unknown)}; it has {', '.join(sorted(_FIELDS))}"
        )
    missing = [name for name in ("id", "kind", "on") if told.get(name) is None]
    if missing:
        raise NotAnEvent(f"consent event: {', '.join(missing)}: missing; every event has id, kind and on")
    values: dict[str, Any] = dict(told)
    try:
        for name in values.keys() & _DAYS:
            values[name] = _day(values[name])
        values["kind"] = Kind(values["kind"])
        values["by"] = By(values.get("by", "self"))
        values["options"] = frozenset(values.get("options", ()))
        wrong = [
            name
            for name, kind in (
                ("id", str), ("donor", int), ("biobank", str), ("form", str), ("version", int), ("subject", str)
            )
            if values.get(name) is not None and type(values[name]) is not kind
        ]  # fmt: skip
        if wrong or not all(isinstance(each, str) for each in values["options"]):
            raise NotAnEvent(f"consent event: {', '.join(wrong) or 'options'}: not of the right type")
        event = Event(**values)
    except NotAnEvent:
        raise
    except (KeyError, TypeError, ValueError) as error:
        name = (
            error.args[0] if isinstance(error, KeyError) else "kind, on, by, options, since, until, adult_on"
        )
        raise NotAnEvent(
            f"consent event: missing or misspelt: {name}; days are written as 2026-01-31"
        ) from None
    check(event)
    return event


def event_in(told: dict[str, Any]) -> Event:
    """As `event_of`, for what was checked before it was written: twice as fast."""

    def day(name: str) -> date | None:
        text = told.get(name)
        return None if text is None else date.fromisoformat(text)

    return Event(
        told["id"],
        Kind(told["kind"]),
        date.fromisoformat(told["on"]),
        told.get("donor"),
        told.get("biobank"),
        told.get("form"),
        told.get("version"),
        frozenset(told.get("options", ())),
        By(told.get("by", "self")),
        day("since"),
        day("until"),
        day("adult_on"),
        told.get("subject"),
    )


def _day(text: Any) -> date:
    if isinstance(text, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return date.fromisoformat(text)
    raise ValueError("a day")


# --- replay -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Found:
    """The standing on a day; where there is none, why: never, not_yet, withdrawn, destroyed, expired, came_of_age,
    died, posthumous, void."""

    standing: Standing | None
    why: str


def standing(history: Sequence[Recorded], biobank: str, day: date, forms: Forms) -> Found:
    """How one donor stood at one biobank on one day, by all that `history` knows about that donor."""
    events = [each for each in history if each.event.biobank in (None, biobank)]
    given = [each for each in events if each.event.kind is Kind.GIVEN]
    if not given:
        return Found(None, "never")
    died = min((each.event.on for each in events if each.event.kind is Kind.DIED), default=LAST_DAY)

    begun = [each for each in given if _begins(each.event) <= day]
    if not begun:
        return Found(None, "not_yet")
    signed = max(each.event.on for each in begun)
    for each in events:
        kind = each.event.kind
        if (
            kind in (Kind.WITHDRAWN, Kind.DESTROYED)
            and _works(each) <= day
            and signed <= _reach(each, history)
        ):
            return Found(None, kind.value)

    confirmed = [
        each.event.on
        for each in events
        if each.event.kind is Kind.RECONFIRMED
        and each.event.by is By.SELF
        and each.event.on <= min(day, died)
    ]
    papers = [each for each in begun if each.event.on == signed]
    dated = {replace(each.event, id="", adult_on=None) for each in papers if each.event.adult_on is not None}
    consents = set()
    for each in papers:
        event = each.event
        if event.by is By.GUARDIAN and event.adult_on is None and replace(event, id="") in dated:
            continue  # told again with the day of coming of age, which was not known at first: no other paper
        found = _in_force(each, day, died, confirmed, forms)
        if isinstance(found, str):
            return Found(None, found)
        consents.add(found)
    return Found(Standing(frozenset(consents), _opted_out(events, day, died)), "given")


def _begins(event: Event) -> date:
    """Nobody consents before signing."""
    return max(event.since or event.on, event.on)


def _works(refusal: Recorded) -> date:
    return min(refusal.event.on, refusal.known)


def _reach(refusal: Recorded, history: Sequence[Recorded]) -> date:
    """The last day of signing that a withdrawal or destruction ends."""
    event = refusal.event
    if event.kind is Kind.WITHDRAWN and not any(
        each.event.kind is Kind.GIVEN
        and event.biobank in (None, each.event.biobank)
        and each.event.on <= event.on
        for each in history
    ):
        return max(event.on, refusal.known)
    return event.on


def _in_force(
    given: Recorded, day: date, died: date, confirmed: Sequence[date], forms: Forms
) -> Consent | str:
    """The consent as it stands on a day on which nothing has withdrawn it, or why it has ended by itself."""
    event = given.event
    if given.void:
        return "void"
    if died < event.on:
        return "posthumous"
    assert event.form is not None and event.version is not None
    form = forms.get(event.form, event.version)
    if _ends(event, form) < day:
        return "expired"
    if died <= day and (form is None or form.ends_at_death):
        return "died"
    own = event.by is By.SELF and (event.adult_on is None or event.adult_on <= event.on)
    own = own or (
        event.adult_on is not None and any(max(event.adult_on, event.on) <= each for each in confirmed)
    )
    doubts = set()
    if not own:
        if event.adult_on is not None and event.adult_on <= day:
            return "came_of_age"
        if event.by is By.SELF:
            doubts.add("minor_signed")
        elif event.adult_on is None:
            doubts.add("age_unknown")
        if event.by is By.GUARDIAN and form is not None and not form.guardian:
            doubts.add("guardian_not_foreseen")
    if form is not None:
        if given.digest is not None and given.digest != form.digest:
            doubts.add("form_changed")
        if not (form.since or date.min) <= event.on <= (form.until or LAST_DAY):
            doubts.add("form_not_in_use")
    return Consent(
        event.form, event.version, event.options, By.SELF if own else By.GUARDIAN, frozenset(doubts)
    )


def _ends(event: Event, form: Form | None) -> date:
    """The last day by the calendar: what the paper says, but never longer than the form allows."""
    until = event.until or LAST_DAY
    if form is None or form.years is None:
        return until
    begins = _begins(event)
    year = begins.year + form.years
    if year > LAST_DAY.year:
        return until
    try:
        again = begins.replace(year=year)
    except ValueError:  # 29 February: the years are full at the end of the 28th
        again = date(year, 3, 1)
    return min(until, again - ONE_DAY)


def _opted_out(events: Iterable[Recorded], day: date, died: date) -> bool:
    out = [each for each in events if each.event.kind is Kind.OPTED_OUT and _works(each) <= day]
    back = [
        each.event.on
        for each in events
        if each.event.kind is Kind.OPTED_IN and each.event.on <= min(day, died)
    ]
    return any(all(again <= each.event.on for again in back) for each in out)


def timelines(history: Sequence[Recorded], forms: Forms) -> dict[str, list[tuple[date, Standing | None]]]:
    """For each biobank of one donor's history, the days on which the standing changes and what it changes to.

    It asks `standing` on every day on which something could change, so it can say nothing else than `standing` does.
    """
    days = set()
    for each in history:
        event = each.event
        days |= {event.on, _works(each)}
        if event.kind is Kind.GIVEN:
            assert event.form is not None and event.version is not None
            days.add(_begins(event))
            last = _ends(event, forms.get(event.form, event.version))
            if last < LAST_DAY:
                days.add(last + ONE_DAY)
            if event.adult_on is not None:
                days.add(event.adult_on)
    ordered = sorted(days)
    found: dict[str, list[tuple[date, Standing | None]]] = {}
    for biobank in sorted({each.event.biobank for each in history if each.event.biobank is not None}):
        steps: list[tuple[date, Standing | None]] = []
        held = None
        for day in ordered:
            now = standing(history, biobank, day, forms).standing
            if now != held:
                steps.append((day, now))
                held = now
        found[biobank] = steps
    return found
