"""Draws synthetic ecosystems of any size into a TALKA_HOME of their own: the same ones on every run.

Rows are drawn directly, not by verbs: a million reports through verbs would measure the verbs. Everything else
(search entries, an event for each measure and each report) is as the house would have it.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
THIS_YEAR = 2026  # its plan is in force; those of the years before are closed
PRIORITIES, TARGETS, INSTITUTIONS = 8, 24, 60
NOUNS = [
    "pētījumu",
    "biobanku",
    "pacientu",
    "paraugu",
    "zāļu",
    "slimnīcu",
    "laboratoriju",
    "tehnoloģiju",
    "datu",
    "kompetenču",
    "programmu",
    "standartu",
    "likumu",
    "grantu",
    "projektu",
    "uzņēmumu",
]
VERBS = [
    "Izveidot",
    "Pilnveidot",
    "Apzināt",
    "Saskaņot",
    "Izvērtēt",
    "Paplašināt",
    "Uzsākt",
    "Noslēgt",
    "Ieviest",
    "Sagatavot",
]
THINGS = [
    "reģistru",
    "sadarbības",
    "tīklu",
    "infrastruktūru",
    "vienošanos",
    "priekšlikumu",
    "ceļa",
    "karti",
    "mācību",
    "programmu",
    "pārskatu",
    "uzsaukumu",
    "platformu",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--ecosystems", type=int, default=50)
    parser.add_argument("--years", type=int, default=10)
    parser.add_argument("--measures", type=int, default=200, help="in each plan")
    parser.add_argument("--reports", type=int, default=10, help="on each measure")
    options = parser.parse_args()
    prepare(options.home)
    begin = time.perf_counter()
    counts = draw(options.ecosystems, options.years, options.measures, options.reports)
    print(f"{counts} in {time.perf_counter() - begin:.0f} s")


def prepare(home: Path) -> None:
    """Sets Django up on this home and makes its tables. DATABASE_URL, where set, is obeyed as anywhere."""
    home.mkdir(parents=True, exist_ok=True)
    os.environ["TALKA_HOME"] = str(home.resolve())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "talka.settings")
    if str(PROJECT / "src") not in sys.path:
        sys.path.insert(0, str(PROJECT / "src"))
    from talka.core import translations

    translations.compile_all()
    import django

    django.setup()
    from django.core.management import call_command

    from talka.core.memory import settle

    call_command("migrate", interactive=False, verbosity=0)
    settle()  # as every process of Talka begins


def draw(ecosystems: int, years: int, measures: int, reports: int) -> dict[str, int]:
    """Draws everything; returns how many rows of what."""
    from django.db import connection, transaction
    from django.utils import translation

    from talka.core.actions import HUB, SYSTEM
    from talka.core.models import Event, Report
    from talka.domains.actions import add_domain, add_ecosystem
    from talka.parties.models import Organisation
    from talka.plan.models import Measure

    luck = random.Random(2030)
    translation.activate("lv")
    domain = add_domain(HUB, by=SYSTEM, code="bench", title_lv="Mērījumu joma", title_en="Benchmark domain")
    institutions = poured(
        Organisation,
        (
            Organisation(
                code=f"inst-{n}",
                acronym=f"INST{n}",
                name_lv=f"Izdomātā institūcija {n}",
                name_en=f"Invented institution {n}",
                helix="public",
                kind_of="agency",
            )
            for n in range(INSTITUTIONS)
        ),
    )
    for number in range(ecosystems):
        with transaction.atomic():
            ecosystem = add_ecosystem(
                HUB,
                by=SYSTEM,
                code=f"eco{number}",
                domain=domain,
                title_lv=f"Ekosistēma {number}",
                title_en=f"Ecosystem {number}",
                summary_lv="Sintētiski dati mērījumiem.",
                summary_en="Synthetic data.",
            )
            strategy = draw_strategy(ecosystem, luck)
            for year in range(THIS_YEAR - years + 1, THIS_YEAR + 1):
                draw_plan(strategy, year, measures, reports, institutions, luck)
        print(f"  ecosystem {number + 1} of {ecosystems}", file=sys.stderr, flush=True)
    if connection.vendor == "postgresql":  # its own housekeeping would come to it in a minute or so
        with connection.cursor() as cursor:
            cursor.execute("vacuum analyze")
    return {
        "ecosystems": ecosystems,
        "measures": Measure.objects.count(),
        "reports": Report.objects.count(),
        "events": Event.objects.count(),
    }


def poured(model: Any, rows: Iterable[Any]) -> list[Any]:
    """Inserts rows and returns them as they are now, in the order given."""
    from talka.core.bulk import insert

    last = model._base_manager.order_by("-pk").values_list("pk", flat=True).first() or 0
    insert(model, rows)
    return list(model._base_manager.filter(pk__gt=last).order_by("pk"))


def title(luck: random.Random) -> str:
    return f"{luck.choice(VERBS)} {luck.choice(NOUNS)} {luck.choice(THINGS)} {luck.choice(NOUNS)} jomā"


def draw_strategy(ecosystem: Any, luck: random.Random) -> Any:
    """A strategy with its directions, priorities and targets, adopted; with five years of accepted values."""
    from talka.core.bulk import insert
    from talka.core.models import Report
    from talka.core.search import refresh
    from talka.strategy.models import Direction, Priority, Strategy, Target

    strategy = poured(
        Strategy,
        [
            Strategy(
                ecosystem=ecosystem,
                number=1,
                title_lv=f"Stratēģija {ecosystem.code}",
                starts=2017,
                ends=2032,
                state="adopted",
                mission_lv="Mērījumu misija",
                mission_en="Benchmark mission",
            )
        ],
    )[0]
    strategy.ecosystem = ecosystem
    directions = poured(
        Direction,
        (Direction(strategy=strategy, code=f"d{n}", order=n, title_lv=f"Virziens {n}") for n in range(1, 5)),
    )
    priorities = poured(
        Priority,
        (
            Priority(
                strategy=strategy,
                direction=directions[n * 4 // PRIORITIES],
                code=f"p{n}",
                order=n,
                title_lv=title(luck),
            )
            for n in range(PRIORITIES)
        ),
    )
    targets = poured(
        Target,
        (
            Target(
                strategy=strategy,
                priority=priorities[n * PRIORITIES // TARGETS],
                code=f"t{n}",
                order=n,
                title_lv=title(luck),
                kind_of="quantity",
                baseline=Decimal(100),
                baseline_period="2022",
                goal=Decimal(200),
                due="2032",
                unit_lv="gab.",
            )
            for n in range(TARGETS)
        ),
    )
    for row in (*directions, *priorities, *targets):
        row.strategy = strategy
    refresh([strategy, *directions, *priorities, *targets])
    insert(
        Report,
        (
            Report(
                about_kind="strategy.target",
                about_id=target.pk,
                ecosystem_id=ecosystem.pk,
                series=target.series,
                period=str(year),
                as_of=date(year, 12, 31),
                text="Sasniegts",
                value=Decimal(100 + (year - 2022) * 9),
                state="accepted",
                by_name="system",
                submitted_at=datetime(year + 1, 1, 10, tzinfo=UTC),
                decided_by="system",
                decided_at=datetime(year + 1, 1, 11, tzinfo=UTC),
            )
            for target in targets
            for year in range(2021, 2026)
        ),
    )
    return strategy


def draw_plan(
    strategy: Any, year: int, measures: int, reports: int, institutions: Sequence[Any], luck: random.Random
) -> None:
    """A plan with everything below it."""
    from talka.core.bulk import insert
    from talka.core.models import Event, Report
    from talka.core.search import refresh
    from talka.plan import queries
    from talka.plan.models import Assignment, Funding, Measure, Plan, Result, ResultIndicator, Section

    plan = poured(
        Plan,
        [
            Plan(
                ecosystem=strategy.ecosystem,
                year=year,
                title_lv=f"Rīcības plāns {year}",
                strategy=strategy,
                state="closed" if year < THIS_YEAR else "adopted",
            )
        ],
    )[0]
    sections = poured(
        Section,
        (
            Section(
                plan=plan,
                number=f"{n // 2 + 1}.{n % 2 + 1}",
                order=n,
                direction_number=str(n // 2 + 1),
                direction_title_lv=f"Virziens {n // 2 + 1}",
                title_lv=priority.title_lv,
                priority=priority,
            )
            for n, priority in enumerate(queries.priorities(strategy))
        ),
    )

    def drawn(n: int) -> Any:
        section = sections[n * len(sections) // measures]
        state = luck.choice(["planned", "under_way", "done", "done"])
        measure = Measure(
            plan=plan,
            section=section,
            number=f"{section.number}.{n + 1}",
            order=n,
            title_lv=title(luck),
            deadline=f"{year}-Q{n % 4 + 1}" if n % 3 else str(year),
            state=state,
            done_on=date(year, 11, 30) if state == "done" else None,
        )
        measure.settle()
        return measure

    rows = poured(Measure, map(drawn, range(measures)))
    insert(Result, (Result(measure=m, text_lv=f"Ir {title(luck).lower()}") for m in rows))
    insert(
        ResultIndicator,
        (ResultIndicator(measure=m, text_lv=f"{luck.randint(1, 20)} dokumenti") for m in rows),
    )
    insert(Funding, (Funding(measure=m, text="Valsts budžets") for m in rows if luck.random() < 0.8))
    parts = ("responsible", "involved", "involved")
    insert(
        Assignment,
        (
            Assignment(measure=m, organisation=institution, part=part, order=order)
            for m in rows
            for order, (institution, part) in enumerate(
                zip(luck.sample(list(institutions), 3), parts, strict=True)
            )
        ),
    )
    said = poured(Report, drawn_reports(rows, strategy.ecosystem_id, year, reports))
    plan.ecosystem = strategy.ecosystem
    found = list(queries.measures(plan))
    for measure in found:
        measure.plan = plan
    refresh(found)
    insert(Event, drawn_events(found, said, strategy.ecosystem_id, year))


def drawn_reports(measures: Iterable[Any], ecosystem_id: int, year: int, count: int) -> Iterator[Any]:
    """One accepted report a month on each measure."""
    from talka.core.models import Report

    for n in range(count):
        day = date(year, 1, 15) + timedelta(days=30 * n)
        at = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
        for measure in measures:
            yield Report(
                about_kind="plan.measure",
                about_id=measure.pk,
                ecosystem_id=ecosystem_id,
                period=f"{day.year}-{day.month:02}",
                as_of=day,
                text="Darbs turpinās, sarunas notikušas.",
                state="accepted",
                by_name="system",
                submitted_at=at,
                decided_by="system",
                decided_at=at,
            )


def drawn_events(
    measures: Iterable[Any], reports: Iterable[Any], ecosystem_id: int, year: int
) -> Iterator[Any]:
    """What verbs would have written: an event for each measure, then one for each report."""
    from talka.core.models import Event

    def event(verb: str, at: datetime, row: Any) -> Any:
        return Event(
            verb=verb,
            at=at,
            by_name="system",
            by_salt="",
            subject_kind=row.kind(),
            subject_id=row.pk,
            subject_name=str(row)[:500],
            ecosystem_id=ecosystem_id,
        )

    for measure in measures:
        yield event("plan.add_measure", datetime(year, 1, 2, tzinfo=UTC), measure)
    for report in reports:
        yield event("plan.report", report.submitted_at, report)


if __name__ == "__main__":
    main()
