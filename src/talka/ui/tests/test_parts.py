"""The parts of a page: what they print, what they refuse, and that words stay words."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.core.paginator import Paginator
from django.template import Context, Template, TemplateSyntaxError
from django.test import RequestFactory
from django.utils.safestring import SafeString

from talka.core.values import Deadline
from talka.ui.parts.base import TONES, icons
from talka.ui.templatetags.ui import register
from talka.ui.tests.gallery import ShedForm
from talka.ui.widgets import DateInput, DateTimeInput, DecimalInput, FileInput

HOSTILE = "<script>alert(1)</script>\"' onload=\"x\" style='x'"
README = Path(__file__).parents[1] / "README.md"


def render(source: str, query: str = "", **context: Any) -> SafeString:
    """What a template with this source prints on a page with this query."""
    request = RequestFactory().get(f"/page/{query}")
    return Template(source).render(Context({"request": request, "hostile": HOSTILE, **context}))


class Skeleton(HTMLParser):
    """The tags of a page and the names of their attributes, without any word."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, list[str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, [name for name, _value in attrs]))


def skeleton(page: str) -> list[tuple[str, list[str]]]:
    parser = Skeleton()
    parser.feed(page)
    return parser.tags


# --- words stay words -------------------------------------------------------------------------------------

SOURCES = [
    "{% page_head hostile lead=hostile kicker=hostile %}{% endpage_head %}",
    "{% answer hostile href=hostile label=hostile unit=hostile %}x{% endanswer %}",
    "{% breadcrumbs trail %}",
    "{% tabs items label=hostile %}",
    "{% card title=hostile href=hostile note=hostile id=hostile %}x{% endcard %}",
    "{% tiles label=hostile %}x{% endtiles %}",
    "{% tile hostile hostile href=hostile note=hostile tone='bad' unit=hostile %}",
    "{% badge hostile tone='good' title=hostile %}",
    "{% notice title=hostile role=hostile %}x{% endnotice %}",
    "{% empty_state hostile hostile url=hostile label=hostile %}",
    "{% menu hostile css=hostile %}x{% endmenu %}",
    "{% confirm id=hostile button=hostile action=hostile title=hostile label=hostile %}x{% endconfirm %}",
    "{% table caption=hostile css=hostile id=hostile stack=False %}x{% endtable %}",
    "{% th hostile sort=hostile target=hostile %}",
    "{% facts %}{% fact hostile %}{{ hostile }}{% endfact %}{% endfacts %}",
    "{% tree items label=hostile %}",
    "{% timeline items label=hostile %}",
    "{% history items label=hostile %}",
    "{% diff hostile '' %}{% diff '' hostile %}",
    "{% diff_table changes caption=hostile before_label=hostile after_label=hostile %}",
    "{% filters clear=hostile target=hostile label=hostile submit=hostile %}x{% endfilters %}",
    "{% form_actions submit=hostile cancel=hostile %}x{% endform_actions %}",
    "{% progress 1 of=2 label=hostile %}{% sparkline numbers label=hostile %}{% time hostile %}",
    "{% icon 'plus' label=hostile css=hostile %}",
    "{% url_with q=hostile %}",
    "{{ 1|quantity:hostile }}",
]
ITEM = dict.fromkeys(
    ("label", "url", "count", "code", "value", "note", "title", "text", "by", "what", "when", "at"), HOSTILE
)
ITEMS = [ITEM | {"active": True, "changes": [(HOSTILE, HOSTILE, "")], "children": [ITEM]}]


@pytest.mark.parametrize("source", SOURCES)
def test_a_hostile_word_is_only_a_word(source: str) -> None:
    def shape(word: str) -> list[tuple[str, list[str]]]:
        def with_(value: Any) -> Any:
            if isinstance(value, str):
                return word if value == HOSTILE else value
            if isinstance(value, dict):
                return {key: with_(inner) for key, inner in value.items()}
            return [with_(inner) for inner in value] if isinstance(value, list | tuple) else value

        page = render(
            source,
            hostile=word,
            items=with_(ITEMS),
            trail=[(word, word), (word, "")],
            changes=[(word, word, "")],
            numbers=[1, 2],
        )
        return skeleton(page)

    assert shape(HOSTILE) == shape("vārds")


# --- each part --------------------------------------------------------------------------------------------


def test_an_icon_is_silent_unless_it_has_a_name() -> None:
    assert render("{% icon 'plus' %}") == (
        '<svg class="icon" aria-hidden="true"><use href="/static/vendor/icons/icons.svg#plus"></use></svg>'
    )
    assert 'role="img" aria-label="Pievienot"' in render("{% icon 'plus' label='Pievienot' %}")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{% icon 'calender' %}", "There is no icon 'calender'; there are: calendar"),
        ("{% badge 'x' tone='god' %}", "There is no tone 'god'; there are: good"),
    ],
)
def test_an_unknown_name_is_told_the_nearest(source: str, message: str) -> None:
    with pytest.raises(TemplateSyntaxError, match=re.escape(message)):
        render(source)


