"""ICD-10 of the WHO, as ranges of codes: chapters, blocks, and what lies below what. No descriptions.

A chapter ("II"), a block ("C00-C97"), a category ("C34") or a subcategory ("C34.1", with national digits "C34.10")
is a *span* of codes: whatever sorts from its low end up to, not including, its high end. So "lies below" is two
comparisons of strings in every engine. Source of chapters and blocks: ICD-10, version of 2019, volume 1.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

# Sorts after every character of a code, and is none itself.
_LAST = "~"

_CATEGORY = r"[A-Z][0-9][0-9A-Z]"
_CODE = re.compile(rf"{_CATEGORY}(\.[0-9A-Z]{{1,4}})?")
_RANGE = re.compile(rf"({_CATEGORY})-({_CATEGORY})")
_WRITTEN = re.compile(rf"({_CATEGORY})\.?([0-9A-Z]{{0,4}})[†+*!-]?")


class Chapter(NamedTuple):
    """A chapter, the categories it holds, and our own short label for it."""

    number: str
    first: str
    last: str
    lv: str
    en: str


CHAPTERS: tuple[Chapter, ...] = (
    Chapter("I", "A00", "B99", "Infekcijas", "Infections"),
    Chapter("II", "C00", "D48", "Audzēji", "Neoplasms"),
    Chapter("III", "D50", "D89", "Asinis un imunitāte", "Blood and immunity"),
    Chapter("IV", "E00", "E90", "Vielmaiņa un endokrīnā sistēma", "Metabolism and endocrine system"),
    Chapter("V", "F00", "F99", "Psihe un uzvedība", "Mind and behaviour"),
    Chapter("VI", "G00", "G99", "Nervu sistēma", "Nervous system"),
    Chapter("VII", "H00", "H59", "Acis", "Eyes"),
    Chapter("VIII", "H60", "H95", "Ausis", "Ears"),
    Chapter("IX", "I00", "I99", "Sirds un asinsvadi", "Heart and vessels"),
    Chapter("X", "J00", "J99", "Elpošana", "Breathing"),
    Chapter("XI", "K00", "K93", "Gremošana", "Digestion"),
    Chapter("XII", "L00", "L99", "Āda", "Skin"),
    Chapter("XIII", "M00", "M99", "Kauli, locītavas un muskuļi", "Bones, joints and muscles"),
    Chapter("XIV", "N00", "N99", "Nieres, urīnceļi un dzimumorgāni", "Kidneys, urinary and genital organs"),
    Chapter("XV", "O00", "O99", "Grūtniecība un dzemdības", "Pregnancy and birth"),
    Chapter("XVI", "P00", "P96", "Jaundzimušie", "The newborn"),
    Chapter("XVII", "Q00", "Q99", "Iedzimtas anomālijas", "Congenital anomalies"),
    Chapter("XVIII", "R00", "R99", "Simptomi un atrades", "Symptoms and findings"),
    Chapter("XIX", "S00", "T98", "Traumas un saindēšanās", "Injuries and poisoning"),
    Chapter("XX", "V01", "Y98", "Ārēji cēloņi", "External causes"),
    Chapter("XXI", "Z00", "Z99", "Veselību ietekmējoši faktori", "Factors that influence health"),
    Chapter("XXII", "U00", "U85", "Īpašiem nolūkiem", "For special purposes"),
)  # fmt: skip

# In order of code; one that holds others stands before them. "B99" is the block B99-B99.
_BLOCKS = """
    A00-A09 A15-A19 A20-A28 A30-A49 A50-A64 A65-A69 A70-A74 A75-A79 A80-A89 A92-A99
    B00-B09 B15-B19 B20-B24 B25-B34 B35-B49 B50-B64 B65-B83 B85-B89 B90-B94 B95-B98 B99-B99
    C00-C97 C00-C75 C00-C14 C15-C26 C30-C39 C40-C41 C43-C44 C45-C49 C50-C50 C51-C58 C60-C63 C64-C68 C69-C72 C73-C75
    C76-C80 C81-C96 C97-C97 D00-D09 D10-D36 D37-D48
    D50-D53 D55-D59 D60-D64 D65-D69 D70-D77 D80-D89
    E00-E07 E10-E14 E15-E16 E20-E35 E40-E46 E50-E64 E65-E68 E70-E90
    F00-F09 F10-F19 F20-F29 F30-F39 F40-F48 F50-F59 F60-F69 F70-F79 F80-F89 F90-F98 F99-F99
    G00-G09 G10-G14 G20-G26 G30-G32 G35-G37 G40-G47 G50-G59 G60-G64 G70-G73 G80-G83 G90-G99
    H00-H06 H10-H13 H15-H22 H25-H28 H30-H36 H40-H42 H43-H45 H46-H48 H49-H52 H53-H54 H55-H59
    H60-H62 H65-H75 H80-H83 H90-H95
    I00-I02 I05-I09 I10-I15 I20-I25 I26-I28 I30-I52 I60-I69 I70-I79 I80-I89 I95-I99
    J00-J06 J09-J18 J20-J22 J30-J39 J40-J47 J60-J70 J80-J84 J85-J86 J90-J94 J95-J99
    K00-K14 K20-K31 K35-K38 K40-K46 K50-K52 K55-K64 K65-K67 K70-K77 K80-K87 K90-K93
    L00-L08 L10-L14 L20-L30 L40-L45 L50-L54 L55-L59 L60-L75 L80-L99
    M00-M25 M00-M03 M05-M14 M15-M19 M20-M25 M30-M36 M40-M54 M40-M43 M45-M49 M50-M54
    M60-M79 M60-M63 M65-M68 M70-M79 M80-M94 M80-M85 M86-M90 M91-M94 M95-M99
    N00-N08 N10-N16 N17-N19 N20-N23 N25-N29 N30-N39 N40-N51 N60-N64 N70-N77 N80-N98 N99-N99
    O00-O08 O10-O16 O20-O29 O30-O48 O60-O75 O80-O84 O85-O92 O94-O99
    P00-P04 P05-P08 P10-P15 P20-P29 P35-P39 P50-P61 P70-P74 P75-P78 P80-P83 P90-P96
    Q00-Q07 Q10-Q18 Q20-Q28 Q30-Q34 Q35-Q37 Q38-Q45 Q50-Q56 Q60-Q64 Q65-Q79 Q80-Q89 Q90-Q99
    R00-R09 R10-R19 R20-R23 R25-R29 R30-R39 R40-R46 R47-R49 R50-R69 R70-R79 R80-R82 R83-R89 R90-R94 R95-R99
    S00-S09 S10-S19 S20-S29 S30-S39 S40-S49 S50-S59 S60-S69 S70-S79 S80-S89 S90-S99
    T00-T07 T08-T14 T15-T19 T20-T32 T20-T25 T26-T28 T29-T32 T33-T35 T36-T50 T51-T65 T66-T78 T79-T79 T80-T88 T90-T98
    V01-X59 V01-V99 V01-V09 V10-V19 V20-V29 V30-V39 V40-V49 V50-V59 V60-V69 V70-V79 V80-V89 V90-V94 V95-V97 V98-V99
    W00-X59 W00-W19 W20-W49 W50-W64 W65-W74 W75-W84 W85-W99 X00-X09 X10-X19 X20-X29 X30-X39 X40-X49 X50-X57 X58-X59
    X60-X84 X85-Y09 Y10-Y34 Y35-Y36 Y40-Y84 Y40-Y59 Y60-Y69 Y70-Y82 Y83-Y84 Y85-Y89 Y90-Y98
    Z00-Z13 Z20-Z29 Z30-Z39 Z40-Z54 Z55-Z65 Z70-Z76 Z80-Z99
    U00-U49 U82-U85
