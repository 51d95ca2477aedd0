"""Verbs of consent: forms, collectors, what donors say, the feed that carries it to the nodes, destruction and
its acts.

Every statement has an id that its maker gave. Told again it is known and changes nothing, so a counter that
was without a network for a day may send its day twice.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from talka.biobanks import rules
from talka.biobanks.actions._keeping import PERSONAL_CODE, _check_code, _clean, _put
from talka.biobanks.models import (
    Batch,
    Biobank,
    Collector,
    ConsentForm,
    DestructionOrder,
    Kind,
    Signer,
    Statement,
    Way,
)
from talka.biobanks.models.consent import boxes, terms
from talka.biobanks.queries import consent as queries
from talka.biobanks.queries import nodes
from talka.biobanks.wire import signing
from talka.core import attachments, bulk, locking
from talka.core.actions import Hub, Invalid, action
from talka.core.bilingual import both
from talka.core.search import searchable
from talka.domains.models import Ecosystem

MOST = 1000  # statements at once
MESSAGE = 500  # events in one message of the feed
DESTROY_WITHIN = timedelta(days=30)  # of the house, until a regulation says otherwise
# At a counter somebody of the collector sees the donor sign.
WITNESSED = frozenset({Way.COUNTER, Way.PAPER, Way.OFFLINE})


# ---------------------------------------------------------------- forms


@action(needs=rules.may_keep_forms)
def write_form(ecosystem: Ecosystem, *, by: Any, **values: Any) -> ConsentForm:
    """Writes a form, or a new version of one. It can be signed once it is published."""
    code = str(values.get("code", "")).strip()
    if not values.get("version"):
        latest = ConsentForm.objects.filter(code=code).order_by("-version").first()
        values["version"] = latest.version + 1 if latest else 1
    return _form(ConsentForm(ecosystem=ecosystem), values)


@action(needs=rules.may_keep_forms)
def edit_form(form: ConsentForm, *, by: Any, seen: int | None = None, **values: Any) -> ConsentForm:
    """Changes a form that is not published. Of a published one only its last day of use: those who signed signed it."""
    locking.check(form, seen)
    if form.published_on is not None:
        changed = {name for name, value in values.items() if getattr(form, name) != value}
        if changed - {"until"}:
            raise Invalid(
                _("It is published, and donors signed it as it is: write version %(next)d.")
                % {"next": form.version + 1},
                field=min(changed - {"until"}),
            )
    return _form(form, values)


@action(needs=rules.may_keep_forms)
def publish_form(form: ConsentForm, *, by: Any, on: date | None = None) -> ConsentForm:
    """Publishes a form: from now on it can be signed, and nothing of it changes."""
    if form.published_on is not None:
        raise Invalid(_("It is published already."))
    form.published_on = on or timezone.localdate()
    form.save()
    return form


def _form(row: ConsentForm, values: Mapping[str, Any]) -> ConsentForm:
    _put(row, values, frozenset({"id", "revision", "ecosystem", "published_on"}))
    row.always = terms(row.always or [], "always")
    row.options = boxes(row.options or [])
    names = [each["name"] for each in row.options]
    if not names:
        raise Invalid(_("A form has at least one box."), field="options")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Invalid(_("The box “%(name)s” stands twice.") % {"name": twice[0]}, field="options")
    if row.since and row.until and row.until < row.since:
        raise Invalid(_("It would end before it begins."), field="until")
    if row.years is not None and not 1 <= row.years <= 150:
        raise Invalid(_("A signature lasts 1 to 150 years, or until withdrawn."), field="years")
    taken = ConsentForm.objects.filter(code=row.code, version=row.version).exclude(pk=row.pk).first()
    if taken is not None:
        raise Invalid(_("This version is there already: “%(name)s”.") % {"name": taken}, field="version")
    _clean(row)
    row.save()
    return row


# ---------------------------------------------------------------- collectors


@action(needs=rules.may_keep_forms)
def add_collector(ecosystem: Ecosystem, *, by: Any, **values: Any) -> Collector:
    """Notes a collector, and since when there is an agreement that it asks for consent in its intake."""
    return _collector(Collector(ecosystem=ecosystem), values)


@action(needs=rules.may_keep_forms)
def edit_collector(collector: Collector, *, by: Any, seen: int | None = None, **values: Any) -> Collector:
    """Changes a collector or its agreement."""
    locking.check(collector, seen)
    return _collector(collector, values)


def _collector(row: Collector, values: Mapping[str, Any]) -> Collector:
    _put(row, values, frozenset({"id", "revision", "ecosystem"}))
    _check_code(row, {"ecosystem": row.ecosystem})
    if row.biobank.ecosystem_id != row.ecosystem_id:
        raise Invalid(
            _("“%(name)s” is of another ecosystem; choose one of this ecosystem.") % {"name": row.biobank},
            field="biobank",
        )
    if row.ended_on and (row.agreed_on is None or row.ended_on < row.agreed_on):
        raise Invalid(_("An agreement ends after it was signed."), field="ended_on")
    _clean(row)
    row.save()
    return row


# ---------------------------------------------------------------- what donors say


@dataclass(frozen=True)
class Outcome:
    """What became of one statement: `taken`, `known` (told before), or `refused` with the reason."""

    uid: str
    status: str
    why: str = ""
    pk: int | None = None


class Intake:
    """What became of statements that came together. No row of the house: the verb's subject stays the collector."""

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        self.outcomes = outcomes

    def count(self, status: str) -> int:
        return sum(each.status == status for each in self.outcomes)


