"""Every part of the room on one page, filled with invented things: looked at by people, measured by axe-core.

Nothing here is real; a shipyard of garden sheds keeps the words far from any room's own.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.utils.translation import get_language

from talka.core.values import Period
from talka.ui import charts
from talka.ui.parts.boxes import badge
from talka.ui.widgets import DateInput, DecimalInput

RIGA = ZoneInfo("Europe/Riga")
TODAY = date(2026, 11, 23)


class ShedForm(forms.Form):
    """One field of each kind."""

    title = forms.CharField(label="Nosaukums", help_text="Īsi, kā to sauc kaimiņi.", max_length=80)
    text = forms.CharField(label="Apraksts", widget=forms.Textarea, required=False)
    value = forms.DecimalField(label="Vērtība, €", widget=DecimalInput, localize=True)
    due = forms.DateField(label="Izpildes termiņš", widget=DateInput)
    kind = forms.ChoiceField(label="Veids", choices=[("", "Izvēlieties"), ("a", "Koka"), ("b", "Mūra")])
    size = forms.ChoiceField(
        label="Izmērs", widget=forms.RadioSelect, choices=[("s", "Mazs"), ("m", "Vidējs"), ("l", "Liels")]
    )
    uses = forms.MultipleChoiceField(
        label="Kam noder",
        widget=forms.CheckboxSelectMultiple,
        required=False,
        choices=[("tools", "Darbarīkiem"), ("wood", "Malkai"), ("bikes", "Velosipēdiem")],
    )
    agree = forms.BooleanField(label="Kaimiņi piekrīt")
    plan = forms.FileField(label="Rasējums", help_text="PDF vai DOCX, ne vairāk kā 10 MB.", required=False)


def context(lang: str) -> dict[str, Any]:
    """What the gallery's template shows."""
    lv = lang == "lv"

    def said(in_lv: str, in_en: str) -> str:
        return in_lv if lv else in_en

    names = [
        said(
            "Malkas šķūnis ar divslīpju jumtu un lietusūdens savākšanu",
            "Woodshed with a pitched roof and rainwater collection",
        ),
        said("Darbarīku novietne", "Tool store"),
        said(
            "Velosipēdu nojume pie sabiedriskā transporta pieturas",
            "Bicycle shelter at the public transport stop",
        ),
        said("Siltumnīca, kuras apkurei izmanto komposta siltumu", "Greenhouse heated by compost"),
        said("Lapene", "Arbour"),
    ]
    late, done, way, plan = (
        said("kavējas", "late"),
        said("izpildīts", "done"),
        said("norit", "under way"),
        said("plānots", "planned"),
    )
    rows = [
        {
            "n": 1,
            "name": names[0],
            "who": "Anna Paraugs",
            "due": "2023",
            "value": 1250,
            "state": done,
            "tone": "good",
            "done": 1.0,
        },
        {
            "n": 2,
            "name": names[1],
            "who": "Bruno Piemērs",
            "due": said("2026. gada 2. ceturksnis", "Q2 2026"),
            "value": 320.5,
            "state": late,
            "tone": "bad",
            "done": 0.4,
        },
        {
            "n": 3,
            "name": names[2],
            "who": "Cilda Izdomāta",
            "due": "2027",
            "value": 18400,
            "state": way,
            "tone": "progress",
            "done": 0.62,
        },
        {
            "n": 4,
            "name": names[3],
            "who": "Anna Paraugs",
            "due": said("30.06.2028.", "30 Jun 2028"),
            "value": None,
            "state": plan,
            "tone": "neutral",
            "done": None,
        },
    ]
    years = [date(year, 12, 31) for year in range(2019, 2026)]
    history = list(zip(years, [12.1, 12.9, None, 14.6, 15.2, 17.9, 18.4], strict=True))
    gantt_rows = [
        charts.Span(said("1. virziens: pagalms", "Direction 1: the yard")),
        charts.Span(names[0], date(2023, 2, 1), Period.year(2023), url="#1", tone="good", state=done),
        charts.Span(names[1], date(2024, 9, 1), Period.quarter(2026, 2), url="#2", late=True),
        charts.Span(said("2. virziens: iela", "Direction 2: the street")),
        charts.Span(names[2], date(2025, 3, 1), Period.year(2027), url="#3", tone="progress", state=way),
        charts.Span(names[3], date(2026, 6, 1), Period.day(date(2028, 6, 30)), url="#4", state=plan),
        charts.Span(names[4], date(2025, 10, 1), None, state=said("bez termiņa", "no deadline")),
    ]
    before = said(
        "Līdz 2023. gada beigām uzbūvēt divus šķūņus pagalmā, iesaistot trīs kaimiņus.",
        "Build two sheds in the yard by the end of 2023, with three neighbours.",
    )
    after = said(
        "Līdz 2024. gada jūnijam uzbūvēt trīs šķūņus pagalmā un pie ielas, iesaistot piecus kaimiņus.",
        "Build three sheds in the yard and by the street by June 2024, with five neighbours.",
    )
    refused = ShedForm(
        {"title": "", "value": "daudz", "due": "2026-02-30", "kind": "a", "size": "m", "uses": ["wood"]}
    )
    return {
        "title": said("Šķūņu talka", "The shed bee"),
        "kicker": said("Izdomāta kopiena", "An invented community"),
        "lead": said(
            "Visas sastāvdaļas vienā lapā: ko redz, ko var darīt un kā izskatās, kad nekā vēl nav.",
            "Every part on one page: what is seen, what can be done, and what an empty one says.",
        ),
        "breadcrumbs": [
            (said("Sākums", "Start"), "/"),
            (said("Rīcības plāns", "Action plan"), "/p/"),
            (said("Šķūņu talka", "The shed bee"), ""),
        ],
        "navigation": [
            {
                "url": f"/{n}/",
                "label": label,
                "icon": symbol,
                "active": n == 3,
                "count": 3 if n == 0 else None,
            }
            for n, (label, symbol) in enumerate(
                [
                    (said("Mans darbs", "My work"), "checklist"),
                    (said("Stratēģija", "Strategy"), "target"),
                    (said("Atklājums", "Discovery"), "bulb"),
                    (said("Plāns", "Plan"), "calendar-event"),
                    (said("Tīkls", "Network"), "topology-star-3"),
                    (said("Dati un paraugi", "Data & samples"), "database"),
                    (said("Infrastruktūra", "Facilities"), "microscope"),
                    (said("Portfelis", "Portfolio"), "briefcase"),
                    (said("Padome", "Council"), "gavel"),
                ]
            )
        ],
        "ecosystem": said(
            "Dārza būves, koka tehnoloģijas un kaimiņu sadarbība",
            "Garden buildings, timber technology and neighbours",
        ),
        "other_language_url": "/en/" if lv else "/lv/",
        "search_url": "/search/",
        "account_menu": {
            "name": "Anna Paraugs",
            "note": said("Koordinatore", "Coordinator"),
            "entries": [
                {"url": "/me/", "label": said("Mans profils", "My profile"), "icon": "user"},
                {
                    "url": "/out/",
                    "label": said("Iziet", "Sign out"),
                    "icon": "logout",
                    "post": True,
                    "forgets": True,
                },
            ],
        },
        "said_rows": rows,
        "page_obj": Paginator(range(1234), 25).page(7),
        "form": ShedForm(initial={"title": names[0], "value": Decimal("1250.5"), "due": TODAY, "size": "m"}),
        "refused": refused,
        "sections": [
            {"url": "#a", "label": said("Pārskats", "Overview"), "active": True},
            {"url": "#b", "label": said("Pasākumi", "Measures"), "count": 17},
            {"url": "#c", "label": said("Ziņojumi", "Reports"), "count": 4},
            {"url": "#d", "label": said("Vēsture", "History")},
        ],
        "nodes": [
            {
                "label": said("Pagalms", "The yard"),
                "code": "1",
                "url": "#",
                "value": 12,
                "children": [
                    {
                        "label": names[0],
                        "code": "1.1",
                        "url": "#",
                        "value": 8,
                        "badge": badge(done, "good"),
                        "children": [
                            {"label": said("Jumts", "Roof"), "code": "1.1.1", "value": 5},
                            {"label": said("Sienas", "Walls"), "code": "1.1.2", "value": 3},
                        ],
                    },
                    {
                        "label": names[1],
                        "code": "1.2",
                        "url": "#",
                        "value": 4,
                        "badge": badge(late, "bad"),
                    },
                ],
            },
            {
                "label": said("Iela", "The street"),
                "code": "2",
                "url": "#",
                "value": 1234.5,
                "note": said("viena būve", "one building"),
                "children": [{"label": names[2], "code": "2.1", "value": None}],
            },
        ],
        "milestones": [
            {"when": date(2025, 3, 1), "title": said("Sākts", "Begun"), "tone": "good"},
            {
                "when": date(2026, 6, 30),
                "title": said("Termiņš pagājis", "Deadline passed"),
                "text": said(
                    "Trūkst jumta; trūkst arī naudas jumtam.",
                    "The roof is missing, and so is the money for it.",
                ),
                "tone": "bad",
            },
            {"when": "2027", "title": said("Jānodod lietošanā", "Due for use"), "tone": "neutral"},
        ],
        "events": [
            {
                "at": datetime(2026, 11, 23, 14, 5, tzinfo=RIGA),
                "by": "Anna Paraugs",
                "what": said("mainīja pasākumu", "changed the measure"),
                "changes": [
                    (said("Rezultāts", "Result"), before, after),
                    (said("Termiņš", "Deadline"), "2023", "2024"),
                ],
            },
            {
                "at": datetime(2026, 11, 20, 9, 30, tzinfo=RIGA),
                "by": "Bruno Piemērs",
                "what": said("iesniedza ziņojumu", "sent a report"),
                "url": "#",
            },
        ],
        "before": before,
        "after": after,
        "changes": [
            (said("Rezultāts", "Result"), before, after),
            (said("Atbildīgais", "Responsible"), "Anna Paraugs", "Anna Paraugs"),
            (said("Finansējums", "Funding"), "", said("2,6 milj. €", "€2.6M")),
        ],
        "chart": charts.line_path(
            history,
            title=said("Eksporta īpatsvars apgrozījumā", "Share of exports in turnover"),
            unit="%",
            baseline=(date(2019, 12, 31), 12.1),
            goal=(date(2027, 12, 31), 22),
            today=TODAY,
        ),
        "compound": charts.line_path(
            [(date(2021, 1, 1) + timedelta(days=91 * n), 40 * 1.06**n) for n in range(16)],
            title=said("Būvju skaits", "Number of buildings"),
            baseline=(date(2021, 1, 1), 40),
            goal=(date(2028, 1, 1), 260),
            today=date(2024, 11, 23),
            compound=True,
        ),
        "empty_chart": charts.line_path([], title=said("Vēl nav vērtību", "No values yet")),
        "bars": charts.bars(
            [
                charts.Bar(names[0], 1250, "#1", tone="good"),
                charts.Bar(names[2], 18400, "#3"),
                charts.Bar(names[1], 320.5, "#2", note=late, tone="bad"),
                charts.Bar(names[4], None),
            ],
            title=said("Izmaksas pa būvēm", "Cost by building"),
            unit="€",
            goal=12000,
        ),
        "stacked": charts.stacked(
            [
                (said("Pagalms", "The yard"), [4, 1, 2, 3]),
                (said("Iela", "The street"), [1, 0, 5, 2]),
                (names[3], [0, 0, 0, 1]),
            ],
            [(done, "good"), (late, "bad"), (way, "progress"), (plan, "neutral")],
            title=said("Stāvoklis pa vietām", "State by place"),
        ),
        "series": charts.stacked(
            [
                (year, values)
                for year, values in (
                    ("2024", [420, 310, 120, 90, 40]),
                    ("2025", [520, 280, 210, 60, 80]),
                    ("2026", [610, 330, 260, 150, 20]),
                )
            ],
            [
                said("Valsts budžets", "State budget"),
                said("ES fondi", "EU funds"),
                said("Uzņēmumi", "Companies"),
                said("Pašvaldība", "Municipality"),
                said("Cits", "Other"),
            ],
            title=said("Finansējums, tūkst. €", "Funding, thousand €"),
            share=True,
        ),
        "gantt": charts.gantt(
            gantt_rows,
            date(2023, 1, 1),
            date(2028, 12, 31),
            TODAY,
            title=said("Plāna gaita", "Course of the plan"),
        ),
        "gantt_year": charts.gantt(
            [
                charts.Span(names[0], date(2026, 2, 1), Period.quarter(2026, 3), tone="good", state=done),
                charts.Span(names[1], date(2026, 1, 10), Period.day(date(2026, 9, 30)), late=True),
                charts.Span(names[2], date(2026, 5, 1), Period.year(2026), tone="progress", state=way),
            ],
            date(2026, 1, 1),
            date(2026, 12, 31),
            TODAY,
            title=said("2026. gada plāns", "Plan of 2026"),
        ),
        "donut": charts.donut(
            [(done, 8, "good"), (late, 3, "bad"), (way, 5, "progress"), (plan, 1, "neutral")],
            title=said("17 pasākumi pēc stāvokļa", "17 measures by state"),
            centre="17",
        ),
        "spark": [4, 5, 5, 7, 6, 8, None, 9, 12],
        "now": datetime(2026, 11, 23, 14, 5, tzinfo=RIGA),
        "day": TODAY,
        "messages": [],
    }


def gallery(request: HttpRequest) -> HttpResponse:
    """The page itself; for tests and for whoever wants to look."""
    # Kept here and not among the templates: its words are nobody's, so nobody need translate them.
    page = engines["django"].from_string(Path(__file__).with_suffix(".html").read_text(encoding="utf-8"))
    return HttpResponse(page.render(context((get_language() or "en")[:2]), request))
