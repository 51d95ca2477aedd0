"""Sample types and storage temperatures of MIABIS, and what they are called in other lists.

Types are the codes of MIABIS on FHIR (the detailed list of MIABIS 1.1). The crosswalk to SPREC, SNOMED CT, OMOP and
HL7 v2-0487 is the published one (BBMRI-ERIC/miabis, mappings); where it knows no equivalent there is none here. Only
codes: labels are our own.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

MIABIS_TYPES = "miabis-detailed-samply-type-cs"  # the misspelling is the profile's own, and must be matched
SNOMED = "http://snomed.info/sct"
HL7 = "http://terminology.hl7.org/CodeSystem/v2-0487"


class UnknownCode(ValueError):
    """A sample type or temperature that no list here knows; the message names the nearest that one does."""


@dataclass(frozen=True, slots=True)
class SampleType:
    """A sample type with its codes elsewhere; empty: no equivalent published."""

    code: str
    lv: str
    sprec: str = ""
    snomed: str = ""
    omop: int | None = None
    hl7: tuple[str, ...] = ()
    names: tuple[str, ...] = ()  # further spellings, in MIABIS' own lists


TYPES: tuple[SampleType, ...] = (
    SampleType("AmnioticFluid", "Augļūdeņi", "AMN", "119373006", 4002223, ("AMN",)),
    SampleType("AscitesFluid", "Ascīta šķidrums", "ASC", "309201001", 4206413),
    SampleType("Bile", "Žults", "", "119341000", 4001061, ("BIFL",)),
    SampleType("BodyCavityFluid", "Ķermeņa dobuma šķidrums"),
    SampleType("Bone", "Kauls", "BON", "430268003", 4123176, ("BON", "BONE")),
    SampleType("BoneMarrowAspirate", "Kaulu smadzeņu aspirāts", "BMA", "396997002", 4264108),
    SampleType("BoneMarrowPlasma", "Kaulu smadzeņu plazma"),
    SampleType("BoneMarrowWhole", "Kaulu smadzenes", "", "", 4000623, ("MAR",), ("Bone marrow, whole",)),
    SampleType("BreastMilk", "Mātes piens", "BMK", "446676001", 765496, ("MILK",)),
    SampleType("BronchLavage", "Bronhu skalojums", "BAL", "258607008", 4121345, ("LAVG",),
               ("Bronchoalveolar lavage",)),
    SampleType("BuffyCoat", "Leikocītu slānis", "", "258587000", 4122286),
    SampleType("CancerCellLine", "Vēža šūnu līnija", names=("Cancer cell lines",)),
    SampleType("CerebrospinalFluid", "Likvors", "CSF", "258450006", 4124259, ("CSF",)),
    SampleType("CordBlood", "Nabassaites asinis", "CRD", "122556008", 4046835, ("BLCD",)),
    SampleType("DentalPulp", "Zoba pulpa"),
    SampleType("DNA", "DNS", "", "258566005", 4120355),
    SampleType("Embryo", "Embrijs"),
    SampleType("EntireOrgan", "Vesels orgāns", names=("Entire body organ",)),
    SampleType("Faeces", "Izkārnījumi", "STL", "119339001", 4002879, ("STL",)),
    SampleType("FetalTissue", "Augļa audi", "", "", 4202977),
    SampleType("Fibroblast", "Fibroblasti", "", "119333000", 4001356, ("FIB",), ("Fibroblasts",)),
    SampleType("FoodSpecimen", "Pārtikas paraugs", "", "119320006", None, ("EFOD",)),
    SampleType("Gas", "Izelpa", "", "", 4001357, ("EXG", "BRTH"), ("Gas, exhaled (=breath)",)),
    SampleType("GastricFluid", "Kuņģa šķidrums", "", "258459007", 4120336, ("GAST",)),
    SampleType("Hair", "Mati", "HAR", "119326000", 4001355, ("HAR",)),
    SampleType("ImmortalizedCellLine", "Nemirstīga šūnu līnija", "", "702451000", 42574511, (),
               ("Immortalized cell lines",)),
    SampleType("IsolatedMicrobe", "Izdalīti mikrobi", "", "119303007", 4002737, (), ("Isolated microbes",)),
    SampleType("IsolatedExosome", "Izdalītas eksosomas", "EXO", names=("Isolated or enriched exosomes",)),
    SampleType("IsolatedTumorCell", "Izdalītas audzēja šūnas", "", "252987004",
               names=("Isolated Tumor Cell (neoplastic cell)",)),
    SampleType("LiquidBiopsy", "Šķidrā biopsija", "", "1285453009"),
    SampleType("MenstrualBlood", "Menstruālās asinis", "", "119345009", 4002219, ("MBLD",)),
    SampleType("Nail", "Nagi", "NAL", "119327009", 4000618, ("NAIL",)),
    SampleType("NasalWashing", "Deguna skalojums", "NAS", "258467004", 762931, ("NASDR",)),
    SampleType("Organoid", "Organoīdi", names=("Organoids",)),
    SampleType("Other", "Cits", "ZZZ"),
    SampleType("PericardialFluid", "Perikarda šķidrums", "", "122571007", 4048848, ("PCFL",)),
    SampleType("PBMC", "Perifēro asiņu mononukleārās šūnas", "CEL", "404798000", 4229415, (),
               ("Peripheral blood mononuclear cells (PBMC)",)),
    SampleType("Placenta", "Placenta", "PLC", "119403008", 4001192, ("PLC",)),
    SampleType("Plasma", "Plazma", "", "119361006", 4000626, ("PLAS",)),
    SampleType("PleuralFluid", "Pleiras šķidrums", "PFL", "418564007", 4302933, ("PLR",)),
    SampleType("PostMortemTissue", "Pēcnāves audi", "", "258484005", 4124267, ("AUTP",)),
    SampleType("PrimaryCells", "Primārās šūnas", "", "", 4167682),
    SampleType("Protein", "Proteīni", "", "88878007", names=("Proteins",)),
    SampleType("RedBloodCells", "Eritrocīti", "RBC", "119351004", 4000622, ("RBC",)),
    SampleType("RNA", "RNS", "", "441673008", 40480050),
    SampleType("Saliva", "Siekalas", "SAL", "119342007", 4001062, ("SAL",)),
    SampleType("Semen", "Sperma", "SEM", "119347001", 44808818, ("SMN", "SPRM")),
    SampleType("Serum", "Serums", "SER", "119364003", 4001181, ("SER",)),
    SampleType("SpecimenEnvironment", "Vides paraugs", "", "440229008", None, ("EOTH",),
               ("Specimen from environment",)),
    SampleType("Sputum", "Krēpas", "SPT", "119334006", 4002876, ("SPT",)),
    SampleType("StemCells", "Cilmes šūnas", "", "57731000052104", names=("Stem cells (and iPS cells)",)),
    SampleType("Swab", "Uztriepe", "", "257261003", 4120698),
    SampleType("Sweat", "Sviedri", "", "122569007", 4046838, ("SWT",)),
    SampleType("SynovialFluid", "Sinoviālais šķidrums", "SYN", "119332005", 4002875, ("SNV",)),
    SampleType("Tears", "Asaras", "TER", "122594008", 4046369, ("TEAR",)),
    SampleType("Teeth", "Zobi", "TTH", "430319000", 4332635),
    SampleType("TissueFixed", "Fiksēti audi", "", "", 40480027, (), ("Tissue (fixed)", "Tissue (FFPE)")),
    SampleType("TissueFreshFrozen", "Svaigi saldēti audi", "", "", 46270236, (),
               ("Tissue (fresh frozen)", "Tissue (frozen)")),
    SampleType("UmbilicalCord", "Nabassaite", "", "258436001", 4122249),
    SampleType("Urine", "Urīns", "", "122575003", 4046280, ("UR",)),
    SampleType("UrineSediment", "Urīna nogulsnes", "", "122567009", 4045758, ("URNS",)),
    SampleType("VitreousFluid", "Stiklveida ķermenis", "", "258438000", 4120333, ("VITF",)),
    SampleType("WholeBlood", "Pilnasinis", "BLD", "258580003", 4122283, ("WB",)),
    SampleType("WholeBloodDried", "Izžāvēts asins piliens", "DWB", "119294007", 4000611, (),
               ("Whole blood, dried (e.g. Guthrie cards)",)),
)  # fmt: skip


def _bare(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


BY_CODE = {each.code: each for each in TYPES}
_BY_NAME = {_bare(name): each.code for each in TYPES for name in (each.code, *each.names)}
_BY_SPREC = {each.sprec: each.code for each in TYPES if each.sprec}
_BY_SNOMED = {each.snomed: each.code for each in TYPES if each.snomed}
_BY_OMOP = {each.omop: each.code for each in TYPES if each.omop is not None}
_BY_HL7 = {code: each.code for each in TYPES for code in each.hl7}


def sample_type(text: str, system: str = "") -> str:
    """The MIABIS code of a sample type, given as a code or name of MIABIS or, with its system, of another list.

    `system` is a FHIR system, or one of "SPREC", "SNOMED", "OMOP", "HL7"; empty means MIABIS. Raises UnknownCode.
    """
    text = text.strip()
    kind = system.lower()
    known: dict[str, str]
    if not system or "miabis" in kind or "samply" in kind:
        found = BY_CODE.get(text)
        if found is not None:
            return found.code
        known = _BY_NAME
        if _bare(text) in known:
            return known[_bare(text)]
    elif system == SNOMED or "snomed" in kind:
        known = _BY_SNOMED
    elif "0487" in kind or kind == "hl7":
        known = _BY_HL7
    elif "sprec" in kind:
        known = _BY_SPREC
    elif "omop" in kind or "ohdsi" in kind:
        known = {str(concept): code for concept, code in _BY_OMOP.items()}
    else:
        raise UnknownCode(
            f"sample types of {system!r} are not known; give codes of MIABIS, SPREC, SNOMED CT, OMOP or HL7 v2-0487"
        )
    if text in known:
        return known[text]
    near = difflib.get_close_matches(_bare(text) if known is _BY_NAME else text, known, 1, 0.6)
    hint = f"; the nearest known is {known[near[0]]!r}" if near else ""
    raise UnknownCode(f"sample type {text!r} is not known{hint}")


# --- temperatures -----------------------------------------------------------------------------------------


# Code → warmest and coldest, in °C. MIABIS Core 3 parts liquid nitrogen into vapour and liquid; the FHIR code does not.
TEMPERATURES: dict[str, tuple[float, float] | None] = {
    "RT": (30, 15),
    "2to10": (10, 2),
    "-18to-35": (-18, -35),
    "-60to-85": (-60, -85),
    "LN": (-135, -196),
    "Other": None,
}
TEMPERATURES_LV = {
    "RT": "Istabas temperatūra",
    "2to10": "2 līdz 10 °C",
    "-18to-35": "−18 līdz −35 °C",
    "-60to-85": "−60 līdz −85 °C",
    "LN": "Šķidrais slāpeklis",
    "Other": "Cita",
}
_SPELLINGS = {
    "rt": "RT",
    "room temperature": "RT",
    "ln": "LN",
    "liquid nitrogen": "LN",
    "liquid nitrogen vapour-phase": "LN",
    "liquid nitrogen liquid-phase": "LN",
    "other": "Other",
}


def temperature(text: str) -> str:
    """The MIABIS code of a storage temperature, given as a code, as MIABIS writes it ("-60 °C to -85 °C"), or in
    degrees Celsius ("-80"). Degrees outside of every range are "Other". Raises UnknownCode."""
    plain = text.strip().replace("−", "-").replace("–", "-")
    if plain in TEMPERATURES:
        return plain
    if found := _SPELLINGS.get(plain.lower()):
        return found
    bare = re.sub(r"(°\s*c?|\bc\b|\bcel\b)", "", plain.lower()).strip()
    if span := re.fullmatch(r"(-?\d+)\s*to\s*(-?\d+)", bare):
        code = f"{span[1]}to{span[2]}"
        if code in TEMPERATURES:
            return code
    try:
        degrees = float(bare)
    except ValueError:
        known = ", ".join(TEMPERATURES)
        raise UnknownCode(
            f"storage temperature {text!r} is not known; give degrees Celsius or one of {known}"
        ) from None
    for code, limits in TEMPERATURES.items():
        if limits and limits[1] <= degrees <= limits[0]:
            return code
    return "Other"
