"""A synthetic country: invented people with diseases, samples, consents and genes, in the formats that nodes import.

Nobody in it exists. It looks like Latvia by age, sex and region, and like a health system in how diseases, measurements
and medicines hang together, but no figure in it is a statistic of anything.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import asdict
from pathlib import Path

import numpy as np
import yaml

from talka_node.synth import genome, lists, vcf
from talka_node.synth.country import CODES, Array, Plan, bank_names, draw, local, sequenced
from talka_node.synth.direct import columns
from talka_node.synth.fhir import Fhir
from talka_node.synth.lines import Lines
from talka_node.synth.miabis import Miabis
from talka_node.synth.omop import Omop

__all__ = ["FORMATS", "Plan", "columns", "generate"]

FORMATS = ("fhir", "omop", "csv", "vcf")

# Facts written so far, and the share of the donors that is done, between 0 and 1.
Progress = Callable[[int, float], None]


def generate(
    folder: Path | str,
    plan: Plan,
    *,
    formats: Collection[str] = FORMATS,
    progress: Progress | None = None,
) -> dict[str, int]:
    """Writes the country into a new or empty folder: a folder per biobank with one folder per format, and beside them
    the inhabitants by region, sex and age (`register.csv`), the consent forms and the plan (`country.json`).

    The same plan gives the same files. Returns how many rows each format got. ValueError for a format that does not
    exist; FileExistsError if something is in the folder already.
    """
    folder = Path(folder)
    if unknown := set(formats) - set(FORMATS):
        raise ValueError(f"there is no format {', '.join(sorted(unknown))}; there are {', '.join(FORMATS)}")
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty; give a new folder for the synthetic country")
    folder.mkdir(parents=True, exist_ok=True)
    names = bank_names(plan)
    written = dict.fromkeys((name for name in FORMATS if name in formats), 0)
    makers: dict[str, type[Fhir | Omop | Miabis]] = {"fhir": Fhir, "omop": Omop, "csv": Miabis}
    read: list[tuple[Array, Array]] = []
    with Lines(folder) as lines:
        writers = [
            [(format_, makers[format_](lines, name, name)) for format_ in written if format_ in makers]
            for name in names
        ]
        for number, chunk in enumerate(draw(plan), 1):
            for bank, formats_of_bank in enumerate(writers):
                rows = chunk.at(bank)
                for format_, writer in formats_of_bank:
                    before = writer.rows
                    writer.add(rows)
                    written[format_] += writer.rows - before
            if "vcf" in written:
                read.append(sequenced(plan, chunk.members))
            if progress is not None:
                progress(sum(written.values()), number / plan.chunks)
        for formats_of_bank in writers:
            for format_, writer in formats_of_bank:
                before = writer.rows
                writer.finish()
                written[format_] += writer.rows - before
    if "vcf" in written:
        written["vcf"] = _genotypes(folder, plan, names, read)
    _register(folder / "register.csv", plan)
    _forms(folder / "forms")
    _policy(folder / "policy.yaml", plan)
    _catalogue(folder / "catalogue.yaml", names)
    _about(folder / "country.json", plan, names, written)
    return written


def _genotypes(folder: Path, plan: Plan, names: list[str], read: list[tuple[Array, Array]]) -> int:
    donors = np.concatenate([donor for donor, _ in read])
    homes = np.concatenate([home for _, home in read])
    files = []
    for bank, name in enumerate(names):
        places = np.flatnonzero(homes == bank)
        if len(places):
            known = [f"P{number}" for number in local(donors[places], bank).tolist()]
            files.append((folder / name / "vcf" / "genotypes.vcf.gz", places, known))
    return vcf.write(genome.sites(plan, len(donors)), files)


def _register(path: Path, plan: Plan) -> None:
    """All inhabitants, donors or not, counted by region, sex and age: what coverage is a share of."""
    ages = list(lists.AGES)
    shares = np.array([share for share, _ in lists.AGES.values()])
    women = np.array([women for _, women in lists.AGES.values()])
    regions = np.array(list(lists.REGIONS.values()), float)
    cells = regions[:, None, None] * np.stack([shares * women, shares * (1 - women)])[None]
    counts = plan.random(6).multinomial(plan.persons, (cells / cells.sum()).ravel()).reshape(cells.shape)
    lines = ["region,sex,age_from,inhabitants"]
    for region, by_sex in zip(CODES.regions, counts.tolist(), strict=True):
        for sex, by_age in zip(CODES.sexes, by_sex, strict=False):
            lines += [f"{region},{sex},{age},{count}" for age, count in zip(ages, by_age, strict=True)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _forms(folder: Path) -> None:
    """The consent form in its versions, as the node keeps forms; they differ in the years of their use alone."""
    folder.mkdir()
    for version, since in enumerate(lists.SINCE, 1):
        form = {
            "form": lists.FORM,
            "version": version,
            "title": {"lv": "Izdomāta piekrišana", "en": "Invented consent"},
            "since": f"{since}-01-01",
            "guardian": True,
            "ends_at_death": False,
            "always": [],
            "options": {
                name: {
                    "text": {"lv": f"Izdomāta izvēle: {name}.", "en": f"Invented option: {name}."},
                    "terms": terms,
                    "otherwise": otherwise,
                }
                for name, (_, terms, otherwise) in lists.OPTIONS.items()
            },
        }
        if version < len(lists.SINCE):
            form["until"] = f"{lists.SINCE[version] - 1}-12-31"
        text = json.dumps(form, ensure_ascii=False, indent=1) + "\n"
        (folder / f"{lists.FORM}-{version}.json").write_text(text, encoding="utf-8")


def _policy(path: Path, plan: Plan) -> None:
    """Rules of disclosure for a node in this country: the default ones, with the sizes of its regions."""
    whole = sum(lists.REGIONS.values())
    lines = [
        "# The default rules, with the sizes of this country's regions.",
        "version: 2",
        f"dated: {plan.until}",
        f"inhabitants: {plan.persons}",
        "regions:",
        *(f"  {code}: {{people: {plan.persons * share // whole}}}" for code, share in lists.REGIONS.items()),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _catalogue(path: Path, names: list[str]) -> None:
    """What a node of these biobanks publishes of itself."""
    procedures = {code for codes in lists.PROCEDURES.values() for code, _ in codes}
    told = {
        "organisation": {
            "id": "lv.example.synthetic",
            "name": "Izdomāta slimnīca",
            "url": "https://slimnica.example",
        },
        "beacon": "lv.example.synthetic.node",
        "biobanks": {name: f"Izdomāta biobanka {name[-2:]}" for name in names},
        "collections": {
            f"{name}:collection:{each}": f"Izdomāta kolekcija {each} {name[-2:]}"
            for name in names
            for each in lists.COLLECTIONS
        },
        "cohorts": {name: name for name in lists.COHORTS},
        "regions": dict(lists.REGION_NAMES),
        "procedures": {code: code for code in sorted(procedures)},
        "genes": list(lists.GENES),
    }
    path.write_text(yaml.safe_dump(told, allow_unicode=True, sort_keys=False), encoding="utf-8")


def _about(path: Path, plan: Plan, names: list[str], written: dict[str, int]) -> None:
    about = {"plan": asdict(plan) | {"until": plan.until.isoformat()}, "biobanks": names, "written": written}
    path.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
