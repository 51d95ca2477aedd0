"""Draws synthetic ecosystems of any size into a TALKA_HOME of their own: the same ones on every run.

Rows are drawn directly, not by verbs: a million reports through verbs would measure the verbs. Everything else
(search entries, an event for each measure) is as the house would have it.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
NOUNS = "pētījumu biobanku pacientu paraugu zāļu slimnīcu laboratoriju tehnoloģiju datu kompetenču programmu standartu likumu grantu projektu uzņēmumu".split()
VERBS = "Izveidot Pilnveidot Apzināt Saskaņot Izvērtēt Paplašināt Uzsākt Noslēgt Ieviest Sagatavot".split()
THINGS = "reģistru sadarbības tīklu infrastruktūru vienošanos priekšlikumu ceļa karti mācību programmu pārskatu uzsaukumu platformu".split()
PRIORITIES, TARGETS, INSTITUTIONS, EVENT_BATCH = 8, 24, 60, 5000


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
    """Sets Django up on this home and makes its tables."""
    os.environ["TALKA_HOME"] = str(home.resolve())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "talka.settings")
    sys.path.insert(0, str(PROJECT / "src"))
    from talka.core import translations

    translations.compile_all()
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=0)


def draw(ecosystems: int, years: int, measures: int, reports: int) -> dict[str, int]:
    """Draws everything; returns how many rows of what."""
    from talka.core.actions import HUB, SYSTEM
    from talka.core.testing import acting
    from talka.domains.actions import add_domain, add_ecosystem
    from talka.parties.models import Organisation

    luck = random.Random(2030)
    domain = add_domain(HUB, by=SYSTEM, code="bench", title_lv="Mērījumu joma", title_en="Benchmark domain")
    with acting():
        Organisation.objects.bulk_create(
            Organisation(code=f"inst-{n}", acronym=f"INST{n}", name_lv=f"Izdomātā institūcija {n}", name_en=f"Invented institution {n}",
                         helix="public", kind_of="agency")
            for n in range(INSTITUTIONS)
        )
    institutions = list(Organisation.objects.all())
    for number in range(ecosystems):
        ecosystem = add_ecosystem(HUB, by=SYSTEM, code=f"eco{number}", domain=domain, title_lv=f"Ekosistēma {number}",
                                  title_en=f"Ecosystem {number}", summary_lv="Sintētiski dati mērījumiem.", summary_en="Synthetic data.")
        with acting():
            strategy = draw_strategy(ecosystem, luck)
            for year in range(2033 - years, 2033):
                draw_plan(strategy, year, measures, reports, institutions, luck)
        print(f"  ecosystem {number + 1} of {ecosystems}", file=sys.stderr)
    return index(ecosystems)


def title(luck: random.Random) -> str:
    return f"{luck.choice(VERBS)} {luck.choice(NOUNS)} {luck.choice(THINGS)} {luck.choice(NOUNS)} jomā"


def draw_strategy(ecosystem: Any, luck: random.Random) -> Any:
    """A strategy with its directions, priorities and targets, adopted; with five years of accepted values."""
    from talka.core.models import Report
    from talka.strategy.models import Direction, Priority, Strategy, Target

    strategy = Strategy(ecosystem=ecosystem, number=1, title_lv=f"Stratēģija {ecosystem.code}", starts=2023, ends=2032, state="adopted",
                        mission_lv="Mērījumu misija", mission_en="Benchmark mission")
    strategy.save()
    directions = Direction.objects.bulk_create(
        Direction(strategy=strategy, code=f"d{n}", order=n, title_lv=f"Virziens {n}") for n in range(1, 5)
    )
    priorities = Priority.objects.bulk_create(
        Priority(strategy=strategy, direction=directions[n % 4], code=f"p{n}", order=n, title_lv=title(luck)) for n in range(PRIORITIES)
    )
    targets = Target.objects.bulk_create(
        Target(strategy=strategy, priority=priorities[n % PRIORITIES], code=f"t{n}", order=n, title_lv=title(luck), kind_of="quantity",
               baseline=Decimal(100), baseline_period="2022", goal=Decimal(200), due="2032", unit_lv="gab.")
        for n in range(TARGETS)
    )
    Report.objects.bulk_create(
        Report(about_kind="strategy.target", about_id=target.pk, ecosystem_id=ecosystem.pk, series=target.series, period=str(year),
               as_of=date(year, 12, 31), text="Sasniegts", value=Decimal(100 + (year - 2022) * 9), state="accepted", by_name="system",
               submitted_at=datetime(year + 1, 1, 10, tzinfo=UTC), decided_by="system", decided_at=datetime(year + 1, 1, 11, tzinfo=UTC))
        for target in targets for year in range(2021, 2026)
    )
    return strategy


def draw_plan(strategy: Any, year: int, measures: int, reports: int, institutions: list[Any], luck: random.Random) -> None:
    """A plan with everything below it."""
    from talka.core.models import Report
    from talka.plan.models import Assignment, Measure, Plan, Result, ResultIndicator, Section

    plan = Plan(ecosystem=strategy.ecosystem, year=year, title_lv=f"Rīcības plāns {year}", strategy=strategy, state="adopted")
    plan.save()
    priorities = list(strategy.priority_set.order_by("order"))
    sections = Section.objects.bulk_create(
        Section(plan=plan, number=f"{n // 2 + 1}.{n % 2 + 1}", order=n, direction_number=str(n // 2 + 1),
                direction_title_lv=f"Virziens {n // 2 + 1}", title_lv=priority.title_lv, priority=priority)
        for n, priority in enumerate(priorities)
    )
    rows = []
    for n in range(measures):
        section = sections[n * len(sections) // measures]
        state = luck.choice(["planned", "under_way", "done", "done"]) if year < 2026 else "planned"
        measure = Measure(plan=plan, section=section, number=f"{section.number}.{n + 1}", order=n, title_lv=title(luck), deadline=str(year),
                          state=state, done_on=date(year, 11, 30) if state == "done" else None)
        measure.settle()
        rows.append(measure)
    rows = Measure.objects.bulk_create(rows, batch_size=500)
    Result.objects.bulk_create((Result(measure=m, text_lv=f"Ir {title(luck).lower()}") for m in rows), batch_size=1000)
    ResultIndicator.objects.bulk_create((ResultIndicator(measure=m, text_lv=f"{luck.randint(1, 20)} dokumenti") for m in rows), batch_size=1000)
    Assignment.objects.bulk_create(
        (
            Assignment(measure=m, organisation=institution, part=part, order=order)
            for m in rows
            for order, (institution, part) in enumerate(
                zip(luck.sample(institutions, 3), ["responsible", "involved", "involved"], strict=True)
            )
        ),
        batch_size=1000,
    )
    Report.objects.bulk_create(drawn_reports(rows, strategy.ecosystem_id, year, reports), batch_size=1000)


def drawn_reports(measures: Iterable[Any], ecosystem_id: int, year: int, count: int) -> Iterator[Any]:
    from talka.core.models import Report

    for measure in measures:
        for n in range(count):
            day = date(year, 1, 15) + timedelta(days=30 * n)
            at = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
            yield Report(about_kind="plan.measure", about_id=measure.pk, ecosystem_id=ecosystem_id, period=f"{day.year}-{day.month:02}", as_of=day,
                         text="Darbs turpinās, sarunas notikušas.", state="accepted", by_name="system", submitted_at=at, decided_by="system", decided_at=at)


def index(ecosystems: int) -> dict[str, int]:
    """Search entries for everything findable, and an event for each measure."""
    from django.utils import timezone

    from talka.core import search
    from talka.core.models import Event, Report
    from talka.plan.models import Measure

    for how in search.FINDABLE.values():
        batch = []
        for row in how.model._base_manager.order_by("pk").iterator(chunk_size=2000):
            batch.append(row)
            if len(batch) == 2000:
                search.refresh(batch)
                batch = []
        search.refresh(batch)
    now = timezone.now()
    events = (
        Event(verb="plan.add_measure", at=now, by_name="system", by_salt="", subject_kind="plan.measure", subject_id=pk,
              subject_name=f"{number}. {name}"[:500], ecosystem_id=ecosystem)
        for pk, number, name, ecosystem in Measure.objects.values_list("pk", "number", "title_lv", "plan__ecosystem").iterator(chunk_size=2000)
    )
    Event.objects.bulk_create(events, batch_size=EVENT_BATCH)
    return {"ecosystems": ecosystems, "measures": Measure.objects.count(), "reports": Report.objects.count()}


if __name__ == "__main__":
    main()
