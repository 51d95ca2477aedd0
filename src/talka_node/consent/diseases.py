"""Whether one ICD-10 code lies within another: the one place in `consent` that compares diseases.

A code is a category or subcategory ("C34", "C34.1") or a block of categories ("C00-C97"). Anything else (a chapter, a
code of another system, a misspelling) is not known here, and what is not known is for a person to decide.
"""

from __future__ import annotations

import re

_CODE = re.compile(r"[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?")
_BLOCK = re.compile(r"([A-Z][0-9][0-9A-Z])-([A-Z][0-9][0-9A-Z])")


def known(code: str) -> bool:
    """Whether `code` is one that `within` can judge.

    >>> known("C34.1"), known("C00-C97"), known("MONDO:0005138")
    (True, True, False)
    """
    return _span(code) is not None


def within(code: str, above: str) -> bool | None:
    """Whether `code` is `above` or lies below it; None when either is not known.

    >>> within("C34.1", "C34"), within("C34.1", "C00-C97"), within("C34", "C34.1"), within("lung", "C34")
    (True, True, False, None)
    """
    inner, outer = _span(code), _span(above)
    if inner is None or outer is None:
        return None
    if "." in above:
        return code == above or (code.startswith(above) and "-" not in code)
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def _span(code: str) -> tuple[str, str] | None:
    """The first and last category of a code."""
    if _CODE.fullmatch(code):
        return code[:3], code[:3]
    block = _BLOCK.fullmatch(code)
    return (block[1], block[2]) if block and block[1] <= block[2] else None
