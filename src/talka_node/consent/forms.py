"""Consent forms as data: what each option of each version of a paper means in terms of DUO.

A node keeps its forms as YAML or JSON files; `examples/` shows two invented ones. Whatever in a form is not understood
(a term, an argument, a key) stays in it as a term that nobody understands, and so never becomes a permit: see
`decision`. A version of a form never changes its meaning: consents remember its digest.

Terms are the Data Use Ontology's permissions and modifiers (EBISPOT/DUO, duo.csv) and a few of our own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

from talka_node.consent import diseases

# --- terms ------------------------------------------------------------------------------------------------

DUO = {
    # permissions: what the data may be used for
    "NRES": "DUO:0000004",  # no restriction
    "GRU": "DUO:0000042",  # general research use
    "HMB": "DUO:0000006",  # health, medical or biomedical research
    "DS": "DUO:0000007",  # research on these diseases (ICD-10)
    "POA": "DUO:0000011",  # population origins or ancestry only
    # modifiers: what else must hold
    "RS": "DUO:0000012",  # only these kinds of research
    "NMDS": "DUO:0000015",  # no general methods research
    "GSO": "DUO:0000016",  # genetic studies only
    "NPUNCU": "DUO:0000018",  # non-commercial use by not-for-profit organisations only
    "PUB": "DUO:0000019",  # results must be published
    "COL": "DUO:0000020",  # together with the primary investigator
    "IRB": "DUO:0000021",  # ethics approval required
    "GS": "DUO:0000022",  # only in these places
    "MOR": "DUO:0000024",  # nothing published before this day
    "TS": "DUO:0000025",  # for at most so many months
    "US": "DUO:0000026",  # only by these users
    "PS": "DUO:0000027",  # only in these projects
    "IS": "DUO:0000028",  # only at these institutions
    "RTN": "DUO:0000029",  # derived data come back
    "CC": "DUO:0000043",  # clinical care is allowed too
    "NPOA": "DUO:0000044",  # no research on origins or ancestry
    "NPU": "DUO:0000045",  # by not-for-profit organisations only
    "NCU": "DUO:0000046",  # non-commercial use only
}
LOCAL = {
    "STAT": "statistics of public interest (a permission; the Human Genome Research Law asks it separately)",
    "NSTAT": "not in statistics",
    "NGEN": "no genetic data",
    "CONTACT": "may be contacted again",
}
PERMISSIONS = ("NRES", "GRU", "HMB", "DS", "POA", "STAT")
OBLIGATIONS = ("PUB", "COL", "RTN", "IRB", "MOR")
SHORT = {number: code for code, number in DUO.items()}

EU = frozenset(
    {"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU",
     "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"}
)  # fmt: skip
PLACES = {"EU": EU, "EEA": EU | {"IS", "LI", "NO"}}  # names of groups; ISO 3166-1 alpha-2 stands for itself


@dataclass(frozen=True, slots=True)
class Term:
    """A permission or modifier with its arguments. `code` is the short name, or the text as it stood in the form."""

    code: str
    values: tuple[str, ...] = ()

    @property
    def understood(self) -> bool:
        """Known, with arguments exactly where they belong and in a spelling that we can judge."""
        if self.code not in DUO and self.code not in LOCAL:
            return False
        check = ARGUMENTS.get(self.code)
        if check is None:
            return not self.values
        return bool(self.values) and all(map(check, self.values))

    def __str__(self) -> str:
        return f"{self.code}({', '.join(self.values)})" if self.values else self.code


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _is_place(text: str) -> bool:
    return text in PLACES or re.fullmatch(r"[A-Z]{2}", text) is not None


def _is_months(text: str) -> bool:
    return re.fullmatch(r"[1-9][0-9]{0,3}", text) is not None


def _is_name(text: str) -> bool:
    return bool(text.strip())


ARGUMENTS = {
    "DS": diseases.known,
    "RS": _is_name,
    "GS": _is_place,
    "MOR": _is_day,
    "TS": _is_months,
    "US": _is_name,
    "PS": _is_name,
    "IS": _is_name,
}


def term(written: Any) -> Term:
    """A term as a form's file spells it: `GRU`, `DUO:0000042` or `{DS: [C34]}`.

    >>> term("DUO:0000042"), term({"TS": 24})
    (Term(code='GRU', values=()), Term(code='TS', values=('24',)))
    """
    if isinstance(written, str):
        return Term(SHORT.get(written, written))
    if isinstance(written, Mapping) and len(written) == 1:
        ((code, values),) = written.items()
        if isinstance(code, str):
            listed = values if isinstance(values, list) else [values]
            return Term(SHORT.get(code, code), tuple(map(_spelt, listed)))
    return Term(f"? {written!r}")


def _spelt(value: Any) -> str:
    """YAML reads bare days as dates, and the country Norway as the word no: back to what was meant, or to nothing."""
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else f"? {value!r}"


# --- forms ------------------------------------------------------------------------------------------------

Text = Mapping[str, str]  # language → text


@dataclass(frozen=True, slots=True)
class Option:
    """A box on the form: what holds when it is ticked, and what holds when it is not."""

    chosen: frozenset[Term] = frozenset()
    otherwise: frozenset[Term] = frozenset()
    text: Text = field(default_factory=dict, compare=False, hash=False)


@dataclass(frozen=True)
class Form:
    """One version of a form. `always`: terms that hold whatever is ticked.

    `since`, `until`: the days on which it may be signed, both included. `years`: a signature lasts so long (None: until
    withdrawn). `guardian`: a legal representative may sign for a minor. `ends_at_death`: else it outlives the donor.
    """

    form: str
    version: int
    options: Mapping[str, Option] = field(default_factory=dict)
    always: frozenset[Term] = frozenset()
    since: date | None = None
    until: date | None = None
    years: int | None = None
    guardian: bool = False
    ends_at_death: bool = False
    title: Text = field(default_factory=dict, compare=False)

    def terms(self, options: Iterable[str]) -> frozenset[Term]:
        """What somebody agreed to who ticked `options`. A box that the form does not have is a term not understood."""
        ticked = frozenset(options)
        meant = set(self.always)
        for name, option in self.options.items():
            meant |= option.chosen if name in ticked else option.otherwise
        meant.update(Term(f"? option {name!r}") for name in ticked - self.options.keys())
        return frozenset(meant)

    @cached_property
    def digest(self) -> str:
        """Of the meaning alone: a comma mended in a text changes nothing for those who signed."""

        def spelt(terms: frozenset[Term]) -> list[str]:
            return sorted(f"{each.code} {json.dumps(each.values)}" for each in terms)

        meaning = {
            "form": self.form,
            "version": self.version,
            "always": spelt(self.always),
            "options": {
                name: [spelt(each.chosen), spelt(each.otherwise)] for name, each in self.options.items()
            },
            "since": str(self.since),
            "until": str(self.until),
            "years": self.years,
            "guardian": self.guardian,
            "ends_at_death": self.ends_at_death,
        }
        return sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()[:16]


KEYS = frozenset(
    {"form", "version", "title", "since", "until", "years", "guardian", "ends_at_death", "always", "options"}
)
OPTION_KEYS = frozenset({"text", "terms", "otherwise"})


class Forms:
    """The forms that a node knows, by name and version; `problems` says what was not understood, and where."""

    def __init__(self, forms: Iterable[Form] = (), problems: Iterable[str] = ()) -> None:
        self.problems = list(problems)
        self._forms: dict[tuple[str, int], Form] = {}
        doubtful = set()
        for form in forms:
            key = form.form, form.version
            held = self._forms.setdefault(key, form)
            if held.digest != form.digest:
                doubtful.add(key)
        for key in doubtful:
            self.problems.append(
                f"form {key[0]}/{key[1]} is described twice, differently: a person must decide"
            )
            del self._forms[key]
        told = sorted(f"{form}/{version} {each.digest}" for (form, version), each in self._forms.items())
        self.digest = sha256("\n".join(told).encode()).hexdigest()

    def get(self, form: str, version: int) -> Form | None:
        return self._forms.get((form, version))

    def __iter__(self) -> Iterator[Form]:
        return iter(self._forms.values())

    def __len__(self) -> int:
        return len(self._forms)

    @classmethod
    def load(cls, folder: Path) -> Forms:
        """All forms in a folder (*.yaml, *.yml, *.json, one form a file), in the order of their names."""
        forms, problems = [], []
        for path in sorted(folder.iterdir()):
            if path.suffix not in {".yaml", ".yml", ".json"}:
                continue
            try:
                written = yaml.safe_load(path.read_text("utf-8"))  # JSON is YAML
            except (yaml.YAMLError, UnicodeDecodeError) as error:
                problems.append(f"{path.name}: not YAML or JSON in UTF-8 ({type(error).__name__})")
                continue
            form, found = parse(written)
            problems += [f"{path.name}: {each}" for each in found]
            if form is not None:
                forms.append(form)
        return cls(forms, problems)


def parse(written: Any) -> tuple[Form | None, list[str]]:
    """A form from its data, and what in it was not understood. None when it cannot even be named."""
    problems: list[str] = []
    if not isinstance(written, Mapping):
        return None, ["a form is a mapping with `form`, `version` and `options`"]
    name, version = written.get("form"), written.get("version")
    if not isinstance(name, str) or not name.strip() or type(version) is not int or version < 1:
        return None, ["`form` must be a name and `version` a whole number from 1"]

    unread: set[Term] = set()

    def doubt(problem: str) -> None:
        problems.append(problem)
        unread.add(Term(f"? {problem}"))

    def terms(value: Any, place: str) -> frozenset[Term]:
        if value is None:
            return frozenset()
        read = frozenset(map(term, value if isinstance(value, list) else [value]))
        problems.extend(
            f"{place}: {each} is no term that this node understands: a person must decide"
            for each in sorted(read, key=str)
            if not each.understood
        )
        return read

    def text(value: Any, place: str) -> Text:
        if value is None:
            return {}
        if isinstance(value, Mapping) and all(
            isinstance(part, str) for pair in value.items() for part in pair
        ):
            return dict(value)
        problems.append(f"{place}: texts are given by language, as lv: … and en: …")
        return {}

    def day(key: str) -> date | None:
        value = written.get(key)
        if value is None or type(value) is date:
            return value
        if isinstance(value, str) and _is_day(value):
            return date.fromisoformat(value)
        doubt(f"{key}: a day is written as 2026-01-31")
        return None

    def flag(key: str) -> bool:
        value = written.get(key, False)
        if not isinstance(value, bool):
            doubt(f"{key}: true or false")
            return key == "ends_at_death"  # the answer that permits less
        return value

    for key in sorted(map(str, written.keys() - KEYS)):
        doubt(f"{key}: a form has no such key; it has {', '.join(sorted(KEYS))}")

    options: dict[str, Option] = {}
    boxes = written.get("options") or {}
    if not isinstance(boxes, Mapping):
        doubt("options: a mapping from the name of each box to its terms")
        boxes = {}
    for box, value in boxes.items():
        place = f"options.{box}"
        if not isinstance(box, str) or not isinstance(value, Mapping):
            doubt(f"{place}: a box has a name and a mapping with {', '.join(sorted(OPTION_KEYS))}")
            continue
        for key in sorted(map(str, value.keys() - OPTION_KEYS)):
            doubt(f"{place}.{key}: a box has only {', '.join(sorted(OPTION_KEYS))}")
        options[box] = Option(
            chosen=terms(value.get("terms"), f"{place}.terms"),
            otherwise=terms(value.get("otherwise"), f"{place}.otherwise"),
            text=text(value.get("text"), f"{place}.text"),
        )

    years = written.get("years")
    if years is not None and (type(years) is not int or not 1 <= years <= 150):
        doubt("years: a whole number from 1 to 150")
        years = None
    form = Form(
        form=name,
        version=version,
        options=options,
        since=day("since"),
        until=day("until"),
        years=years,
        guardian=flag("guardian"),
        ends_at_death=flag("ends_at_death"),
        title=text(written.get("title"), "title"),
        always=terms(written.get("always"), "always") | unread,
    )
    return form, problems


def examples() -> Forms:
    """The two invented forms that come with the node: for trying out, for tests, and to copy from."""
    return Forms.load(Path(__file__).parent / "examples")