@action(needs=rules.may_take_in)
def take_in(collector: Collector, *, by: Any, statements: Sequence[Mapping[str, Any]]) -> Intake:
    """Takes in what donors said at a collector, at most a thousand at once, each judged by itself.

    A statement is {"id", "kind", "subject", "on", "taken_at", …}: see the API. One told before, word for word,
    is known; another under the same id is refused. What is refused is told with the reason and holds up no other.
    """
    if len(statements) > MOST:
        raise Invalid(
            _("%(count)d statements came at once; at most %(most)d are taken, the rest in further requests.")
            % {"count": len(statements), "most": MOST}
        )
    now = timezone.now()
    forms = {(row.code, row.version): row for row in queries.forms(collector.ecosystem)}
    named = [str(each.get("id", "")) if isinstance(each, Mapping) else "" for each in statements]
    known = {
        row.uid: row
        for row in Statement.objects.filter(uid__in=named).select_related("form", "biobank", "collector")
    }
    fresh: dict[str, Statement] = {}
    outcomes: list[Outcome] = []
    for told in statements:
        uid = str(told.get("id", "")) if isinstance(told, Mapping) else ""
        try:
            row = _statement(collector, told, forms, now)
        except Invalid as error:
            outcomes.append(Outcome(uid[:120], "refused", str(error)))
            continue
        before = known.get(uid) or fresh.get(uid)
        if before is None:
            fresh[uid] = row
            outcomes.append(Outcome(uid, "taken"))
        elif _same(before, row):
            outcomes.append(Outcome(uid, "known", pk=before.pk))
        else:
            outcomes.append(
                Outcome(
                    uid, "refused", _("Something else was taken in under this id; give it one of its own.")
                )
            )
    made = {row.uid: row.pk for row in bulk.create(fresh.values())}
    return Intake(
        [Outcome(each.uid, each.status, each.why, each.pk or made.get(each.uid)) for each in outcomes]
    )


@action(needs=rules.may_take_in)
def attach_scan(statement: Statement, *, by: Any, files: Iterable[UploadedFile]) -> Statement:
    """Keeps the scanned paper of a statement."""
    kept = [attachments.attach(statement, each, by=by) for each in files]
    if not kept:
        raise Invalid(_("Choose a file."), field="files")
    return statement


