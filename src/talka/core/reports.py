"""Reports: what people say was done, with a value and evidence, between institution and coordinator.

These are the steps; the verbs that call them stand in the rooms, with their own rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from talka.core import attachments, locking
from talka.core.actions import Invalid
from talka.core.models import Noun, Report, ReportState
from talka.core.values import Period

Institution = TypeVar("Institution")


def about(subject: Noun, series: str | None = None) -> QuerySet[Report]:
    """The reports about a row, newest period first; one series of them if given."""
    reports = Report.objects.filter(about_kind=subject.kind(), about_id=subject.pk)
    return reports if series is None else reports.filter(series=series)


def locked(subject: Noun, period: Period, series: str = "") -> bool:
    """Whether an accepted report closes this period for the subject."""
    return about(subject, series).filter(period=str(period), state=ReportState.ACCEPTED).exists()


def refuse_locked(period: Period) -> None:
    """Raises Invalid: an accepted report closes this period."""
    raise Invalid(
        _("The report for %(period)s is accepted and the period is locked. Ask the coordinator to unlock it.")
        % {"period": _words(period)},
        field="period",
    )


def for_whom(own: Sequence[Institution], given: Institution | None, *, for_any: bool) -> Institution | None:
    """For whom somebody reports who acts for the institutions `own`; `for_any`: it may be any other one too.

    Raises Invalid where that is not said, or where it is none of them.
    """
    if given is None:
        if len(own) > 1:
            raise Invalid(_("Say for which of your institutions you report."), field="institution")
        return own[0] if own else None
    if given not in own and not for_any:
        raise Invalid(_("You do not act for %(institution)s.") % {"institution": given}, field="institution")
    return given


def submit(
    subject: Any,
    *,
    by: Any,
    period: Period,
    text: str = "",
    value: Decimal | None = None,
    series: str = "",
    institution: Any = None,
    files: Iterable[UploadedFile] = (),
    public: bool = False,
    now: datetime | None = None,
) -> Report:
    """Hands in a report for a period with its evidence; `public`: the files may be shown to everybody.

    Raises Invalid where it says nothing, lies ahead, the period is locked, or a file is not taken.
    """
    now = now or timezone.now()
    if not text.strip() and value is None:
        raise Invalid(_("Say what was done or give a value."), field="text")
    if period.first > timezone.localdate(now):
        raise Invalid(
            _("%(period)s has not begun yet; report on a period that has.") % {"period": _words(period)},
            field="period",
        )
    # Two who report at once, or one who reports while another accepts: the second sees what the first did.
    locking.hold(subject)
    earlier = list(about(subject, series).filter(period=str(period)).select_for_update().order_by("-id"))
    if any(report.state == ReportState.ACCEPTED for report in earlier):
        raise Invalid(
            _(
                "The report for %(period)s is accepted and the period is locked. Ask the coordinator to unlock it."
            )
            % {"period": _words(period)},
            field="period",
        )
    report = Report(
        about_kind=subject.kind(),
        about_id=subject.pk,
        ecosystem_id=subject.ecosystem_id,
        series=series,
        period=str(period),
        as_of=min(period.last, timezone.localdate(now)),
        text=text.strip(),
        value=value,
        by_id=by.pk,
        by_name=str(by),
        institution_id=institution.pk if institution else None,
        institution_name=str(institution) if institution else "",
        submitted_at=now,
        corrects=earlier[0] if earlier else None,
    )
    report.save()
    for upload in files:
        attachments.attach(report, upload, by=by, public=public)
    return report


def _words(period: Period) -> str:
    return period.words((get_language() or "lv")[:2])


def accept(report: Report, *, by: Any, comment: str = "") -> Report:
    """Accepts a submitted report; its period is locked from now on. Raises Invalid where another one locks it."""
    others = Report.objects.filter(
        about_kind=report.about_kind,
        about_id=report.about_id,
        series=report.series,
        period=report.period,
        state=ReportState.ACCEPTED,
    ).exclude(pk=report.pk)
    if other := others.first():
        day = date_format(timezone.localtime(other.submitted_at), "SHORT_DATE_FORMAT")
        raise Invalid(
            _(
                "The report of %(day)s for %(period)s is accepted already. Unlock it first, or return this one."
            )
            % {"day": day, "period": _words(Period.parse(report.period))}
        )
    return _decide(report, ReportState.ACCEPTED, by=by, comment=comment)


def give_back(report: Report, *, by: Any, comment: str) -> Report:
    """Returns a submitted report with what is missing in it."""
    if not comment.strip():
        raise Invalid(_("Say what is missing, so that the institution can mend it."), field="comment")
    return _decide(report, ReportState.RETURNED, by=by, comment=comment)


def unlock(report: Report, *, by: Any, comment: str) -> Report:
    """Opens a locked period again: the accepted report becomes a returned one, with the reason."""
    if report.state != ReportState.ACCEPTED:
        raise Invalid(
            _("Only an accepted report locks its period; this one is %(state)s.")
            % {"state": report.get_state_display()}
        )
    if not comment.strip():
        raise Invalid(_("Give the reason for unlocking the period."), field="comment")
    return _write_decision(report, ReportState.RETURNED, by=by, comment=comment)


def _decide(report: Report, state: ReportState, *, by: Any, comment: str) -> Report:
    if report.state != ReportState.SUBMITTED:
        raise Invalid(
            _("This report is already %(state)s by %(who)s.")
            % {"state": report.get_state_display(), "who": report.decided_by}
        )
    return _write_decision(report, state, by=by, comment=comment)


def _write_decision(report: Report, state: ReportState, *, by: Any, comment: str) -> Report:
    report.state, report.comment = state, comment.strip()
    report.decided_by, report.decided_at = str(by), timezone.now()
    report.save()
    return report
