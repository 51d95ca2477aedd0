"""Search: one index over everything findable, with Latvian diacritics folded and endings forgiven.

A room says which of its nouns can be found (`searchable`); the entry follows each verb in the same
transaction. Both databases hold the same stems: FTS5 on SQLite, a GIN index on PostgreSQL.

What narrows a search down is a word of the entry too, marked by letters with which no word begins:
`xk…` its kind, `xe…` its ecosystem (`xhub` for none), `xpub` if public, `xt…` a word of its title, `xq…` its whole
short title. So the best matches are asked of the index, and not looked for among all that match.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from talka.core.actions import Touch
from talka.core.bilingual import Text
from talka.core.models import Noun, SearchEntry
from talka.core.stems import query_stems, stems

CANDIDATES = 200  # how many matches are ranked: those in titles first
WHOLE_TITLE = 6  # words up to which a title is also known as a whole
WORDS = 12  # how many words of a question are heeded


@dataclass(frozen=True)
class Findable:
    """How one noun is found: its title, a summary, whether the public may find it."""

    model: type[Noun]
    title: Callable[[Any], Text]
    summary: Callable[[Any], Text]
    words: Callable[[Any], str]
    public: Callable[[Any], bool]


FINDABLE: dict[str, Findable] = {}


def searchable(
    model: type[Noun],
    *,
    title: Callable[[Any], Text],
    summary: Callable[[Any], Text] = lambda _row: Text(),
    words: Callable[[Any], str] = lambda _row: "",
    public: Callable[[Any], bool] = lambda _row: True,
) -> None:
    """Declares that rows of `model` can be found. `words` are further words (numbers, acronyms)."""
    FINDABLE[model.kind()] = Findable(model, title, summary, words, public)


def entry_of(row: Any) -> SearchEntry:
    """The search entry of a findable row."""
    how = FINDABLE[row.kind()]
    title, summary = how.title(row), how.summary(row)
    ecosystem = getattr(row, "ecosystem_id", None)
    public = how.public(row)
    marks = [_kind_mark(row.kind()), "xhub" if ecosystem is None else f"xe{ecosystem}"]
    if public:
        marks.append("xpub")
    titles = [stems(title.lv, "lv"), stems(title.en, "en")]
    marks += [f"xt{word}" for words in titles for word in words]
    marks += [_whole(words) for words in titles if 0 < len(words) <= WHOLE_TITLE]
    text = [*titles[0], *stems(f"{summary.lv} {how.words(row)}", "lv"), *titles[1], *stems(summary.en, "en")]
    return SearchEntry(
        kind=row.kind(),
        subject_id=row.pk,
        ecosystem_id=ecosystem,
        public=public,
        title_lv=title.lv[:500],
        title_en=title.en[:500],
        summary_lv=summary.lv[:2000],
        summary_en=summary.en[:2000],
        url=row.get_absolute_url(),
        stems=" ".join(dict.fromkeys([*marks, *text])),
    )


def _kind_mark(kind: str) -> str:
    return f"xk{kind.replace('.', '')}"


def _whole(words: Sequence[str]) -> str:
    return "xq" + "".join(words)


def follow(touches: Iterable[Touch]) -> None:
    """Brings the index up to date with what a verb did; called in the verb's transaction."""
    gone: list[tuple[str, int]] = []
    kept: dict[tuple[str, int], Any] = {}
    for touch in touches:
        kind = touch.subject.kind()
        if kind not in FINDABLE:
            continue
        if touch.kind == "deleted":
            kept.pop((kind, touch.subject.pk), None)
            gone.append((kind, touch.subject.pk))
        else:
            kept[kind, touch.subject.pk] = touch.subject
    for kind, pk in gone:
        SearchEntry.objects.filter(kind=kind, subject_id=pk).delete()
    refresh(kept.values())


