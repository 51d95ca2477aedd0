"""What the tests of the room draw: a small ecosystem, and the real plan as the seed's files tell it."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import yaml

from talka.core.actions import HUB, SYSTEM
from talka.core.sheets import SHEETS, Preview, Raw
from talka.core.testing import acting
from talka.domains.models import Domain, Ecosystem
from talka.legislation.models import Bill
from talka.parties.models import Account, Affiliation, Grant, Organisation, OtherName, Person
from talka.plan import actions
from talka.plan.models import Measure, Plan, Section
from talka.strategy.models import Direction, Priority, Strategy

SEED = Path(__file__).resolve().parents[2] / "seed" / "biomedicine"
_numbers = count(1)


def ecosystem(code: str = "biomed") -> Ecosystem:
    with acting():
        domain = Domain(code=f"{code}-domain", title_lv="Joma", title_en="Domain")
        domain.save()
        made = Ecosystem(code=code, domain=domain, title_lv="Biomedicīna", title_en="Biomedicine")
        made.save()
    return made


def organisation(acronym: str = "", name: str = "", **more: Any) -> Organisation:
    nth = next(_numbers)
    with acting():
        made = Organisation(
            **{
                "code": f"org-{nth}",
                "acronym": acronym,
                "name_lv": name or f"Iestāde {nth}",
                "helix": "public",
                "kind_of": "ministry",
                **more,
            }
        )
        made.save()
    return made


def other_name(of: Organisation, name: str) -> None:
    with acting():
        OtherName(organisation=of, name=name, language="lv").save()


def account(
    name: str, role: str = "", *, of: Organisation | None = None, where: Ecosystem | None = None
) -> Account:
    """Anna, Bruno, Cilda …: an account with a role in an ecosystem, affiliated with an organisation."""
    with acting():
        person = Person(code=f"person-{next(_numbers)}", given=name, family="Paraugs")
        person.save()
        made = Account(email=f"{name.casefold()}{next(_numbers)}@example.test", person=person, language="lv")
        made.set_password("a long enough pass phrase")
        made.save()
        if role:
            Grant(account=made, role=role, ecosystem=where).save()
        if of:
            Affiliation(person=person, organisation=of).save()
    return made


def strategy(of: Ecosystem, priorities: dict[str, list[str]] | None = None) -> Strategy:
    """A strategy in force; `priorities` are titles by the title of their direction."""
    with acting():
        made = Strategy(
            ecosystem=of,
            number=1,
            title_lv="Stratēģija",
            title_en="Strategy",
            starts=2023,
            ends=2035,
            state="adopted",
        )
        made.save()
        for nth, (title, titles) in enumerate(
            (priorities or {"Cilvēkresursi": ["Prestižs", "Izglītība"]}).items(), 1
        ):
            direction = Direction(strategy=made, code=f"d{nth}", order=nth, title_lv=title)
            direction.save()
            for within, each in enumerate(titles, 1):
                Priority(
                    strategy=made, direction=direction, code=f"d{nth}-{within}", order=within, title_lv=each
                ).save()
    return made


def plan(of: Ecosystem, year: int = 2023, measures: int = 0, *, adopted: bool = False) -> Plan:
    """A plan derived from the strategy, with measures 1.1.1, 1.1.2, … due in its year."""
    made = actions.derive(of, by=SYSTEM, year=year)
    if measures:
        rows = [
            {
                "number": f"1.1.{nth}",
                "section": "1.1",
                "title_lv": f"Pasākums {nth}",
                "title_en": f"Measure {nth}",
                "results_lv": [f"Rezultāts {nth}"],
                "indicators_lv": [f"{nth} ziņojumi"],
                "deadline": str(year),
            }
            for nth in range(1, measures + 1)
        ]
        actions.put_measures(made, by=SYSTEM, rows=rows)
    if adopted:
        actions.adopt(made, by=SYSTEM)
    return made


def measure(of: Plan, number: str = "1.1.1", **values: Any) -> Measure:
    return actions.add_measure(
        of, by=SYSTEM, **{"section": "1.1", "number": number, "title_lv": f"Pasākums {number}", **values}
    )


def section(of: Plan, number: str) -> Section:
    return Section.objects.get(plan=of, number=number)


# ---------------------------------------------------------------- the real plan


def _yaml(name: str) -> list[dict[str, Any]]:
    loaded = yaml.load((SEED / name).read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    rows: list[dict[str, Any]] = loaded["rows"]
    return rows


def real_parties() -> None:
    """The institutions that the strategy names, with every spelling it uses."""
    made: dict[str, Organisation] = {}
    with acting():
        for row in _yaml("05-organisations.yaml"):
            each = Organisation(
                code=row["code"],
                acronym=row.get("acronym", ""),
                name_lv=row["name_lv"],
                name_en=row.get("name_en", ""),
                helix=row["helix"],
                kind_of=row.get("kind_of") or row["kind"],
                country=row.get("country", "LV"),
            )
            each.save()
            made[each.code] = each
            for alias in {name.casefold(): name for name in row.get("aliases", [])}.values():
                OtherName(organisation=each, name=alias, language="lv").save()


def real_strategy(of: Ecosystem) -> Strategy:
    """The strategy's directions and priorities as its text has them, and the bills."""
    with acting():
        made = Strategy(
            ecosystem=of, number=1, title_lv="Stratēģija", starts=2023, ends=2027, state="adopted"
        )
        made.save()
        directions = {}
        for row in _yaml("12-directions.yaml"):
            directions[row["code"]] = Direction(
                strategy=made,
                code=row["code"],
                order=int(row["order"]),
                title_lv=row["title_lv"],
                title_en=row["title_en"],
            )
            directions[row["code"]].save()
        for row in _yaml("13-priorities.yaml"):
            Priority(
                strategy=made,
                direction=directions[row["direction"]],
                code=row["code"],
                order=int(row["order"]),
                title_lv=row["title_lv"],
                title_en=row["title_en"],
            ).save()
        for row in _yaml("08-bills.yaml"):
            Bill(ecosystem=of, code=row["code"], title_lv=row["title_lv"], stage="drafting").save()
    return made


def preview_sheet(code: str, parent: Any, name: str) -> Preview:
    """One of the seed's files, through its sheet, beside what is there."""
    rows = [Raw(f"{name}, row {nth}", _renamed(row)) for nth, row in enumerate(_yaml(name), 1)]
    return SHEETS[code].preview(parent, rows)


def put_sheet(code: str, parent: Any, name: str) -> None:
    """Loads one of the seed's files through its sheet."""
    SHEETS[code].apply(preview_sheet(code, parent, name), by=SYSTEM)


def _renamed(row: dict[str, Any]) -> dict[str, Any]:
    # The seed's files are being brought to the name that models use.
    return {("kind_of" if key == "kind" else key): value for key, value in row.items()}


def real_plan(of: Ecosystem) -> Plan:
    """The 2023 plan, loaded from the seed's files through the room's own sheets, still a draft."""
    real_parties()
    real_strategy(of)
    put_sheet("plan.funding_sources", HUB, "15-funding.yaml")
    put_sheet("plan.plans", of, "16-plans.yaml")
    made = Plan.objects.select_related("ecosystem", "strategy").get(ecosystem=of)
    put_sheet("plan.sections", made, "17-sections.yaml")
    put_sheet("plan.measures", made, "18-measures.yaml")
    return made