@action(needs=rules.may_take_down)
def withdraw(
    place: Biobank | Ecosystem,
    *,
    by: Any,
    subject: str,
    uid: str = "",
    boxes: Sequence[str] | None = None,
    destroy: bool = False,
    reason: str = "",
    way: str = Way.COUNTER,
) -> Statement:
    """A donor takes consent back today: at one biobank or, of an ecosystem, at all; wholly, or only the boxes named.

    Nobody has to give a reason. To take back single boxes leaves a consent on the same form with the others. `destroy`:
    the donor also asks that the samples be destroyed; each biobank concerned gets an order.
    """
    subject = _subject(queries.subject_of(subject))
    today, now = timezone.localdate(), timezone.now()
    if uid and (before := Statement.objects.filter(uid=uid).first()):
        if before.subject != subject:
            raise Invalid(
                _("Something else was taken in under this id; give it one of its own."), field="uid"
            )
        return before
    biobank = place if isinstance(place, Biobank) else None
    ecosystem = place.ecosystem if isinstance(place, Biobank) else place
    common = {
        "ecosystem": ecosystem,
        "uid": _uid(uid) if uid else f"hub-{_fresh()}",
        "subject": subject,
        "on": today,
        "biobank": biobank,
        "reason": _harmless(reason.strip()[:500], "reason"),
        "way": way,
        "taken_at": now,
        "received_at": now,
    }
    if boxes:
        if destroy:
            raise Invalid(_("Samples are destroyed when consent is withdrawn wholly."), field="destroy")
        return _narrowed(common, boxes)
    row = Statement(kind_of=Kind.WITHDRAWN, **common)
    row.save()
    if destroy:
        concerned = [biobank] if biobank else _biobanks_of(subject, ecosystem)
        for each in concerned:
            DestructionOrder(
                statement=row, biobank=each, ordered_at=now, due_on=today + DESTROY_WITHIN
            ).save()
    return row


def _narrowed(common: dict[str, Any], boxes: Sequence[str]) -> Statement:
    """The consent in force, signed anew without some boxes."""
    biobank, today = common["biobank"], common["on"]
    if biobank is None:
        raise Invalid(_("Single purposes are withdrawn at one biobank; choose it."), field="biobank")
    found = queries.standing(queries.said(common["subject"]), biobank, today)
    consent = found.consent
    if consent is None or consent.form is None:
        raise Invalid(
            _("This donor has no consent in force at “%(name)s”.") % {"name": biobank}, field="subject"
        )
    if missing := [each for each in boxes if each not in consent.options]:
        raise Invalid(
            _("“%(box)s” was not ticked; what was: %(ticked)s.")
            % {"box": missing[0], "ticked": ", ".join(consent.options) or "–"},
            field="boxes",
        )
    left = [each for each in consent.options if each not in boxes]
    if not left:
        raise Invalid(_("Nothing would be left of the consent: withdraw it wholly."), field="boxes")
    if not consent.form.in_use(today):
        raise Invalid(
            _(
                "The form “%(name)s” is no longer signed: withdraw wholly, and sign the form in use for the rest."
            )
            % {"name": consent.form},
            field="boxes",
        )
    row = Statement(
        kind_of=Kind.GIVEN,
        form=consent.form,
        options=sorted(left),
        signer=consent.signer,
        capacity=consent.capacity,
        adult_on=consent.adult_on,
        language=consent.language,
        collector=consent.collector,
        narrows=consent,
        **common,
    )
    row.save()
    return row


@action(needs=rules.may_take_down)
def opt_out(
    ecosystem: Ecosystem, *, by: Any, subject: str, uid: str = "", back: bool = False, way: str = Way.COUNTER
) -> Statement:
    """A person opts out of the secondary use of health data (EHDS, Article 71), or `back` in. No reason is asked for.

    It stands beside consents to biobanks and touches none of them.
    """
    subject = _subject(queries.subject_of(subject))
    if uid and (before := Statement.objects.filter(uid=uid).first()):
        if before.subject != subject:
            raise Invalid(
                _("Something else was taken in under this id; give it one of its own."), field="uid"
            )
        return before
    now = timezone.now()
    row = Statement(
        ecosystem=ecosystem,
        uid=_uid(uid) if uid else f"hub-{_fresh()}",
        kind_of=Kind.OPTED_IN if back else Kind.OPTED_OUT,
        subject=subject,
        on=timezone.localdate(),
        way=way,
        taken_at=now,
        received_at=now,
    )
    row.save()
    return row


# ---------------------------------------------------------------- destruction


