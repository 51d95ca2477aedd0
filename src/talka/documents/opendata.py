"""What an ecosystem gives away: each data set is a sheet, in every format that sheets are written in.

The list below is written out, because what the public gets is a decision and not a by-product: a sheet that is
neither published nor held back fails a test. Drafts, prepared decisions, people and accounts are never in it.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db.models import Max, Q
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from talka.core.actions import HUB
from talka.core.bilingual import Text, both
from talka.core.formats import CONTENT_TYPES, Document, Grid, to_bytes
from talka.core.models import Event
from talka.core.sheets import SHEETS
from talka.documents import iati
from talka.documents.wording import in_both
from talka.domains.models import Ecosystem
from talka.plan import queries as plans
from talka.plan import sheets as plan_sheets
from talka.plan.models import Plan, PlanState
from talka.strategy import queries as strategies

LICENCE = "https://creativecommons.org/licenses/by/4.0/"
TABLE_FORMATS = ("csv", "xlsx", "json")
FORM_FORMATS = ("docx", "pdf")  # the official form of a plan
IATI = "xml"
MEDIA_TYPES = {name: CONTENT_TYPES[name] for name in (*TABLE_FORMATS, *FORM_FORMATS)} | {
    IATI: iati.MEDIA_TYPE
}


def _all(row: Any) -> bool:
    return True


@dataclass(frozen=True)
class Published:
    """A sheet that is given away: its name in addresses, what it holds, which of its rows are public."""

    code: str
    sheet: str
    description: Any
    keywords: Sequence[str] = ()
    public: Callable[[Any], bool] = _all


PUBLISHED: tuple[Published, ...] = (
    Published(
        "strategy",
        "strategy.versions",
        gettext_lazy(
            "The versions of the strategy that are or were in force: mission, years, policies served."
        ),
        ("strategy", "RIS3"),
        lambda row: not row.is_draft,
    ),
    Published(
        "obstacles", "strategy.obstacles", gettext_lazy("What stands between the ecosystem and its mission.")
    ),
    Published(
        "directions",
        "strategy.directions",
        gettext_lazy("The directions of action of the strategy in force, and the obstacles they answer."),
    ),
    Published(
        "priorities",
        "strategy.priorities",
        gettext_lazy("The priorities of the strategy in force, under their directions."),
    ),
    Published(
        "targets",
        "strategy.targets",
        gettext_lazy("What is to be reached by when: indicator, unit, baseline, goal, deadline."),
        ("target", "indicator"),
    ),
    Published(
        "levers",
        "strategy.levers",
        gettext_lazy("The changes that would raise exports and research investment."),
    ),
    Published(
        "focuses", "strategy.focuses", gettext_lazy("The niches on which the strategy in force focuses.")
    ),
    Published(
        "plan",
        "plan.measures",
        gettext_lazy(
            "The measures of the action plan: results, indicators, institutions, deadlines, funding sources."
        ),
        ("action plan", "measure"),
    ),
    Published(
        "plan-sections",
        "plan.sections",
        gettext_lazy("The headings of the action plan: priorities under directions."),
    ),
    Published(
        "funding-sources", "plan.funding_sources", gettext_lazy("The sources of funding that plans name.")
    ),
    Published(
        "organisations",
        "parties.organisations",
        gettext_lazy(
            "The organisations of the ecosystem: names, kinds, sectors, registration numbers, ROR ids."
        ),
        ("organisation", "institution"),
    ),
    Published(
        "niches", "network.niches", gettext_lazy("The niches of research, development and innovation.")
    ),
    Published("competences", "network.competences", gettext_lazy("What the ecosystem can do, or means to.")),
    Published(
        "bills",
        "legislation.bills",
        gettext_lazy("The bills that the ecosystem depends on, and their stages."),
        ("bill",),
    ),
    Published(
        "bodies", "governance.bodies", gettext_lazy("The bodies that decide, such as the strategic council.")
    ),
    Published(
        "decisions",
        "governance.decisions",
        gettext_lazy("What was decided, when, and what it changed."),
        ("decision",),
        lambda row: not row.is_prepared,
    ),
    Published(
        "projects",
        "portfolio.projects",
        gettext_lazy("The projects of the ecosystem: partners, time, funding, results."),
        ("project",),
    ),
    Published(
        "kpis",
        "portfolio.kpis",
        gettext_lazy("The result indicators of the projects: baseline, goal, deadline."),
    ),
    Published(
        "partnerships",
        "portfolio.partnerships",
        gettext_lazy("The networks, infrastructures and initiatives in which the ecosystem takes part."),
    ),
    Published(
        "biobanks",
        "biobanks.biobanks",
        gettext_lazy("The biobanks of the directory: legal persons, contacts, what they can do."),
        ("biobank", "MIABIS"),
        lambda row: not row.withdrawn,
    ),
    Published(
        "sample-collections",
        "biobanks.collections",
        gettext_lazy(
            "The collections of the biobanks by MIABIS: samples, data, diseases, conditions of use."
        ),
        ("collection", "sample", "MIABIS"),
        lambda row: not (row.withdrawn or row.biobank.withdrawn),
    ),
    Published(
        "biobank-networks",
        "biobanks.networks",
        gettext_lazy("The networks of biobanks and their members."),
        (),
        lambda row: not row.withdrawn,
    ),
    Published(
        "research-resources",
        "biobanks.resources",
        gettext_lazy("The research resources: collections that are used together."),
        (),
        lambda row: not row.withdrawn,
    ),
    Published(
        "biobank-services",
        "biobanks.services",
        gettext_lazy("What the biobanks do for others."),
        (),
        lambda row: not (row.withdrawn or row.biobank.withdrawn),
    ),
    Published(
        "quality-standards",
        "biobanks.qualities",
        gettext_lazy("The quality standards that the biobanks name."),
    ),
    Published(
        "consent-forms",
        "biobanks.forms",
        gettext_lazy("The consent forms by version, with what their boxes mean (DUO)."),
        ("consent", "DUO"),
        lambda row: row.published_on is not None,
    ),
    Published(
        "collectors",
        "biobanks.collectors",
        gettext_lazy("The institutions that ask for consent in their intake, and their agreements."),
    ),
    Published(
        "facilities",
        "facilities.units",
        gettext_lazy("The core facilities: what they offer and how to get access."),
        ("core facility", "research infrastructure"),
        lambda row: not row.withdrawn,
    ),
    Published(
        "facility-hours",
        "facilities.hours",
        gettext_lazy("When the core facilities and their instruments are open."),
    ),
    Published("methods", "facilities.methods", gettext_lazy("The methods that the core facilities offer.")),
    Published(
        "limits-of-law",
        "domains.rules",
        gettext_lazy("The limits that laws set, by date, with how sure we are of each."),
    ),
    Published("domains", "domains.domains", gettext_lazy("The RIS3 domains of Latvia.")),
    Published("missions", "domains.missions", gettext_lazy("The missions that cut across the domains.")),
    Published("policies", "domains.policies", gettext_lazy("The policies above the strategies.")),
)
HELD_BACK = {
    **dict.fromkeys(
        (
            "billing.accounts",
            "billing.aid",
            "billing.charges",
            "billing.customers",
            "billing.issuers",
            "billing.runs",
            "billing.standings",
            "billing.start_ups",
            "billing.undertakings",
        ),
        "between an institution and its customers",
    ),
    "billing.tariffs": "the public price list shows what is in force",
    "billing.versions": "drafts of prices and the costs behind them; the public price list shows what is in force",
    "facilities.resources": "it names experts by their e-mail; the catalogue shows the rest",
    "parties.people": "personal data",
    "biobanks.contacts": "working contacts of persons; the directory shows them beside what they answer for",
    "biobanks.nodes": "addresses of machines; how the nodes are is on their page",
    "plan.plans": "the years stand in the plans themselves; its rows may be drafts",
    "domains.ecosystems": "about the hub, not about one ecosystem; the API lists them",
}


@dataclass(frozen=True)
class Dataset:
    """A published sheet under one parent: "plan-2023" is the sheet of measures under the plan of 2023."""

    code: str
    title: Text
    description: Text
    published: Published
    parent: Any
    modified: datetime | None
    formats: tuple[str, ...] = TABLE_FORMATS
    plan: Plan | None = None
    period: tuple[date, date] | None = None
    keywords: tuple[str, ...] = field(default=())

    @property
    def changed_on(self) -> date | None:
        """The day of the last change, where the hub is."""
        return timezone.localdate(self.modified) if self.modified else None

    def document(self, *, keys: bool = False) -> Document:
        """The public rows as a table, headed in the reader's language or by column keys."""
        sheet = SHEETS[self.published.sheet]
        header = [column.key if keys else str(column.label) for column in sheet.columns]
        rows = [
            list(sheet.shown(row).values()) for row in sheet.rows(self.parent) if self.published.public(row)
        ]
        return Document(
            str(self.title),
            blocks=[Grid(header, rows, landscape=True, name=str(sheet.label))],
            language=(get_language() or "lv")[:2],
        )

    def file(self, kind: str, *, address: str, at: datetime) -> bytes:
        """The data set as a file. Raises KeyError for a format in which it is not published."""
        if kind not in self.formats:
            raise KeyError(kind)
        if kind == IATI:
            assert self.plan is not None  # only plans have that format
            return iati.export(self.plan, address=address, at=at)
        if kind in FORM_FORMATS:
            assert self.plan is not None
            return plan_sheets.export_plan(self.plan, kind)
        return to_bytes(self.document(keys=kind == "json"), kind)