def test_people_get_the_page_with_another_picture(settings: Any) -> None:
    settings.TESTING = False
    assert "#circle-dashed" in render("{% icon 'calender' %}")
    assert 'class="t-badge t-tone-neutral"' in render("{% badge 'x' tone='god' %}")


@pytest.mark.parametrize("tone", TONES)
def test_a_tone_always_has_a_sign_and_words(tone: str) -> None:
    page = render("{% badge 'kavējas' tone=tone %}", tone=tone)
    assert page == (
        f'<span class="t-badge t-tone-{tone}"><svg class="icon" aria-hidden="true">'
        f'<use href="/static/vendor/icons/icons.svg#{TONES[tone]}"></use></svg>kavējas</span>'
    )
    assert TONES[tone] in icons()


def test_numbers_are_printed_in_the_readers_convention_and_lead_to_their_rows() -> None:
    page = render("{% answer 1234.5 href='#rows' label='pasākumi' %}Teikums.{% endanswer %}")
    assert '<a class="t-answer-figure" href="#rows"><span class="t-answer-number">1\u202f234,5</span>' in page
    assert '<span class="t-tile-value">–</span>' in render("{% tiles %}{% tile 'x' None %}{% endtiles %}")


def test_a_page_can_extend_with_actions_in_the_head() -> None:
    source = '{% extends "ui/page.html" %}{% block actions %}<a href="/new/">Jauns</a>{% endblock %}'
    page = render(source, title="Plāns", lead="Ko darām.")
    assert (
        '<h1>Plāns</h1><p class="t-lead">Ko darām.</p></div><div class="t-actions"><a href="/new/">' in page
    )
    assert "<title>Plāns · Talka</title>" in page


@pytest.mark.parametrize(
    ("query", "state", "leads_to"),
    [
        ("", "none", "?sort=due"),
        ("?sort=due", "ascending", "?sort=-due"),
        ("?sort=-due", "descending", "?sort=due"),
        ("?sort=name&page=3&state=late", "none", "?sort=due&amp;state=late"),
    ],
)
def test_a_header_sorts_there_and_back(query: str, state: str, leads_to: str) -> None:
    page = render("{% th 'Termiņš' sort='due' %}", query)
    assert f'aria-sort="{state}"' in page
    assert f'href="{leads_to}"' in page


@pytest.mark.parametrize(
    ("query", "source", "expected"),
    [
        ("?a=1&b=2", "{% url_with b=3 %}", "?a=1&amp;b=3"),
        ("?a=1&b=2", "{% url_with b=None %}", "?a=1"),
        ("?a=1&a=2", "{% url_with page=2 %}", "?a=1&amp;a=2&amp;page=2"),
        ("", "{% url_with %}", "?"),
        ("", "{% url_with q='ā & b' %}", "?q=%C4%81+%26+b"),
    ],
)
def test_url_with(query: str, source: str, expected: str) -> None:
    assert render(source, query) == expected


def test_url_with_needs_no_request() -> None:
    assert Template("{% url_with page=2 %}").render(Context({})) == "?page=2"


def test_a_pager_keeps_the_query_and_says_where_one_is() -> None:
    page = render(
        "{% pager page target='#rows' %}", "?state=late&page=2", page=Paginator(range(1234), 25).page(2)
    )
    assert "26.–50. rinda no 1\u202f234" in page
    assert re.findall(r'href="([^"]+)"', page) == [
        "?state=late&amp;page=1",  # the arrow
        "/static/vendor/icons/icons.svg#chevron-left",
        "?state=late&amp;page=1",
        "?state=late&amp;page=2",
        "?state=late&amp;page=3",
        "?state=late&amp;page=50",
        "?state=late&amp;page=3",  # the arrow
        "/static/vendor/icons/icons.svg#chevron-right",
    ]
    assert page.count('aria-current="page"') == 1
    assert page.count('hx-target="#rows"') == 6


@pytest.mark.parametrize(
    ("rows", "said"), [(0, ""), (1, "1 rinda"), (2, "2 rindas"), (11, "11 rindas"), (21, "21 rinda")]
)
def test_one_page_needs_no_links(rows: int, said: str) -> None:
    page = render("{% pager page %}", page=Paginator(range(rows), 25).page(1))
    assert re.sub("<[^>]+>", "", page) == said