@action(needs=rules.may_take_in)
def record_destruction(
    order: DestructionOrder,
    *,
    by: Any,
    act_number: str,
    on: date | None = None,
    samples: int | None = None,
    note: str = "",
    files: Iterable[UploadedFile] = (),
    seen: int | None = None,
) -> DestructionOrder:
    """Records the act by which a biobank destroyed what it held of a donor; the nodes are told."""
    locking.check(order, seen)
    if order.done_on is not None:
        raise Invalid(_("It is recorded already, by act %(number)s.") % {"number": order.act_number})
    day = on or timezone.localdate()
    if not act_number.strip():
        raise Invalid(_("Give the number of the act."), field="act_number")
    if day > timezone.localdate() or day < timezone.localdate(order.ordered_at):
        raise Invalid(_("It was destroyed between the order and today."), field="on")
    order.act_number, order.done_on, order.samples = act_number.strip(), day, samples
    order.note, order.done_by = _harmless(note.strip(), "note"), str(by)
    order.save()
    for each in files:
        attachments.attach(order, each, by=by)
    now = timezone.now()
    Statement(
        ecosystem=order.biobank.ecosystem,
        uid=f"hub-destroyed-{order.pk}-{_fresh()}",
        kind_of=Kind.DESTROYED,
        subject=order.statement.subject,
        on=day,
        biobank=order.biobank,
        way=Way.PROGRAM,
        taken_at=now,
        received_at=now,
    ).save()
    return order


# ---------------------------------------------------------------- the feed


@action(needs=rules.may_run_nodes)
def pack(hub: Hub, *, by: Any) -> Batch | None:
    """Packs what waits into the next message of the feed; None where nothing waits. Numbers have no gaps."""
    waiting = list(
        Statement.objects.select_for_update(of=("self",))
        .filter(batch=None)
        .select_related("biobank", "form")
        .order_by("id")[:MESSAGE]
    )
    if not waiting:
        return None
    batch = Batch(
        number=nodes.feed_length() + 1,
        events=signing.plain([each.event() for each in waiting]),
        count=len(waiting),
        packed_at=timezone.now(),
    )
    batch.save()
    for each in waiting:
        each.batch = batch
    bulk.update(waiting, ["batch"])
    return batch


# ---------------------------------------------------------------- helpers


def _statement(
    collector: Collector, told: Any, forms: Mapping[tuple[str, int], ConsentForm], now: datetime
) -> Statement:
    """One statement, checked. Invalid says what would have been right."""
    if not isinstance(told, Mapping):
        raise Invalid(_("A statement is an object with id, kind, subject and on."))
    known = {
        "id", "kind", "subject", "on", "form", "version", "options", "signer", "capacity", "adult_on", "witness",
        "language", "way", "taken_at",
    }  # fmt: skip
    if unknown := sorted(map(str, told.keys() - known)):
        raise Invalid(
            _("A statement has no “%(name)s”; it has: %(known)s.")
            % {"name": unknown[0][:40], "known": ", ".join(sorted(known))}
        )
    kind = str(told.get("kind") or Kind.GIVEN)
    if kind not in {Kind.GIVEN, Kind.WITHDRAWN, Kind.RECONFIRMED, Kind.DIED}:
        raise Invalid(
            _("“%(kind)s”: at a collector consent is given, withdrawn or reconfirmed, or a death is told.")
            % {"kind": kind[:40]}
        )
    on = _day(told.get("on"), "on")
    if on > timezone.localdate(now) + timedelta(days=1):
        raise Invalid(_("It was signed on a day to come; is the clock of the counter right?"))
    way = str(told.get("way") or Way.PROGRAM)
    if way not in Way.values:
        raise Invalid(
            _("“%(text)s” is not one of: %(allowed)s") % {"text": way[:40], "allowed": ", ".join(Way.values)}
        )
    row = Statement(
        ecosystem=collector.ecosystem,
        uid=_uid(str(told.get("id") or "")),
        kind_of=kind,
        subject=_subject(queries.subject_of(str(told.get("subject") or ""))),
        on=on,
        biobank=None if kind == Kind.DIED else collector.biobank,
        collector=collector,
        way=way,
        witness=_harmless(str(told.get("witness") or "").strip()[:200], "witness"),
        language=str(told.get("language") or "lv")[:2],
        taken_at=_instant(told.get("taken_at"), now),
        received_at=now,
        signer=str(told.get("signer") or Signer.SELF),
        capacity=_harmless(str(told.get("capacity") or "").strip()[:100], "capacity"),
    )
    if row.signer not in Signer.values:
        raise Invalid(_("signer: self or guardian."))
    if kind == Kind.GIVEN:
        _given(row, told, forms)
    elif any(told.get(name) for name in ("form", "version", "options", "adult_on")):
        raise Invalid(_("form, version, options and adult_on are of a consent given alone."))
    if row.signer == Signer.SELF and row.capacity:
        raise Invalid(_("capacity: of a legal representative alone."))
    if way in WITNESSED and kind != Kind.DIED and not row.witness:
        raise Invalid(_("witness: who of the collector saw the donor sign."))
    return row


