"""Words as search sees them: diacritics folded, endings forgiven, so that *biobanka* finds *biobankām*.

Snowball has no Latvian, so this stemmer is ours, and light: it strips one ending and little more. It works on
folded text, because people also type *petijums*; folding already undoes most softening of consonants (lācis,
lāča → lacis, laca). What it must bring together and keep apart is in the test's table.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

import snowballstemmer  # type: ignore[import-untyped]  # ships no types

# --- folding and words ------------------------------------------------------------------------------------

# Letters that Unicode does not take apart into a base and a mark.
_WHOLE = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "þ": "th", "ħ": "h", "ŧ": "t", "ı": "i"}
)
_SOFT_HYPHEN = "\N{SOFT HYPHEN}"


def fold(text: str) -> str:
    """Casefolded, without diacritics: “Pētījumu ŠĶĒRŠĻI” → “petijumu skersli”."""
    if text.isascii():
        return text.lower()
    letters = unicodedata.normalize("NFKD", text.casefold().replace(_SOFT_HYPHEN, ""))
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).translate(_WHOLE)


# Letters and digits, or a number with its points (3.1.2, 2.6), joined to others by hyphens or ampersands.
_PART = r"(?:[0-9]+(?:[.,][0-9]+)+(?![^\W_])|[^\W_]+)"
_COMPOUND = re.compile(rf"{_PART}(?:[-\N{{HYPHEN}}\N{{NON-BREAKING HYPHEN}}&]{_PART})*")
_JOINT = re.compile(r"[-\N{HYPHEN}\N{NON-BREAKING HYPHEN}&]")


def _compounds(text: str) -> Iterator[list[str]]:
    """The folded words, those joined by hyphens in one list; as one word where a part is a lone letter."""
    for match in _COMPOUND.finditer(fold(text)):
        parts = [part.replace(",", ".") for part in _JOINT.split(match[0])]
        if len(parts) > 1 and any(len(part) == 1 and part.isalpha() for part in parts):
            parts = ["".join(parts)]  # P&A&I, e-pasts: the letters alone say nothing
        if len(parts) > 1 or len(parts[0]) > 1 or parts[0].isdigit():
            yield parts


def words(text: str) -> list[str]:
    """The folded words of a text in order: “COVID-19, P&A un 3.1.2.” → covid, 19, pa, un, 3.1.2.

    Words are letters, digits and the points inside numbers, nothing else. Lone letters are left out.
    """
    return [part for parts in _compounds(text) for part in parts]


# --- Latvian ----------------------------------------------------------------------------------------------

# All folded endings of the six declensions and of adjectives, definite ones too, longest first.
# fmt: off
_ENDINGS = (
    "ajiem", "ajam", "ajai", "ajas", "ajos", "jiem", "aja", "ais", "iem", "jam", "jos", "jus",
    "as", "es", "is", "us", "os", "am", "em", "im", "ai", "ei", "ie", "ja", "ji", "ju",
    "a", "e", "i", "o", "s", "u",
)
# fmt: on
_SHORTEST = 3  # letters that must remain: shorter stems would find half the dictionary
_LABIALS = "pbmvf"  # after them softening is a written j: upe, upju; padome, padomju

# Softened t and d become š and ž, which folding cannot undo: aktivitāte, aktivitāšu. Nouns in -tāte are many
# and go by rule; of the others the few that plans speak of are listed.
_SOFTENED = {
    "iestaz": "iestad",
    "metoz": "metod",
    "kez": "ked",
    "sirz": "sird",
    "nostaz": "nostad",
    "kars": "kart",
}

# A verb's infinitive, participles and gerund come to its present: nodrošināt, nodrošinot → nodrošina.
_VERBAL = re.compile(r"(?:[aeio]?jot|[aeio]t|oj)$")
_VERB_LEAST = 5
_COMPARATIVE_LEAST = 4


@lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """The Latvian stem, folded; never empty. Up to three letters, or with a digit, it is the word itself."""
    word = fold(word)
    if len(word) <= _SHORTEST or not word.isalpha():
        return word
    root = _SOFTENED.get(bare := _without_ending(word), bare)
    if root.endswith("tas") and word.endswith("u"):
        root = root[:-1] + "t"
    if root.endswith("taj") and len(root) >= 8:
        root = root[:-2]  # lietotājiem (users) and lietotajiem (used) differ by a length mark only
    if root.endswith("ak") and len(root) - 2 >= _COMPARATIVE_LEAST:
        root = root[:-2]
    if (verbal := _VERBAL.search(root)) and verbal.start() > _VERB_LEAST:
        root = root[: verbal.start()]
    return root


def _without_ending(word: str) -> str:
    if word.endswith("ties") and len(word) - 3 > _SHORTEST:
        return word[:-3]  # piedalīties, sadarboties: the reflexive infinitive
    if re.search(r"(?:st|rd|sn|kt)ij$", word):
        return word[:-2]  # valstij, sirdij: the dative of the sixth declension
    for ending in _ENDINGS:
        if not word.endswith(ending) or len(word) - len(ending) < _SHORTEST:
            continue
        root = word[: -len(ending)]
        if ending[0] == "j" and root[-1] not in _LABIALS:
            continue  # tehnoloģiju, ideju: the j is the stem's own
        if ending[:2] == "aj" and root[-1] == "t" and len(root) < 6:
            continue  # rādītājiem, vadītājam: the maker's -tāj-, not a definite ending
        return root
    return word


# --- both languages ---------------------------------------------------------------------------------------

_ENGLISH = snowballstemmer.stemmer("english")
_ONE_AT_A_TIME = threading.Lock()  # Snowball's stemmer keeps the word it works on in itself


@lru_cache(maxsize=200_000)
def _english(word: str) -> str:
    if not word.isalpha():
        return word
    with _ONE_AT_A_TIME:
        return str(_ENGLISH.stemWord(word)) or word


def _in(language: str, word: str) -> str:
    return stem(word) if language == "lv" else _english(word)


def stems(text: str, language: str) -> list[str]:
    """The stems of a text in `lv` or `en`, in order, repetitions kept; what an index holds of it.

    Words joined by a hyphen are there singly and as one, so that both “COVID 19” and “covid19” find COVID-19.
    """
    if language not in {"lv", "en"}:
        raise ValueError(f"language {language!r} has no stemmer here: use 'lv' or 'en'")
    found: list[str] = []
    for parts in _compounds(text):
        found += [_in(language, part) for part in parts]
        if len(parts) > 1:
            found.append(_in(language, "".join(parts)))
    return found


def query_stems(text: str) -> list[frozenset[str]]:
    """For each word of a question in an unknown language its stems in both; each set wants one hit."""
    return [frozenset({stem(word), _english(word)}) for word in words(text)]
