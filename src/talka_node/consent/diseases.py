"""Whether one ICD-10 code lies within another, in three values: what is not known is for a person to decide.

A code is whatever `codes.icd10` knows: a subcategory ("C34.1"), a category, a block ("C00-C97") or a chapter ("II").
"""

from __future__ import annotations

from talka_node.codes import icd10


def known(code: str) -> bool:
    """Whether `code` is one that `within` can judge.

    >>> known("C34.1"), known("II"), known("MONDO:0005138")
    (True, True, False)
    """
    return within(code, code) is True


def within(code: str, above: str) -> bool | None:
    """Whether `code` is `above` or lies below it; None when either is not known.

    >>> within("C34.1", "C34"), within("C34.1", "II"), within("C34", "C34.1"), within("lung", "C34")
    (True, True, False, None)
    """
    try:
        return icd10.within(code, above)
    except ValueError:
        return None
