"""Files of others are what the manifest says they are; our colours can be read by everyone."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from talka.ui.charts.figure import PRINTED
from talka.ui.parts.base import TONES

UI = Path(__file__).parents[1]
ROOT = UI.parents[2]
MANIFEST = json.loads((UI / "static" / "vendor" / "manifest.json").read_text(encoding="utf-8"))
CSS = (UI / "static" / "talka" / "talka.css").read_text(encoding="utf-8")


# --- files of others --------------------------------------------------------------------------------------

VENDORED = [(package, file) for package in MANIFEST for file in package["files"]]


@pytest.mark.parametrize(("package", "file"), VENDORED, ids=lambda part: part.get("path", part.get("name")))
def test_a_vendored_file_is_the_one_in_the_manifest(package: dict[str, str], file: dict[str, Any]) -> None:
    path = ROOT / file["path"]
    if not path.is_relative_to(UI) and not path.exists():
        pytest.skip("an installed package has no tests/ beside it")
    digest = base64.b64encode(hashlib.sha384(path.read_bytes()).digest()).decode()
    assert (path.stat().st_size, digest) == (file["bytes"], file["sha384"])
    assert package["licence"] in {"MIT", "0BSD", "OFL-1.1", "MPL-2.0"}


def test_no_file_stands_beside_the_manifest_unnamed() -> None:
    found = {str(path.relative_to(ROOT)) for path in (UI / "static" / "vendor").rglob("*") if path.is_file()}
    named = {file["path"] for _package, file in VENDORED if "static/vendor" in file["path"]}
    assert found - named == {"src/talka/ui/static/vendor/manifest.json"}
    assert named - found == set()


@pytest.mark.parametrize("path", sorted((UI / "static").rglob("*.css")), ids=lambda path: path.name)
def test_no_stylesheet_fetches_from_another_host(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert re.findall(r"(?:url\(\s*[\"']?|@import\s+[\"']?)(?:https?:)?//[^)\"']+", source) == []


@pytest.mark.parametrize("path", sorted((UI / "static").rglob("*.[jc]s*")), ids=lambda path: path.name)
def test_no_file_points_to_a_source_map_that_is_not_served(path: Path) -> None:
    assert "sourceMappingURL" not in path.read_text(encoding="utf-8")


def test_the_font_has_every_letter_of_latvian() -> None:
    faces = (UI / "static" / "vendor" / "inter" / "inter.css").read_text(encoding="utf-8")
    ranges = [
        range(int(low, 16), int(high or low, 16) + 1)
        for low, high in re.findall(r"U\+([0-9A-F]+)(?:-([0-9A-F]+))?", faces)
    ]
    assert [
        letter for letter in "āčēģīķļņšūžĀČĒĢĪĶĻŅŠŪŽ€–«»" if not any(ord(letter) in r for r in ranges)
    ] == []


def test_the_lock_names_no_registry() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []


# --- colours ----------------------------------------------------------------------------------------------

TOKENS = {
    name: (light, dark)
    for name, light, dark in re.findall(r"--(t-[\w-]+): light-dark\((#\w{6}), (#\w{6})\)", CSS)
}


def luminance(colour: str) -> float:
    """Relative luminance of a #rrggbb colour (WCAG 2.2)."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_black_on_white_is_21_to_1() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


TEXT = [
    *(
        (ink, ground)
        for ink in ("t-ink", "t-ink-2", "t-accent")
        for ground in ("t-paper", "t-surface", "t-tint")
    ),
    ("t-accent-2", "t-paper"),
    ("t-ink", "t-accent-soft"),
    ("t-ink-2", "t-neutral-soft"),
    *((f"t-{tone}", ground) for tone in TONES for ground in ("t-paper", "t-surface", f"t-{tone}-soft")),
    *(("t-ink", f"t-{tone}-soft") for tone in TONES),
]
SHAPES = [
    *((f"t-s{n}", "t-surface") for n in range(1, 7)),
    ("t-line-2", "t-surface"),
    ("t-accent-fill", "t-surface"),
]


@pytest.mark.parametrize(("ink", "ground"), TEXT)
@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_can_be_read(ink: str, ground: str, theme: int) -> None:
    assert contrast(TOKENS[ink][theme], TOKENS[ground][theme]) >= 4.5


@pytest.mark.parametrize(("shape", "ground"), SHAPES)
@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_shapes_can_be_told_from_their_ground(shape: str, ground: str, theme: int) -> None:
    assert contrast(TOKENS[shape][theme], TOKENS[ground][theme]) >= 3


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_white_words_on_the_accent_can_be_read(theme: int) -> None:
    assert contrast("#ffffff", TOKENS["t-accent-fill"][theme]) >= 4.5


def test_the_accent_is_the_carmine_of_the_flag() -> None:
    assert TOKENS["t-accent"][0] == TOKENS["t-accent-fill"][0] == "#9d2235"


@pytest.mark.parametrize("css", PRINTED)
def test_documents_have_the_colours_of_the_page(css: str) -> None:
    rules = "".join(re.findall(rf"^\.{css} \{{([^}}]+)\}}|\.{css} \{{([^}}]+)\}}", CSS, re.MULTILINE)[0])
    for attribute in ("fill", "stroke"):
        token = re.search(rf"(?<![\w-]){attribute}: var\(--(t-[\w-]+)\)", rules)
        if token:
            assert PRINTED[css][attribute] in (TOKENS[token[1]][0], "none")
        elif f"{attribute}: none" in rules:
            assert PRINTED[css][attribute] == "none"