def datasets(ecosystem: Ecosystem) -> list[Dataset]:
    """Everything that the ecosystem publishes, in order: plans newest first. Four questions to the database."""
    strategy = strategies.in_force(ecosystem)
    public_plans = list(plans.plans(ecosystem).filter(state__in=(PlanState.ADOPTED, PlanState.CLOSED)))
    changed = _changed(ecosystem)
    found: list[Dataset] = []
    for each in PUBLISHED:
        sheet = SHEETS[each.sheet]
        modified = changed.get(each.sheet.partition(".")[0])
        label, description = in_both(sheet.label), in_both(each.description)
        if sheet.over == "plan.plan":
            found += [_of_plan(each, plan, label, description, modified) for plan in public_plans]
        elif sheet.over == "strategy.strategy":
            if strategy is not None:
                found.append(
                    Dataset(
                        each.code, label, description, each, strategy, modified, keywords=tuple(each.keywords)
                    )
                )
        else:
            parent = HUB if sheet.over == "hub" else ecosystem
            found.append(
                Dataset(each.code, label, description, each, parent, modified, keywords=tuple(each.keywords))
            )
    return found


def _of_plan(
    each: Published, plan: Plan, label: Text, description: Text, modified: datetime | None
) -> Dataset:
    measures = each.sheet == "plan.measures"
    title = both(plan, "title") if measures else Text(f"{label.lv} {plan.year}", f"{label.en} {plan.year}")
    return Dataset(
        f"{each.code}-{plan.year}",
        title,
        description,
        each,
        plan,
        modified,
        formats=(*TABLE_FORMATS, *FORM_FORMATS, IATI) if measures else TABLE_FORMATS,
        plan=plan,
        period=(date(plan.year, 1, 1), date(plan.year, 12, 31)),
        keywords=tuple(each.keywords),
    )