"""
BLOCKS: tuple[str, ...] = tuple(_BLOCKS.split())

_BY_NUMBER = {chapter.number: chapter for chapter in CHAPTERS}


# --- shape ------------------------------------------------------------------------------------------------


def is_code(text: str) -> bool:
    """Whether it is written as one code: "C34" or "C34.1". Whether the WHO gave it a meaning is not asked."""
    return _CODE.fullmatch(text) is not None


def normal(text: str) -> str:
    """The one way of writing a code: "c341", " C34.1 ", "C34.1†", "C34.-" become "C34.1", "C34.1", "C34.1", "C34".

    Raises ValueError if it is no code.
    """
    found = _WRITTEN.fullmatch(text.strip().upper())
    if found is None:
        raise ValueError(
            f"{text!r} is no ICD-10 code; codes are written as a letter and two digits, "
            'where needed with a dot and further digits: "C34" or "C34.1"'
        )
    category, rest = found.groups()
    return f"{category}.{rest}" if rest else category


# --- what lies below what ---------------------------------------------------------------------------------


class Span(NamedTuple):
    """A code lies in it if `low <= code < high`, compared as strings, character by character."""

    low: str
    high: str


@lru_cache(maxsize=4096)
def span(wanted: str) -> Span:
    """The span of a chapter, a range of categories (official block or not), a category or a subcategory.

    Raises ValueError if it is none of these, or a range whose ends are the wrong way round.
    """
    if chapter := _BY_NUMBER.get(wanted):
        return Span(chapter.first, chapter.last + _LAST)
    if found := _RANGE.fullmatch(wanted):
        first, last = found.groups()
        if first > last:
            raise ValueError(f"the range {wanted!r} runs backwards; write it as {last}-{first}")
        return Span(first, last + _LAST)
    if is_code(wanted):
        return Span(wanted, wanted + _LAST)
    raise ValueError(
        f"{wanted!r} is not of ICD-10; it may be a subcategory like C34.1, a category like C34, "
        "a range like C00-C97 or a chapter from I to XXII"
    )


def matches(code: str, wanted: str, descendants: bool) -> bool:
    """Whether a coded diagnosis is what is wanted: that exact code or, with `descendants`, whatever lies below."""
    if not descendants:
        return code == wanted
    low, high = span(wanted)
    return low <= code < high


def within(inner: str, outer: str) -> bool:
    """Whether one code, range or chapter lies wholly within another, or is the same."""
    inside, outside = span(inner), span(outer)
    return outside.low <= inside.low and inside.high <= outside.high


def chapter_of(code: str) -> str | None:
    """The number of the chapter of a code, "II" for "C34.1"; None if none holds it."""
    for chapter in CHAPTERS:
        if chapter.first <= code < chapter.last + _LAST:
            return chapter.number
    return None


def above(code: str) -> list[str]:
    """What a code lies below, nearest first: "C34.10" → C34.1, C34, C30-C39, C00-C75, C00-C97, II.

    Raises ValueError if it is no code.
    """
    if not is_code(code):
        raise ValueError(f"{code!r} is no ICD-10 code; one is written as C34 or C34.1")
    finer = [code[:end] for end in range(len(code) - 1, 4, -1)]
    category = [code[:3]] if len(code) > 3 else []
    blocks = [block for block in reversed(BLOCKS) if matches(code, block, descendants=True)]
    chapter = chapter_of(code)
    return [*finer, *category, *blocks, *([chapter] if chapter else [])]
