"""Reads: organisations under every spelling people use for them, who works where, who may do what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from django.db.models import Count, Model, Prefetch, Q, QuerySet
from django.utils import timezone

from talka.core.bilingual import Text
from talka.core.search import search
from talka.core.stems import fold
from talka.parties.models import Account, Affiliation, Grant, Helix, Organisation, Person, Token

NEAR = 0.55  # likeness (0 to 1) from which a spelling is offered as “did you mean”
FOUND = 200  # how many organisations a search by words finds at most


# ---------------------------------------------------------------- organisations


def organisations() -> QuerySet[Organisation]:
    """Every organisation that was not merged into another, with what it is part of."""
    return Organisation.objects.filter(merged_into=None).select_related("parent")


def narrowed(text: str = "", helix: str = "", kind: str = "") -> QuerySet[Organisation]:
    """Organisations whose names hold all the words of `text`, of a helix sector and a kind where these are given."""
    found = by_words(text) if text.strip() else organisations()
    if helix:
        found = found.filter(helix=helix)
    return found.filter(kind_of=kind) if kind else found


def by_words(text: str) -> QuerySet[Organisation]:
    """Organisations found by words of any of their names; diacritics folded, endings forgiven."""
    hits = search(text, kind=Organisation.kind(), limit=FOUND)
    return organisations().filter(pk__in=[hit.entry.subject_id for hit in hits])


def helix_counts() -> dict[str, int]:
    """How many organisations there are in each helix sector; sectors without any are there with 0."""
    counted = dict(
        organisations()
        .order_by()
        .values_list("helix")
        .annotate(count=Count("pk"))
        .values_list("helix", "count")
    )
    return {helix: counted.get(helix, 0) for helix in Helix.values}


# What follows its plain letter in the Latvian alphabet, and what is only a shade of it.
_LETTERS = {letter: f"{plain}~" for letter, plain in zip("čģķļņšž", "cgklnsz", strict=True)}


def alphabetical(name: str) -> tuple[str, str]:
    """A key that sorts names as a Latvian dictionary does: č after c, š after s, ā with a.

    Databases cannot be asked: SQLite sorts by bytes, and what PostgreSQL does depends on how it was set up.
    """
    letters = name.casefold()
    return "".join(_LETTERS.get(letter) or fold(letter) for letter in letters), letters


def in_order(found: QuerySet[Organisation]) -> list[int]:
    """Primary keys of organisations by their names in the reader's language. One query, and no row is built."""
    named = found.order_by().values_list("pk", "name_lv", "name_en")
    return [pk for pk, *names in sorted(named, key=lambda row: (alphabetical(str(Text(*row[1:]))), row[0]))]


def by_keys(keys: Iterable[int]) -> list[Organisation]:
    """Organisations in the order of these primary keys."""
    wanted = list(keys)
    rows = organisations().in_bulk(wanted)
    return [rows[pk] for pk in wanted if pk in rows]


def parts(organisation: Organisation) -> QuerySet[Organisation]:
    """What belongs to an organisation directly."""
    return organisations().filter(parent=organisation)


def predecessors(organisation: Organisation) -> QuerySet[Organisation]:
    """What an organisation took over."""
    return organisations().filter(successor=organisation)


def above(organisation: Organisation) -> Iterator[Organisation]:
    """What an organisation is part of, from the nearest up. A ring, which no verb makes, ends after one round."""
    seen = {organisation.pk}
    parent = organisation.parent
    while parent is not None and parent.pk not in seen:
        yield parent
        seen.add(parent.pk)
        parent = parent.parent


def other_names(organisation: Organisation) -> list[Any]:
    """Further names of an organisation, without those that only repeat its name or acronym."""
    own = {key(each) for each in (organisation.name_lv, organisation.name_en, organisation.acronym)}
    return [each for each in organisation.other_names.all() if key(each.name) not in own]


# ---------------------------------------------------------------- spellings


def key(text: str) -> str:
    """How a spelling is looked up: spaces made single, capitals forgiven."""
    return " ".join(text.split()).casefold()


def spellings() -> Mapping[str, Organisation]:
    """Every spelling (as `key` makes it) that means one organisation, and that organisation.

    Codes come first, then acronyms, names in both languages, other names, and names together with what the
    organisation is part of (“LU KPMI”); codes of merged duplicates mean the one they became. A spelling that
    several organisations share is left out, unless only one of them still exists.
    """
    known: dict[str, Organisation] = {}
    everyone = list(organisations().prefetch_related("other_names"))
    by_pk = {each.pk: each for each in everyone}
    merged = Organisation.objects.exclude(merged_into=None).values_list("code", "merged_into_id")
    for rank in (
        ((each.code, each) for each in everyone),
        ((each.acronym, each) for each in everyone),
        ((name, each) for each in everyone for name in (each.name_lv, each.name_en)),
        ((other.name, each) for each in everyone for other in each.other_names.all()),
        (pair for each in everyone for pair in _within_parent(each)),
        ((code, by_pk[pk]) for code, pk in merged if pk in by_pk),
    ):
        meant: dict[str, dict[int, Organisation]] = {}
        for spelling, organisation in rank:
            if spelling:
                meant.setdefault(key(spelling), {})[organisation.pk] = organisation
        for spelling, those in meant.items():
            existing = [each for each in those.values() if not each.withdrawn] or list(those.values())
            if len(existing) == 1:
                known.setdefault(spelling, existing[0])
    return known


