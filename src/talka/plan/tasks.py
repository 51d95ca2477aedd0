"""Letters: before a deadline and after it, when a report was handed in, when it was returned.

First a reminder is noted, in a transaction of its own; then its letter is sent, outside any, and noted as sent. A
letter that cannot be sent is tried again and is not written twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from talka.core.actions import SYSTEM
from talka.core.models import Event, Report
from talka.core.outbox import every, on
from talka.parties.models import Account
from talka.plan import actions, queries
from talka.plan.models import Measure

# ---------------------------------------------------------------- occasions


@every(minutes=60)
def remind_of_deadlines(now: datetime) -> None:
    """Notes who is to be reminded today: 30 and 7 days before a deadline, and once a month after it."""
    for (account, occasion), measures in queries.reminders_due(timezone.localdate(now)).items():
        actions.remind(account, by=SYSTEM, measures=measures, occasion=occasion)


@on("plan.report")
def tell_coordinators(event: Event) -> None:
    """A report was handed in: the coordinators are told."""
    report, measure = _reported(event)
    if report is not None and measure is not None:
        for account in queries.coordinators(measure.ecosystem_id):
            if account.pk != report.by_id:
                actions.remind(account, by=SYSTEM, measures=[measure], occasion=f"report-{report.pk}")


@on("plan.return_report")
def tell_institution(event: Event) -> None:
    """A report was returned: its author is told, and the others who report for the institution."""
    report, measure = _reported(event)
    if report is None or measure is None:
        return
    accounts = {
        account.pk: account for account in Account.objects.filter(pk=report.by_id or 0, is_active=True)
    }
    if report.institution_id is not None:
        for account, _institution, where in queries.officers([report.institution_id], timezone.localdate()):
            if where in (None, measure.ecosystem_id):
                accounts[account.pk] = account
    for account in accounts.values():
        actions.remind(account, by=SYSTEM, measures=[measure], occasion=f"returned-{report.pk}")


def _reported(event: Event) -> tuple[Report | None, Measure | None]:
    report = Report.objects.filter(pk=event.subject_id, about_kind=Measure.kind()).first()
    return report, queries.measure_of(report) if report else None


# ---------------------------------------------------------------- letters


@on("plan.remind")
def write_letters(event: Event) -> None:
    """Sends what waits for an account: one letter for each occasion, however many measures it is about."""
    waiting = queries.reminders_waiting(event.subject_id)
    for occasion in dict.fromkeys(reminder.occasion for reminder in waiting):
        of_one = [reminder for reminder in waiting if reminder.occasion == occasion]
        account = of_one[0].account
        with override(account.language):
            subject, body = letter(occasion, [reminder.measure for reminder in of_one], account)
            EmailMessage(subject, body, to=[account.email]).send()
        actions.note_sent(account, by=SYSTEM, reminders=of_one, now=timezone.now())


def letter(occasion: str, measures: Sequence[Measure], account: Account) -> tuple[str, str]:
    """Subject and text of a letter, in the language that is active."""
    kind, _dash, rest = occasion.partition("-")
    words: dict[str, Callable[..., tuple[str, str]]] = {
        "due": _due,
        "late": _late,
        "report": _handed_in,
        "returned": _returned,
    }
    subject, opening = words[kind](measures, rest)
    lines = [
        _("Good day, %(name)s!") % {"name": account},
        "",
        opening,
        *(line for measure in measures for line in _told(measure)),
        "",
        _("This letter was written by Talka, where the ecosystem keeps its plan."),
    ]
    return subject, "\n".join(lines)


def _due(measures: Sequence[Measure], days: str) -> tuple[str, str]:
    count = len(measures)
    subject = ngettext("%(count)d measure is due soon", "%(count)d measures are due soon", count) % {
        "count": count
    }
    opening = ngettext(
        "Your institution is responsible for a measure whose deadline is no more than %(days)s days ahead."
        " Report what has been done.",
        "Your institution is responsible for measures whose deadline is no more than %(days)s days ahead."
        " Report what has been done.",
        count,
    ) % {"days": days}
    return subject, opening


def _late(measures: Sequence[Measure], _month: str) -> tuple[str, str]:
    count = len(measures)
    subject = ngettext("%(count)d measure is late", "%(count)d measures are late", count) % {"count": count}
    opening = ngettext(
        "The deadline of a measure for which your institution is responsible has passed. Report what has been done.",
        "The deadlines of measures for which your institution is responsible have passed. Report what has been done.",
        count,
    )
    return subject, opening


def _handed_in(measures: Sequence[Measure], report: str) -> tuple[str, str]:
    told = Report.objects.filter(pk=int(report)).first()
    subject = _("Report on %(number)s to be accepted") % {"number": measures[0].number}
    who = (told.institution_name or told.by_name) if told else ""
    return subject, _("%(who)s has reported on a measure. Accept the report or return it.") % {"who": who}


def _returned(measures: Sequence[Measure], report: str) -> tuple[str, str]:
    told = Report.objects.filter(pk=int(report)).first()
    subject = _("Report on %(number)s returned") % {"number": measures[0].number}
    comment = told.comment if told else ""
    return subject, _("The coordinator has returned a report of your institution: “%(comment)s”") % {
        "comment": comment
    }


def _told(measure: Measure) -> list[str]:
    deadline = queries.deadline_words(measure.deadline)
    first = f"{measure.number}. {measure.title}" + (f" ({deadline})" if deadline else "")
    return ["", first, address(measure)]


def address(measure: Any) -> str:
    """The whole address of a row's page; TALKA_URL says where this hub is reached."""
    return settings.TALKA_URL.rstrip("/") + str(measure.get_absolute_url())
