"""Search: one index over everything findable, with Latvian diacritics folded and endings forgiven.

A room says which of its nouns can be found (`searchable`); the entry follows each verb in the same
transaction. Both databases hold the same stems: FTS5 on SQLite, a GIN index on PostgreSQL.
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

CANDIDATES = 200  # how many matches are ranked; the index gives them in its own order beyond that


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
    scope = [f"xk{row.kind().replace('.', '')}", "xhub" if ecosystem is None else f"xe{ecosystem}"]
    if public:
        scope.append("xpub")
    text = stems(f"{title.lv} {summary.lv} {how.words(row)}", "lv") + stems(f"{title.en} {summary.en}", "en")
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
        stems=" ".join([*scope, *dict.fromkeys(text)]),
    )


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
        update_fields=["ecosystem_id", "public", "title_lv", "title_en", "summary_lv", "summary_en", "url", "stems"],
    )


@dataclass(frozen=True)
class Hit:
    """A found thing: its entry and how well it fits (higher is better)."""

    entry: SearchEntry
    score: float


def search(
    text: str, *, ecosystem_id: int | None = None, public_only: bool = True, kind: str = "", limit: int = 50
) -> list[Hit]:
    """Finds what holds every word of `text` (its stem, or a beginning of it for the last word), best first."""
    groups = query_stems(text)
    if not groups:
        return []
    scope = [f"xe{ecosystem_id}"] if ecosystem_id is not None else []
    if public_only:
        scope.append("xpub")
    if kind:
        scope.append(f"xk{kind.replace('.', '')}")
    found = SearchEntry.objects.in_bulk(_matching(groups, scope))
    hits = [Hit(entry, _score(entry, groups)) for entry in found.values()]
    return sorted(hits, key=lambda hit: (-hit.score, hit.entry.title_lv, hit.entry.pk))[:limit]


def _matching(groups: Sequence[frozenset[str]], scope: Sequence[str]) -> list[int]:
    # The last word may still be half typed: its beginning counts. The others are whole.
    last = len(groups) - 1
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            parts = [
                "(" + " | ".join(f"'{s}'" + (":*" if n == last else "") for s in sorted(group)) + ")"
                for n, group in enumerate(groups)
            ]
            query = " & ".join([*parts, *scope])
            cursor.execute(
                "select id from core_searchentry where to_tsvector('simple', stems) @@ to_tsquery('simple', %s)"
                " limit %s",
                [query, CANDIDATES],
            )
        else:
            parts = [
                "(" + " OR ".join(f'"{s}"' + ("*" if n == last else "") for s in sorted(group)) + ")"
                for n, group in enumerate(groups)
            ]
            query = " AND ".join([*parts, *(f'"{s}"' for s in scope)])
            cursor.execute(
                "select rowid from core_search_fts where core_search_fts match %s limit %s", [query, CANDIDATES]
            )
        return [row[0] for row in cursor.fetchall()]


def _score(entry: SearchEntry, groups: Sequence[frozenset[str]]) -> float:
    title = stems(entry.title_lv, "lv") + stems(entry.title_en, "en")
    score = 0.0
    for group in groups:
        if any(word in group for word in title):
            score += 3
        elif any(word.startswith(tuple(group)) for word in title):
            score += 2
        elif set(entry.stems.split()) & group:
            score += 1
    return score + 1 / (1 + len(title))