def refresh(rows: Iterable[Any]) -> None:
    """Writes the entries of these rows anew."""
    entries = [entry_of(row) for row in rows]
    SearchEntry.objects.bulk_create(
        entries,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["kind", "subject_id"],
        update_fields=[
            "ecosystem_id",
            "public",
            "title_lv",
            "title_en",
            "summary_lv",
            "summary_en",
            "url",
            "stems",
        ],
    )


@dataclass(frozen=True)
class Hit:
    """A found thing: its entry and how well it fits (higher is better)."""

    entry: SearchEntry
    score: float


def search(
    text: str,
    *,
    ecosystem_id: int | None = None,
    public_only: bool = True,
    inside: Iterable[int] = (),
    kind: str = "",
    limit: int = 50,
) -> list[Hit]:
    """Finds what holds every word of `text` (its stem, or a beginning of it for the last word), best first.

    `ecosystem_id` narrows it down to one ecosystem and to what belongs to none, such as organisations. `public_only`
    leaves out what is not public, save in the ecosystems `inside` which the asker stands.
    """
    groups = query_stems(text)[:WORDS]
    if not groups:
        return []
    scope = [[f"xe{ecosystem_id}", "xhub"]] if ecosystem_id is not None else []
    if public_only:
        scope.append(["xpub", *(f"xe{each}" for each in sorted(inside))])
    if kind:
        scope.append([_kind_mark(kind)])
    whole = sorted({_whole(stems(text, language)) for language in ("lv", "en")})
    found = SearchEntry.objects.in_bulk(_matching(groups, whole, scope))
    hits = [Hit(entry, _score(entry, groups, whole)) for entry in found.values()]
    return sorted(hits, key=lambda hit: (-hit.score, hit.entry.title_lv, hit.entry.pk))[:limit]


def _matching(
    groups: Sequence[frozenset[str]], whole: Sequence[str], scope: Sequence[Sequence[str]]
) -> list[int]:
    """Ids of matching entries: those called exactly so, then those with every word in the title, then the others."""
    postgresql = connection.vendor == "postgresql"
    # The last word may still be half typed: its beginning counts. The others are whole.
    last = len(groups) - 1
    scopes = [_any(words, False, postgresql) for words in scope]
    titled, anywhere = (
        [
            _any([mark + word for word in sorted(group)], n == last, postgresql)
            for n, group in enumerate(groups)
        ]
        for mark in ("xt", "")
    )
    questions = [
        (" & " if postgresql else " AND ").join([*parts, *scopes])
        for parts in ([_any(whole, False, postgresql)], titled, anywhere)
    ]
    one = (
        "select id from core_searchentry where to_tsvector('simple', stems) @@ to_tsquery('simple', %s) limit %s"
        if postgresql
        else "select rowid from core_search_fts where core_search_fts match %s limit %s"
    )
    # One question to the database, and the order of its three parts kept.
    query = " union all ".join(
        f"select * from (select {n}, found.* from ({one}) found) part{n}" for n in range(3)
    )
    with connection.cursor() as cursor:
        cursor.execute(query, [value for question in questions for value in (question, CANDIDATES)])
        rows = sorted(cursor.fetchall())
    return list(dict.fromkeys(pk for _part, pk in rows))[:CANDIDATES]


def _any(words: Iterable[str], beginning: bool, postgresql: bool) -> str:
    """One of these words, in the language of the database's index."""
    if postgresql:
        return "(" + " | ".join(f"'{word}'" + (":*" if beginning else "") for word in words) + ")"
    return "(" + " OR ".join(f'"{word}"' + ("*" if beginning else "") for word in words) + ")"


def _score(entry: SearchEntry, groups: Sequence[frozenset[str]], whole: Iterable[str]) -> float:
    held = set(entry.stems.split())
    title = {word[2:] for word in held if word.startswith("xt")}
    score = 5.0 if not held.isdisjoint(whole) else 0.0
    for group in groups:
        if not title.isdisjoint(group):
            score += 3
        elif any(word.startswith(tuple(group)) for word in title):
            score += 2
        elif not held.isdisjoint(group):
            score += 1
    return score + 1 / (1 + len(title))