def _given(row: Statement, told: Mapping[str, Any], forms: Mapping[tuple[str, int], ConsentForm]) -> None:
    """What a consent given needs besides."""
    version = told.get("version")
    form = forms.get((str(told.get("form")), version if isinstance(version, int) else 0))
    if form is None:
        raise Invalid(
            _("No form “%(form)s”, version %(version)s, is known here.")
            % {"form": str(told.get("form"))[:60], "version": str(version)[:10]}
        )
    if not form.in_use(row.on):
        raise Invalid(
            _("The form “%(form)s” could not be signed on %(day)s.")
            % {"form": form.name, "day": row.on.isoformat()}
        )
    boxes = [each["name"] for each in form.options]
    options = told.get("options") or []
    if not isinstance(options, list) or any(each not in boxes for each in options):
        raise Invalid(_("options: of the boxes of this form: %(boxes)s.") % {"boxes": ", ".join(boxes)})
    row.form, row.options = form, sorted(set(options))
    row.adult_on = _day(told["adult_on"], "adult_on") if told.get("adult_on") else None
    if row.signer == Signer.GUARDIAN:
        if not form.guardian:
            raise Invalid(
                _("The form “%(form)s” cannot be signed by a legal representative.") % {"form": form.name}
            )
        if row.adult_on is None or row.adult_on <= row.on:
            raise Invalid(_("adult_on: the day on which the minor comes of age, after the day of signing."))
        if not row.capacity:
            raise Invalid(_("capacity: as what the representative signed, for example mother."))
    elif row.adult_on is not None and row.adult_on > row.on:
        raise Invalid(_("A minor does not sign alone: a legal representative does."))


def _same(before: Statement, row: Statement) -> bool:
    """Whether two statements say the same. When and how it came here is no part of what was said."""
    names = (
        "kind_of", "subject", "on", "biobank_id", "form_id", "options", "signer", "capacity", "adult_on", "witness",
        "collector_id",
    )  # fmt: skip
    return all(getattr(before, name) == getattr(row, name) for name in names)


def _uid(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:/-]{7,119}", text):
        raise Invalid(
            _(
                "id: 8 to 120 letters, digits and . _ : / -, made by whoever takes the statement down; a UUID is good."
            ),
            field="uid",
        )
    return _harmless(text, "uid")


def _subject(text: str) -> str:
    if not queries.SUBJECT.fullmatch(text):
        raise Invalid(
            _("The donor's reference is as the card says it, or id:source:id, or pseudonym:epoch:digits."),
            field="subject",
        )
    return _harmless(text, "subject")


def _harmless(text: str, field: str) -> str:
    """Personal codes stay with whoever asked for the consent: they never reach the hub."""
    if PERSONAL_CODE.search(text):
        raise Invalid(
            _("This looks like a personal code, which is not kept here. Give the donor's reference instead."),
            field=field,
        )
    return text


def _day(told: Any, name: str) -> date:
    if isinstance(told, date) and not isinstance(told, datetime):
        return told
    try:
        if isinstance(told, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", told):
            return date.fromisoformat(told)
    except ValueError:
        pass
    raise Invalid(_("%(name)s: a day, as 2026-01-31.") % {"name": name})


def _instant(told: Any, now: datetime) -> datetime:
    if told in (None, ""):
        return now
    found = told if isinstance(told, datetime) else parse_datetime(str(told))
    if found is None or found.utcoffset() is None:
        raise Invalid(_("taken_at: an instant with its zone, as 2026-01-31T12:00:00+02:00."))
    return found


def _fresh() -> str:
    """Letters alone: among digits there may be what looks like a personal code."""
    return "".join(secrets.choice(queries.LETTERS) for _each in range(24))


def _biobanks_of(subject: str, ecosystem: Ecosystem) -> list[Biobank]:
    """The biobanks to which a donor ever gave consent."""
    return list(
        Biobank.objects.filter(
            ecosystem=ecosystem, statements__subject=subject, statements__kind_of=Kind.GIVEN
        )
        .distinct()
        .order_by("order", "id")
    )


searchable(
    ConsentForm,
    title=lambda row: both(row, "title"),
    words=lambda row: f"{row.code} {row.version}",
    public=lambda row: row.published_on is not None,
)