def _within_parent(organisation: Organisation) -> Iterator[tuple[str, Organisation]]:
    parent = organisation.parent
    if parent is None:
        return
    for above_ in filter(None, (parent.acronym, parent.name_lv, parent.name_en)):
        for own in filter(None, (organisation.acronym, organisation.name_lv, organisation.name_en)):
            if not key(own).startswith(key(above_)):
                yield f"{above_} {own}", organisation


def find(text: str) -> Organisation | None:
    """The organisation that a spelling means, if it means exactly one."""
    return spellings().get(key(text))


def nearest(text: str, limit: int = 3, known: Mapping[str, Organisation] | None = None) -> list[Organisation]:
    """The organisations whose spellings are most like `text`, best first; none where nothing is alike."""
    wanted = fold(key(text))
    matcher = SequenceMatcher(None, "", wanted, autojunk=False)
    best: dict[int, tuple[float, Organisation]] = {}
    for spelling, organisation in (spellings() if known is None else known).items():
        matcher.set_seq1(fold(spelling))
        floor = max(NEAR, best.get(organisation.pk, (0.0,))[0])
        if (
            matcher.real_quick_ratio() >= floor
            and matcher.quick_ratio() >= floor
            and matcher.ratio() >= floor
        ):
            best[organisation.pk] = (matcher.ratio(), organisation)
    ranked = sorted(best.values(), key=lambda pair: (-pair[0], pair[1].name_lv))
    return [organisation for _likeness, organisation in ranked[:limit]]


# ---------------------------------------------------------------- people


def people() -> QuerySet[Person]:
    """Everybody known to the hub, with the account if there is one."""
    return Person.objects.select_related("account")


def people_named(text: str = "") -> QuerySet[Person]:
    """People whose name or address holds all the words of `text`, diacritics folded; with where they work (`now`)."""
    found = people_with_everything()
    words = fold(text).split()
    if not words:
        return found
    # Names are few and personal, so they are no part of the index of search: they are looked through here.
    named = Person.objects.order_by().values_list("pk", "given", "family", "email")
    return found.filter(
        pk__in=[pk for pk, *names in named if all(word in fold(" ".join(names)) for word in words)]
    )


def affiliations(person: Person) -> QuerySet[Affiliation]:
    """Where a person works and worked, what lasts first."""
    return person.affiliations.select_related("organisation").order_by("ends", "-starts", "id")


def current() -> Q:
    """The condition for affiliations that last today."""
    today = timezone.localdate()
    return (Q(starts=None) | Q(starts__lte=today)) & (Q(ends=None) | Q(ends__gte=today))


def staff(organisation: Organisation) -> QuerySet[Affiliation]:
    """Who works in an organisation today."""
    return Affiliation.objects.filter(current(), organisation=organisation).select_related("person")


def people_with_everything() -> QuerySet[Person]:
    """People with the affiliations that last today (`now`), their account and its grants."""
    return people().prefetch_related(
        Prefetch(
            "affiliations",
            Affiliation.objects.filter(current()).select_related("organisation"),
            to_attr="now",
        ),
        Prefetch("account__grants", Grant.objects.select_related("ecosystem")),
    )


# ---------------------------------------------------------------- accounts


def accounts() -> QuerySet[Account]:
    """Every account with its person and grants."""
    return Account.objects.select_related("person").prefetch_related(
        Prefetch("grants", Grant.objects.select_related("ecosystem"))
    )


def tokens(account: Account) -> QuerySet[Token]:
    """The keys of an account, newest first."""
    return account.tokens.all()


def administrators() -> QuerySet[Account]:
    """The accounts that administer the hub and can sign in."""
    return Account.objects.filter(
        is_active=True, grants__role="administrator", grants__ecosystem=None
    ).distinct()


# ---------------------------------------------------------------- what rooms above add

Work = Callable[[Organisation, Any], QuerySet[Any]]
WORK: dict[str, tuple[Any, Work]] = {}


def shows_work(code: str, label: Any) -> Callable[[Work], Work]:
    """Registers what a room above knows of an organisation, for the organisation's page.

    @shows_work("plan.responsible", _("Measures it is responsible for"))
    def measures_of(organisation, by):
        return …  # rows the asker (None: the public) may see, each with __str__ and get_absolute_url
    """

    def register(read: Work) -> Work:
        WORK[code] = (label, read)
        return read

    return register


@dataclass(frozen=True)
class Piece:
    """One registered kind of work: how many rows there are, and the first of them."""

    code: str
    label: str
    count: int
    rows: list[Any]


def work_of(organisation: Organisation, by: Any, limit: int = 12) -> list[Piece]:
    """What every room that registered knows of an organisation; kinds without rows are left out."""
    pieces = []
    for code, (label, read) in WORK.items():
        rows = read(organisation, by)
        first = list(rows[: limit + 1])
        if first:
            count = len(first) if len(first) <= limit else rows.count()
            pieces.append(Piece(code.replace(".", "-"), str(label), count, first[:limit]))
    return pieces


def followers(organisation: Organisation) -> int:
    """How many rows of all rooms point to an organisation: what a merge would re-point."""
    return sum(
        model._base_manager.filter(**{name: organisation}).count() for model, name in keys_to(Organisation)
    )


def keys_to(model: type[Model]) -> Iterator[tuple[type[Model], str]]:
    """Every key of the house that points to a model, as the model that has it and its name there."""
    for relation in model._meta.related_objects:
        holder: Any = relation.related_model  # a model: names are resolved once all of them are loaded
        yield holder, relation.field.name
