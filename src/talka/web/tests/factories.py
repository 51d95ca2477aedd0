"""A whole hub in small, for the pages that combine rooms: what is public beside what is not, and who reads it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from talka.core.actions import SYSTEM
from talka.core.attachments import about
from talka.core.models import Attachment, Report
from talka.core.testing import acting
from talka.core.values import Period
from talka.domains.models import Ecosystem
from talka.governance import actions as decisions
from talka.governance.models import Decision
from talka.governance.tests import factories as governance
from talka.parties.models import Account, Organisation
from talka.plan import actions as plans
from talka.plan.models import Measure, Plan
from talka.plan.tests import factories as plan
from talka.portfolio.tests import factories as portfolio
from talka.strategy import actions as strategies
from talka.strategy.models import Strategy, Target

YEAR = timezone.localdate().year


@dataclass(frozen=True)
class Hub:
    """One ecosystem with a strategy and a plan in force and drafts of the next ones.

    Anna coordinates it, Bruno is an officer of the ministry responsible for its first measure, Cilda has an account
    and nothing else, Dzintars administers the hub.
    """

    eco: Ecosystem
    ministry: Organisation
    anna: Account
    bruno: Account
    cilda: Account
    dzintars: Account
    version: Strategy
    next_version: Strategy
    plan: Plan
    next_plan: Plan
    decided: Decision
    prepared: Decision

    @property
    def measure(self) -> Measure:
        return self.plan.measures.order_by("order")[0]

    @property
    def target(self) -> Target:
        return self.version.target_set.get()


def hub(code: str = "biomed", measures: int = 1) -> Hub:
    """The hub, with so many measures in force, all late."""
    eco = plan.ecosystem(code)
    ministry = plan.organisation(name=f"Ministrija {code}")
    anna = plan.account("Anna", "coordinator", where=eco)
    bruno = plan.account("Bruno", "officer", where=eco, of=ministry)
    version = plan.strategy(eco)
    with acting():
        priority = version.priority_set.order_by("order")[0]
        Target(
            strategy=version, priority=priority, code="hives", title_lv="Stropu skaits", title_en="Hives",
            unit_lv="stropi", unit_en="hives", baseline=0, baseline_period=str(YEAR - 3), goal=10, due=str(YEAR + 3),
        ).save()  # fmt: skip
    running = plan.plan(eco, YEAR - 1, measures, adopted=True)
    first = running.measures.order_by("order")[0]
    plans.edit_measure(first, by=SYSTEM, responsible=[ministry])
    body = governance.body(eco)
    return Hub(
        eco=eco,
        ministry=ministry,
        anna=anna,
        bruno=bruno,
        cilda=plan.account("Cilda"),
        dzintars=plan.account("Dzintars", "administrator"),
        version=version,
        next_version=strategies.draft_from(version, by=SYSTEM),
        plan=running,
        next_plan=plans.derive(eco, by=SYSTEM, year=YEAR),
        decided=decisions.adopt(governance.decision(body, "Par medu"), by=SYSTEM),
        prepared=governance.decision(body, "Par vasku"),
    )


def report(on: Hub, by: Account | None = None, **values: Any) -> Report:
    """Bruno's report on the first measure, with a file."""
    given = {"period": Period.year(YEAR - 1), "text": "Stropi krāsoti.", "files": [pdf()], **values}
    return plans.report(on.measure, by=by or on.bruno, **given)


def value(on: Hub, *, public: bool = False, accepted: bool = False, amount: int = 4) -> Report:
    """A value of the target with a file, public or not."""
    made = strategies.report_value(
        on.target,
        by=SYSTEM,
        period=Period.year(YEAR - 1),
        value=Decimal(amount),
        text="Saskaitīts.",
        files=[pdf()],
        public=public,
    )
    return strategies.accept_value(made, by=SYSTEM) if accepted else made


def pdf(name: str = "akts.pdf") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, b"%PDF-1.7 akts")


def file_of(made: Report) -> Attachment:
    return about(made).get()


def project(on: Hub, code: str = "honey") -> Any:
    return portfolio.project(on.eco, code)


def as_(account: Account | None) -> Client:
    """A browser in which this person is signed in; None: the public."""
    client = Client()
    if account is not None:
        client.force_login(account)
    return client


def everybody(on: Hub) -> dict[str, Client]:
    people = {"anna": on.anna, "bruno": on.bruno, "cilda": on.cilda, "dzintars": on.dzintars, "public": None}
    return {name: as_(account) for name, account in people.items()}
