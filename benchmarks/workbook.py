"""A workbook of 5,000 measures: read, previewed and applied; exported again; and imported again without a change."""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path

from benchmarks.generate import draw_strategy, prepare, title


def measure(rows: int) -> dict[str, float]:
    """Seconds of each step, in a home of its own that is thrown away."""
    from openpyxl import Workbook

    from talka.core.actions import HUB, SYSTEM
    from talka.core.testing import acting
    from talka.domains.actions import add_domain, add_ecosystem
    from talka.parties.models import Organisation
    from talka.plan import sheets
    from talka.plan.models import Measure, Plan, Section

    luck = random.Random(5000)
    code = f"book-{rows}"
    domain = add_domain(HUB, by=SYSTEM, code=code, title_lv="Joma")
    ecosystem = add_ecosystem(HUB, by=SYSTEM, code=code, domain=domain, title_lv="Ekosistēma")
    with acting():
        for n in range(40):
            if not Organisation.objects.filter(code=f"book-{n}").exists():
                Organisation(
                    code=f"book-{n}",
                    acronym=f"IZD{n}",
                    name_lv=f"Izdomātā iestāde {n}",
                    helix="public",
                    kind_of="agency",
                ).save()
        strategy = draw_strategy(ecosystem, luck)
        plan = Plan(ecosystem=ecosystem, year=2026, title_lv="Rīcības plāns 2026", strategy=strategy)
        plan.save()
        for n, priority in enumerate(strategy.priority_set.all()):
            Section(
                plan=plan,
                number=f"1.{n + 1}",
                order=n,
                direction_number="1",
                direction_title_lv="Virziens 1",
                title_lv=priority.title_lv,
                priority=priority,
            ).save()
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Plāns")
    sheet.append(
        [
            "Nr.",
            "Pasākums",
            "Darbības rezultāts",
            "Rezultatīvais rādītājs",
            "Atbildīgā institūcija/ organizācija",
            "Iesaistītā(s) institūcija(s)/ organizācija(s)",
            "Izpildes termiņš",
            "Indikatīvais finansējuma avots",
        ]
    )
    for n in range(rows):
        institutions = luck.sample(range(40), 3)
        sheet.append(
            [
                f"1.{n * 8 // rows + 1}.{n + 1}",
                title(luck),
                f"Ir {title(luck).lower()}",
                f"{luck.randint(1, 9)} dokumenti",
                f"IZD{institutions[0]}",
                f"IZD{institutions[1]}, IZD{institutions[2]}",
                f"2026-Q{luck.randint(1, 4)}",
                "",
            ]
        )
    with tempfile.TemporaryDirectory() as folder:
        path, back = Path(folder, "plan.xlsx"), Path(folder, "back.xlsx")
        book.save(path)
        start = time.perf_counter()
        read = sheets.read_plan_file(plan, path)
        previewed = time.perf_counter()
        if read.problems:
            raise SystemExit(f"{read.problems[0].place}: {read.problems[0].message}")
        read.apply(by=SYSTEM)
        applied = time.perf_counter()
        sheets.write_plan_file(plan, back)
        written = time.perf_counter()
        again = sheets.read_plan_file(Plan.objects.get(pk=plan.pk), back)
        compared = time.perf_counter()
        if again.changes or again.problems or Measure.objects.filter(plan=plan).count() != rows:
            raise SystemExit(f"the round trip changed {len(again.changes)} rows")
    return {
        "read and preview": previewed - start,
        "apply": applied - previewed,
        "import in all": applied - start,
        "export": written - applied,
        "read again": compared - written,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        prepare(Path(home))
        few, many = measure(options.rows // 10), measure(options.rows)
    print(f"{'step':18} {options.rows // 10:>8} rows {options.rows:>8} rows   growth (10 = linear)")
    for step, seconds in many.items():
        print(f"{step:18} {few[step]:>10.2f} s {seconds:>10.2f} s   {seconds / few[step]:.1f}")


if __name__ == "__main__":
    main()