def test_a_tree_keeps_links_out_of_its_controls() -> None:
    nodes = [
        {"label": "Virziens", "url": "/1/", "value": 3, "children": [{"label": "Mērķis", "value": None}]}
    ]
    page = render("{% tree nodes %}", nodes=nodes)
    summary = re.search(r"<summary.*?</summary>", page)
    assert summary and summary[0] == '<summary aria-label="Sastāvdaļas: Virziens"></summary>'
    assert page.count("<details open>") == 1
    assert re.findall(r't-tree-value">([^<]*)', page) == ["3", "–"]


def test_a_tree_opens_as_deep_as_asked() -> None:
    nodes = [{"label": "a", "children": [{"label": "b", "children": [{"label": "c"}]}]}]
    opened = [
        render("{% tree nodes depth_open=depth %}", nodes=nodes, depth=n).count(" open>") for n in range(4)
    ]
    assert opened == [0, 1, 2, 2]


def test_a_change_is_marked_and_spoken() -> None:
    page = render("{% diff 'līdz 2023' 'līdz 2024' %}")
    assert page == (
        '<span class="t-diff">līdz <del><span class="visually-hidden">izņemts: </span>2023</del>'
        '<ins><span class="visually-hidden">pielikts: </span>2024</ins></span>'
    )


def test_a_table_of_changes_leaves_out_what_stayed() -> None:
    rows = [("Rezultāts", "a", "b"), ("Termiņš", "2023", "2023"), ("Nauda", None, "5")]
    names = [r'scope="row">([^<]+)', "t-diff-table"]
    page = render("{% diff_table rows caption='x' %}", rows=rows)
    assert re.findall(names[0], page) == ["Rezultāts", "Nauda"]
    assert re.findall(names[0], render("{% diff_table rows all_rows=True %}", rows=rows)) == [
        "Rezultāts",
        "Termiņš",
        "Nauda",
    ]


def test_history_says_who_what_when_and_how() -> None:
    event = {
        "at": datetime(2026, 11, 23, 12, 5, tzinfo=UTC),
        "by": "Anna Paraugs",
        "what": "mainīja termiņu",
        "changes": [("Termiņš", "2023", "2024")],
    }
    page = render("{% history events %}", events=[event])
    assert "<strong>Anna Paraugs</strong> <span>mainīja termiņu</span>" in page
    assert '<time datetime="2026-11-23T12:05:00+00:00">23.11.2026.\u00a014:05</time>' in page
    assert "<dt>Termiņš</dt>" in page


def test_nothing_to_confirm_is_done_by_a_link() -> None:
    page = render(
        "{% confirm id='d' button='Svītrot' action='/drop/' label='Tiešām' %}<p>Pazudīs.</p>{% endconfirm %}"
    )
    assert re.search(
        r'<form method="post" action="/drop/"><input type="hidden" name="csrfmiddlewaretoken" value="\w+">',
        page,
    )
    assert 'command="show-modal" commandfor="d"' in page
    assert "<a " not in page


def test_an_empty_state_says_how_to_begin() -> None:
    page = render("{% empty_state 'Vēl nav' 'Te stāvēs.' url='/new/' label='Sākt' symbol='report' %}")
    assert '<a class="btn btn-primary" href="/new/">Sākt</a>' in page
    assert "btn" not in render("{% empty_state 'Vēl nav' %}")


def test_filters_keep_the_sorting() -> None:
    page = render("{% filters clear='.' %}x{% endfilters %}", "?sort=-due&state=late")
    assert '<input type="hidden" name="sort" value="-due">' in page
    assert "hx-get" not in page


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ 1234.5|number }}", "1\u202f234,5"),
        ("{{ 1234.5|number:2 }}", "1\u202f234,50"),
        ("{{ None|number }}", "–"),
        ("{{ 0.125|percent:1 }}", "12,5\u00a0%"),
        ('{{ 40|quantity:"h" }}', "40\u00a0h"),
        ("{{ 1200|euro }}", "1\u202f200,00\u00a0€"),
        ("{{ 1200|euro:0 }}", "1\u202f200\u00a0€"),
        ("{{ 1250000|compact }}", "1,25\u00a0milj."),
        ("{{ day|day }}", "03.11.2026."),
        ('{{ day|day:"long" }}', "2026.\u00a0gada 3.\u00a0novembris"),
        ("{{ at|moment }}", "23.11.2026.\u00a014:05"),
        ("{{ due|words }}", "2023. gada 3. ceturksnis"),
        ("{{ None|words }}", "–"),
        ("{% time day %}", '<time datetime="2026-11-03">03.11.2026.</time>'),
        ("{% time None %}", "–"),
        ("{% time '2027' %}", "2027"),
    ],
)
def test_values_are_printed_for_people(source: str, expected: str) -> None:
    at = datetime(2026, 11, 23, 12, 5, tzinfo=UTC)
    assert render(source, day=date(2026, 11, 3), at=at, due=Deadline.parse("2023-Q3")) == expected