def _changed(ecosystem: Ecosystem) -> dict[str, datetime]:
    """When something last happened in each room, to this ecosystem or to what the whole hub shares."""
    rows = (
        Event.objects.filter(Q(ecosystem_id=ecosystem.pk) | Q(ecosystem_id=None))
        .order_by()
        .values("subject_kind")
        .annotate(last=Max("at"))
    )
    changed: dict[str, datetime] = {}
    for row in rows:
        room = row["subject_kind"].partition(".")[0]
        changed[room] = max(changed.get(room, row["last"]), row["last"])
    return changed


# ---------------------------------------------------------------- everything at once


def package(
    ecosystem: Ecosystem, found: Sequence[Dataset], *, address: str, at: datetime, catalogue: bytes
) -> bytes:
    """All data sets in one zip: every table as csv and json, plans also in their form and as IATI, catalogue, README.

    Equal data give equal bytes but for the times that IATI and the README state.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in _parts(ecosystem, found, address, at, catalogue):
            entry = zipfile.ZipInfo(f"talka-{ecosystem.code}/{name}", date_time=at.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    return out.getvalue()


def _parts(
    ecosystem: Ecosystem, found: Sequence[Dataset], address: str, at: datetime, catalogue: bytes
) -> Iterator[tuple[str, bytes]]:
    yield "README.txt", _readme(ecosystem, found, address, at).encode()
    yield "catalogue.ttl", catalogue
    for dataset in found:
        document = dataset.document()
        yield f"csv/{dataset.code}.csv", to_bytes(document, "csv")
        yield f"json/{dataset.code}.json", to_bytes(dataset.document(keys=True), "json")
        for kind in dataset.formats:
            if kind not in TABLE_FORMATS:
                yield (
                    f"{'iati' if kind == IATI else 'form'}/{dataset.code}.{kind}",
                    dataset.file(kind, address=address, at=at),
                )


def _readme(ecosystem: Ecosystem, found: Sequence[Dataset], address: str, at: datetime) -> str:
    lines = [
        str(ecosystem),
        "",
        _("Open data as of %(day)s, from %(address)s") % {"day": at.date().isoformat(), "address": address},
        _("Licence: Creative Commons Attribution 4.0, %(url)s") % {"url": LICENCE},
        "",
        *(f"{dataset.code}: {dataset.title}. {dataset.description}" for dataset in found),
        "",
        _(
            "csv/ has headers in the reader's language, json/ has column codes; both hold the texts in both languages."
        ),
        _(
            "iati/ holds the plans in the IATI 2.03 standard, catalogue.ttl describes everything as DCAT-AP 3."
        ),
    ]
    return "\n".join(lines) + "\n"
