"""Reports: submitted, returned, accepted; periods lock; nothing that was said is ever overwritten."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, transaction
from django.utils.translation import override

from talka.core import attachments, indicators, reports
from talka.core.actions import HUB, SYSTEM, Invalid
from talka.core.indicators import INDICATORS, Reading, indicator
from talka.core.models import Report
from talka.core.testing import acting
from talka.core.values import Period
from talka.domains.actions import add_domain, add_ecosystem
from talka.domains.models import Ecosystem
from tests.lanes import need_postgres

pytestmark = pytest.mark.django_db
NOW = datetime(2023, 7, 15, 12, tzinfo=UTC)
Q2, Q3, Q4 = Period.parse("2023-Q2"), Period.parse("2023-Q3"), Period.parse("2023-Q4")


@pytest.fixture
def ecosystem() -> Ecosystem:
    domain = add_domain(HUB, by=SYSTEM, code="bio", title_lv="Biomedicīna")
    return add_ecosystem(HUB, by=SYSTEM, code="eco", domain=domain, title_lv="Ekosistēma")


def submitted(subject: Ecosystem, period: Period = Q2, **values: Any) -> Report:
    with acting():
        return reports.submit(subject, by=SYSTEM, period=period, now=NOW, **{"text": "Paveikts", **values})


def accepted(subject: Ecosystem, period: Period = Q2, **values: Any) -> Report:
    with acting():
        return reports.accept(submitted(subject, period, **values), by=SYSTEM)


def test_a_report_needs_words_or_a_value(ecosystem: Ecosystem) -> None:
    with pytest.raises(Invalid, match=r".") as error:
        submitted(ecosystem, text="  ")
    assert error.value.field == "text"
    assert submitted(ecosystem, text="", value=Decimal(3)).value == 3


def test_a_period_that_has_not_begun_cannot_be_reported(ecosystem: Ecosystem) -> None:
    assert submitted(ecosystem, Q3).as_of == NOW.date()  # under way: as of today, not of its last day
    assert submitted(ecosystem, Q2).as_of == Q2.last
    with pytest.raises(Invalid) as error:
        submitted(ecosystem, Q4)
    assert error.value.field == "period"


def test_an_accepted_report_locks_its_period_and_no_other(ecosystem: Ecosystem) -> None:
    accepted(ecosystem)
    with pytest.raises(Invalid) as error:
        submitted(ecosystem)
    assert error.value.field == "period"
    submitted(ecosystem, Q3)
    submitted(ecosystem, Q2, series="other")


def test_a_correction_is_a_new_report_that_names_the_old_one(ecosystem: Ecosystem) -> None:
    first = submitted(ecosystem, text="Pirmais")
    with acting():
        reports.give_back(first, by=SYSTEM, comment="Trūkst pierādījuma")
    second = submitted(ecosystem, text="Otrais")
    assert (second.corrects, Report.objects.count()) == (first, 2)
    first.refresh_from_db()
    assert (first.text, first.state, first.comment) == ("Pirmais", "returned", "Trūkst pierādījuma")


def test_two_reports_of_one_period_are_not_both_accepted(ecosystem: Ecosystem) -> None:
    """Handed in before the first was judged; the second corrects it, and the coordinator has to choose."""
    first, second = submitted(ecosystem, value=Decimal(3)), submitted(ecosystem, value=Decimal(4))
    assert second.corrects == first
    with acting():
        reports.accept(first, by=SYSTEM)
        with override("en"), pytest.raises(Invalid, match=r"is accepted already. Unlock it first"):
            reports.accept(second, by=SYSTEM)
        reports.unlock(first, by=SYSTEM, comment="Kļūda")
        assert reports.accept(second, by=SYSTEM).state == "accepted"
    with pytest.raises(IntegrityError), transaction.atomic():
        Report.objects.filter(pk=first.pk).update(state="accepted")


@pytest.mark.django_db(transaction=True)
def test_of_two_who_report_at_once_the_second_corrects_the_first(ecosystem: Ecosystem) -> None:
    need_postgres()  # SQLite lets one writer in at a time as it is
    written = threading.Event()
    made: dict[str, Report] = {}

    def report(name: str, wait: float) -> None:
        try:
            with transaction.atomic():
                made[name] = submitted(ecosystem, text=name)
                written.set()
                time.sleep(wait)
        finally:
            connection.close()

    first = threading.Thread(target=report, args=("Pirmais", 0.5))
    second = threading.Thread(target=report, args=("Otrais", 0))
    first.start()
    assert written.wait(10)
    second.start()
    for thread in (first, second):
        thread.join(10)
    assert (made["Pirmais"].corrects, made["Otrais"].corrects) == (None, made["Pirmais"])


def test_a_locked_period_is_told_in_words(ecosystem: Ecosystem) -> None:
    accepted(ecosystem)
    with override("en"), pytest.raises(Invalid, match=r"^The report for Q2 2023 is accepted"):
        submitted(ecosystem)


@pytest.mark.parametrize("step", ["accept", "give_back"])
def test_what_is_decided_is_not_decided_again(ecosystem: Ecosystem, step: str) -> None:
    report = accepted(ecosystem)
    with acting(), pytest.raises(Invalid):
        getattr(reports, step)(report, by=SYSTEM, comment="vēlreiz")


def test_returning_and_unlocking_need_a_reason(ecosystem: Ecosystem) -> None:
    waiting, closed = submitted(ecosystem, Q3), accepted(ecosystem)
    with acting():
        with pytest.raises(Invalid):
            reports.give_back(waiting, by=SYSTEM, comment=" ")
        with pytest.raises(Invalid):
            reports.unlock(closed, by=SYSTEM, comment="")
        with pytest.raises(Invalid):
            reports.unlock(waiting, by=SYSTEM, comment="nav slēgts")
        reports.unlock(closed, by=SYSTEM, comment="Kļūda skaitlī")
    assert submitted(ecosystem).corrects == closed


def test_the_database_keeps_what_must_be_true(ecosystem: Ecosystem) -> None:
    report = submitted(ecosystem)
    for wrong in ({"text": ""}, {"state": "accepted"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Report.objects.filter(pk=report.pk).update(**wrong)


class TestIndicators:
    def test_nothing_reported_is_not_zero(self, ecosystem: Ecosystem) -> None:
        assert indicators.read("target:x", ecosystem).value is None
        submitted(ecosystem, series="target:x", value=Decimal(5))
        assert indicators.read("target:x", ecosystem).value is None  # not accepted yet
        accepted(ecosystem, series="target:y", value=Decimal(0))
        assert indicators.read("target:y", ecosystem).value == 0

    def test_the_latest_accepted_value_counts_and_a_correction_replaces_it(
        self, ecosystem: Ecosystem
    ) -> None:
        accepted(ecosystem, Period.parse("2023-Q1"), series="target:x", value=Decimal(3))
        old = accepted(ecosystem, Q2, series="target:x", value=Decimal(5))
        assert indicators.read("target:x", ecosystem).value == 5
        assert indicators.read("target:x", ecosystem, Period.parse("2023-Q1")).value == 3
        with acting():
            reports.unlock(old, by=SYSTEM, comment="Kļūda")
        accepted(ecosystem, Q2, series="target:x", value=Decimal(4))
        reading = indicators.read("target:x", ecosystem)
        assert (reading.value, [r.value for r in reading.evidence or ()]) == (4, [3, 4])

    def test_a_closed_period_keeps_its_reading_and_its_rows(self, ecosystem: Ecosystem) -> None:
        @indicator("test.ecosystems", label="Ecosystems", unit="")
        def ecosystems(_ecosystem: Any, _period: Any) -> Reading:
            """All ecosystems."""
            found = Ecosystem.objects.all()
            return Reading(found.count(), evidence=found)

        try:
            year = Period.parse("2023")
            indicators.close("test.ecosystems", ecosystem, year, decision="2023-1")
            add_ecosystem(HUB, by=SYSTEM, code="two", domain=ecosystem.domain, title_lv="Otra")
            kept, live = (
                indicators.read("test.ecosystems", ecosystem, year),
                indicators.read("test.ecosystems", ecosystem),
            )
            assert (kept.value, kept.closed, [row["name"] for row in kept.rows]) == (1, True, ["Ekosistēma"])
            assert (live.value, live.closed) == (2, False)
            again = indicators.close("test.ecosystems", ecosystem, year, decision="2024-7")
            assert (again.value, again.decision) == (Decimal(1), "2023-1")
            with pytest.raises(ValueError, match="two indicators"):
                indicator("test.ecosystems", label="", unit="")(ecosystems)
        finally:
            del INDICATORS["test.ecosystems"]


class TestAttachments:
    def test_a_file_is_kept_by_its_content(self, ecosystem: Ecosystem) -> None:
        upload = SimpleUploadedFile("../Akts Nr.1.pdf", b"%PDF-1.7 akts", "application/x-whatever")
        with acting():
            kept = attachments.attach(ecosystem, upload, by=SYSTEM)
        assert (kept.name, kept.size, kept.media_type) == ("Akts Nr.1.pdf", 13, "application/pdf")
        with kept.file.open("rb") as data:
            assert data.read() == b"%PDF-1.7 akts"
        assert ".." not in kept.file.name
        assert [a.pk for a in attachments.about(ecosystem)] == [kept.pk]

    @pytest.mark.parametrize("name", ["makro.docm", "lapa.html", "zīmējums.svg", "bez", "x.exe"])
    def test_what_could_run_is_not_taken(self, ecosystem: Ecosystem, name: str) -> None:
        with acting(), pytest.raises(Invalid, match=r"\.pdf"):
            attachments.attach(ecosystem, SimpleUploadedFile(name, b"x"), by=SYSTEM)

    def test_an_empty_file_is_not_evidence(self, ecosystem: Ecosystem) -> None:
        with acting(), pytest.raises(Invalid):
            attachments.attach(ecosystem, SimpleUploadedFile("a.pdf", b""), by=SYSTEM)


def test_a_report_is_handed_in_with_its_evidence(ecosystem: Ecosystem) -> None:
    report = submitted(
        ecosystem,
        files=[SimpleUploadedFile("a.txt", b"Viens"), SimpleUploadedFile("b.txt", b"Divi")],
        public=True,
    )
    assert [(each.name, each.public) for each in attachments.about(report)] == [
        ("a.txt", True),
        ("b.txt", True),
    ]


@pytest.mark.parametrize(
    ("own", "given", "for_any", "whom"),
    [
        ([], None, False, None),
        (["VM"], None, False, "VM"),
        (["VM", "EM"], "EM", False, "EM"),
        ([], "VM", True, "VM"),
        (["VM", "EM"], None, True, "Say for which of your institutions you report."),
        (["VM"], "EM", False, "You do not act for EM."),
        ([], "EM", False, "You do not act for EM."),
    ],
)
def test_for_whom_somebody_reports(
    own: list[str], given: str | None, for_any: bool, whom: str | None
) -> None:
    with override("en"):
        try:
            found = reports.for_whom(own, given, for_any=for_any)
        except Invalid as error:
            assert error.field == "institution"
            found = str(error)
    assert found == whom