# --- forms ------------------------------------------------------------------------------------------------


def refused() -> ShedForm:
    return ShedForm({"title": "", "value": "daudz", "due": "2026-02-30", "kind": "a", "size": "x"})


def test_a_field_has_its_name_its_help_and_its_must() -> None:
    page = render("{% field form.title %}", form=ShedForm())
    assert '<label class="form-label" for="id_title">Nosaukums <span class="t-required"' in page
    assert '<div class="form-hint" id="id_title_help">Īsi, kā to sauc kaimiņi.</div>' in page
    assert 'aria-describedby="id_title_help"' in page
    assert "aria-invalid" not in page


def test_a_refusal_stands_beside_its_field_and_is_tied_to_it() -> None:
    page = render("{% field form.title %}", form=refused())
    assert 'aria-invalid="true"' in page
    assert 'aria-describedby="id_title_help id_title_error"' in page
    assert re.search(r'id="id_title_error">.*<p>Šis lauks ir', page)


def test_a_group_is_a_fieldset_and_each_choice_has_its_label() -> None:
    page = render("{% field form.size %}", form=refused())
    assert re.match(
        r'<fieldset class="t-field t-field-refused" aria-describedby="id_size_error"><legend', page
    )
    assert re.findall(r'for="(id_size_\d)">(\w+)', page) == [
        ("id_size_0", "Mazs"),
        ("id_size_1", "Vidējs"),
        ("id_size_2", "Liels"),
    ]
    assert page.count('class="form-check-input"') == 3


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("text", r'<textarea [^>]*rows="3"[^>]*class="form-control"[^>]*data-autosize'),
        (
            "value",
            r'<input type="text" name="value" inputmode="decimal" autocomplete="off" class="form-control"',
        ),
        ("due", r'<input type="date" name="due" class="form-control"'),
        ("kind", r'<select name="kind" class="form-select"'),
        ("agree", r'<div class="form-check"><input type="checkbox" name="agree" class="form-check-input"'),
        ("plan", r'<input type="file" name="plan" class="form-control"'),
    ],
)
def test_each_kind_of_field_is_dressed(name: str, pattern: str) -> None:
    assert re.search(pattern, render("{% field bound %}", bound=ShedForm()[name]))


def test_a_hidden_field_stays_hidden() -> None:
    class Versioned(forms.Form):
        version = forms.IntegerField(widget=forms.HiddenInput, initial=3)

    assert render("{% fields form %}", form=Versioned()) == (
        '<input type="hidden" name="version" value="3" id="id_version">'
    )


def test_the_summary_leads_to_every_refusal() -> None:
    page = render("{% form_errors form %}", form=refused())
    assert re.findall(r'href="(#\w+)"', page) == [
        "#id_title",
        "#id_value",
        "#id_due",
        "#id_size_0",
        "#id_agree",
    ]
    assert "Jālabo 5 vietas" in page
    assert 'role="alert"' in page
    assert render("{% form_errors form %}", form=ShedForm()) == ""


def test_the_first_choice_stands_for_its_group() -> None:
    ids = set(re.findall(r'\bid="(\w+)"', render("{% fields form %}", form=refused())))
    links = set(re.findall(r'href="#(\w+)"', render("{% form_errors form %}", form=refused())))
    assert links - ids == set()


@pytest.mark.parametrize(
    ("widget", "value", "printed"),
    [
        (DateInput(), date(2026, 11, 23), 'type="date" name="x" value="2026-11-23"'),
        (
            DateTimeInput(),
            datetime(2026, 11, 23, 14, 5),  # noqa: DTZ001 -- the widget shows local time
            'type="datetime-local" name="x" value="2026-11-23T14:05"',
        ),
        (
            DecimalInput({"class": "t-narrow"}),
            "1,5",
            'value="1,5" inputmode="decimal" autocomplete="off" class="t-narrow"',
        ),
        (FileInput(max_bytes=10, accept=".docx"), None, 'data-max-bytes="10" accept=".docx"'),
        (FileInput(), None, '<input type="file" name="x">'),
    ],
)
def test_widgets(widget: forms.Widget, value: Any, printed: str) -> None:
    assert printed in widget.render("x", value)


# --- the list ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted({*register.tags, *register.filters}))
def test_every_part_is_in_the_readme(name: str) -> None:
    assert re.search(rf"\{{% {name}[ %]|\|{name}\b", README.read_text(encoding="utf-8"))
