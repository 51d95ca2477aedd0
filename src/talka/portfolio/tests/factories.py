"""Projects, indicators and partnerships drawn for tests, and the real ecosystem from its data files."""

from __future__ import annotations

from typing import Any

from talka.core.actions import HUB, SYSTEM
from talka.core.sheets import SHEETS, Raw
from talka.domains.models import Ecosystem
from talka.network.tests.test_network import raws, seed
from talka.portfolio import actions
from talka.portfolio.models import Kpi, Partnership, Project


def project(eco: Ecosystem, code: str = "honey", **values: Any) -> Project:
    named: dict[str, Any] = {
        "title_lv": f"Projekts {code}",
        "title_en": f"Project {code}",
        "kind_of": "long_term",
        "status": "running",
    }
    return actions.add_project(eco, by=SYSTEM, code=code, **{**named, **values})


def kpi(of: Project, title: str = "stropi", **values: Any) -> Kpi:
    named: dict[str, Any] = {"title_lv": title, "unit_lv": "stropi", "unit_en": "hives", "goal": 10}
    return actions.add_kpi(of, by=SYSTEM, **{**named, **values})


def partnership(eco: Ecosystem, code: str = "apimondia", **values: Any) -> Partnership:
    named: dict[str, Any] = {
        "title_lv": f"Partnerība {code}",
        "title_en": f"Partnership {code}",
        "kind_of": "eric",
    }
    return actions.add_partnership(eco, by=SYSTEM, code=code, **{**named, **values})


def load(sheet: str, parent: Any, file: str) -> None:
    """One file of the real ecosystem, through its sheet."""
    rows: list[Raw] = raws(seed(file))
    preview = SHEETS[sheet].preview(parent, rows)
    assert preview.problems == [], preview.problems[:3]
    SHEETS[sheet].apply(preview, by=SYSTEM)


def real_portfolio(eco: Ecosystem) -> None:
    """The real projects, indicators and partnerships, with what they point to."""
    load("domains.policies", HUB, "01-policies.yaml")
    load("parties.organisations", HUB, "05-organisations.yaml")
    load("network.niches", eco, "06-niches.yaml")
    load("legislation.bills", eco, "08-bills.yaml")
    load("plan.funding_sources", HUB, "15-funding.yaml")
    load("portfolio.projects", eco, "19-projects.yaml")
    load("portfolio.kpis", eco, "20-kpis.yaml")
    load("portfolio.partnerships", eco, "21-partnerships.yaml")
