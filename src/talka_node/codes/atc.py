"""ATC, the WHO's classification of medicines: five levels, each a longer prefix. Codes only, no names.

"A" main group, "A10" therapeutic, "A10B" pharmacological, "A10BA" chemical subgroup, "A10BA02" substance.
"""

from __future__ import annotations

import re

_CODE = re.compile(r"[A-Z](\d\d([A-Z]([A-Z](\d\d)?)?)?)?")
_LENGTHS = (1, 3, 4, 5, 7)


def is_code(text: str) -> bool:
    """Whether it is written as a code of one of the five levels."""
    return _CODE.fullmatch(text) is not None


def normal(text: str) -> str:
    """The one way of writing a code: upper case, without spaces. Raises ValueError if it is no code."""
    code = "".join(text.split()).upper()
    if not is_code(code):
        raise ValueError(f"{text!r} is no ATC code; one is written as A, A10, A10B, A10BA or A10BA02")
    return code


def matches(code: str, wanted: str, descendants: bool) -> bool:
    """Whether a medicine is what is wanted: that exact code or, with `descendants`, one of its subgroups."""
    return code.startswith(wanted) if descendants else code == wanted


def above(code: str) -> list[str]:
    """What a code lies below, nearest first: "A10BA02" → A10BA, A10B, A10, A. Raises ValueError if it is no code."""
    if not is_code(code):
        raise ValueError(f"{code!r} is no ATC code; one is written as A, A10, A10B, A10BA or A10BA02")
    return [code[:length] for length in reversed(_LENGTHS) if length < len(code)]
