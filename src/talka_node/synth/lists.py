"""What the synthetic country is drawn from: shares, rates and codes, written out in one place.

Population shares follow the published figures of the Central Statistical Bureau of Latvia (beginning of 2021, rounded);
rates of disease, test and medicine are shaped to look like a health system and are nobody's statistics. Codes only:
descriptions of ICD-10 and LOINC are for the holder to load.
"""

from __future__ import annotations

from dataclasses import dataclass

# --- people -----------------------------------------------------------------------------------------------

# NUTS 3 region (2021 edition) -> thousands of inhabitants: Rīga, Pierīga, Vidzeme, Zemgale, Kurzeme, Latgale.
REGIONS = {"LV006": 615, "LV007": 374, "LV008": 183, "LV009": 228, "LV003": 234, "LV005": 255}
REGION_NAMES = {
    "LV006": "Rīga", "LV007": "Pierīga", "LV008": "Vidzeme", "LV009": "Zemgale", "LV003": "Kurzeme",
    "LV005": "Latgale",
}  # fmt: skip

# First age of a five-year band -> share of inhabitants in percent, and the share of women in it.
AGES = {
    0: (5.0, 0.487), 5: (5.6, 0.487), 10: (5.5, 0.487), 15: (4.7, 0.487), 20: (4.5, 0.485), 25: (5.4, 0.484),
    30: (7.4, 0.487), 35: (7.1, 0.493), 40: (6.8, 0.498), 45: (6.7, 0.507), 50: (6.8, 0.523), 55: (7.2, 0.541),
    60: (7.1, 0.563), 65: (6.2, 0.595), 70: (4.5, 0.630), 75: (4.2, 0.669), 80: (3.5, 0.707), 85: (1.8, 0.746),
    90: (0.7, 0.785), 95: (0.2, 0.820),
}  # fmt: skip

# First age -> how much likelier than the average somebody of this age is to have given a sample. Children come
# by their guardians.
DONORS = {0: 0.05, 10: 0.1, 18: 0.8, 30: 1.1, 45: 1.4, 60: 1.5, 75: 0.9, 85: 0.4}

# --- diseases ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Disease:
    """`codes`: ICD-10 codes, the frequent ones first. The share of those who have it climbs with age to `peak`,
    half of it at `age`, over about four `width`s (years). `women` and `men` multiply it, and so do e^`metabolic` per
    standard deviation of the person's metabolic risk and `smoking` for smokers. `again`: mean number of further
    records of it."""

    codes: str
    peak: float
    age: float
    width: float
    women: float = 1.0
    men: float = 1.0
    metabolic: float = 0.0
    smoking: float = 1.0
    again: float = 2.0


DISEASES = (
    Disease("I10", 0.55, 57, 9, metabolic=0.35, again=4),
    Disease("E11.9 E11.4 E11.2 E11.5 E11.3 E11.6", 0.17, 62, 9, metabolic=0.8, again=5),
    Disease("I48.9 I48.0 I48.2 I48.1", 0.20, 76, 7, men=1.2, metabolic=0.25, again=4),
    Disease("I50.9 I50.0 I50.1", 0.20, 77, 7, metabolic=0.35, again=4),
    Disease("I25.1 I25.9 I25.2 I25.5", 0.22, 70, 8, men=1.5, metabolic=0.35, smoking=1.6, again=4),
    Disease("I21.9 I21.4 I21.1 I21.0", 0.05, 70, 9, men=1.9, metabolic=0.3, smoking=1.8, again=0.4),
    Disease("I63.9 I63.4 I63.3", 0.08, 74, 8, metabolic=0.3, smoking=1.3, again=1),
    Disease("E78.5 E78.0 E78.2 E78.1", 0.35, 55, 10, metabolic=0.4, again=2),
    Disease("E66.9 E66.0", 0.16, 42, 12, women=1.2, metabolic=1.1, again=1),
    Disease("C34.1 C34.9 C34.3 C34.8 C34.0 C34.2", 0.012, 66, 6, men=1.6, smoking=5.0, again=4),
    Disease("C50.4 C50.9 C50.8 C50.2 C50.1 C50.5 C50.3", 0.055, 60, 9, men=0.008, again=5),
    Disease("C61", 0.06, 69, 6, women=0.0, again=5),
    Disease("C18.7 C18.0 C18.2 C18.9 C18.4", 0.014, 70, 8, again=4),
    Disease("C20", 0.008, 69, 8, men=1.5, again=4),
    Disease("C16.9 C16.2 C16.3 C16.0", 0.008, 70, 8, men=1.5, smoking=1.4, again=3),
    Disease("C64", 0.008, 66, 8, men=1.5, metabolic=0.2, again=3),
    Disease("C67.9 C67.2 C67.8", 0.008, 71, 7, men=2.5, smoking=2.5, again=4),
    Disease("C43.5 C43.7 C43.6 C43.3", 0.007, 60, 12, again=3),
    Disease("C44.3 C44.2 C44.5", 0.05, 75, 8, again=1),
    Disease("C56", 0.008, 60, 9, men=0.0, again=4),
    Disease("C54.1", 0.014, 63, 7, men=0.0, metabolic=0.3, again=3),
    Disease("C25.0 C25.9 C25.1", 0.006, 71, 7, smoking=1.6, again=2),
    Disease("C91.1 C91.0", 0.004, 70, 8, men=1.5, again=5),
    Disease("J44.9 J44.1 J44.0 J44.8", 0.09, 66, 8, men=1.4, smoking=3.5, again=4),
    Disease("J45.9 J45.0 J45.1", 0.06, 25, 15, women=1.2, again=4),
    Disease("J06.9", 0.60, 3, 4, again=3),
    Disease("J18.9 J18.1", 0.12, 40, 25, smoking=1.4, again=0.5),
    Disease("K21.9 K21.0", 0.16, 48, 12, metabolic=0.2, again=2),
    Disease("K29.5 K29.7 K29.3", 0.20, 45, 14, again=2),
    Disease("K80.2 K80.0 K80.1", 0.12, 60, 11, women=1.6, metabolic=0.3, again=1),
    Disease("M54.5 M54.4 M54.2", 0.42, 42, 12, again=3),
    Disease("M17.9 M17.0 M17.1", 0.22, 66, 8, women=1.4, metabolic=0.35, again=3),
    Disease("M81.0 M81.9", 0.16, 72, 7, women=1.6, men=0.3, again=2),
    Disease("F32.1 F32.9 F32.0 F32.2", 0.11, 38, 14, women=1.5, again=3),
    Disease("F41.1 F41.9 F41.2 F41.0", 0.10, 34, 13, women=1.5, again=3),
    Disease("E03.9 E03.8", 0.09, 52, 12, women=1.7, men=0.35, again=3),
    Disease("E04.1 E04.2 E04.9", 0.13, 50, 12, women=1.6, men=0.4, again=2),
    Disease("H25.1 H25.9 H25.0", 0.35, 74, 6, again=1),
    Disease("H40.1 H40.9", 0.07, 70, 8, again=4),
    Disease("N18.3 N18.2 N18.4 N18.9 N18.5", 0.11, 74, 8, metabolic=0.4, again=4),
    Disease("N40", 0.35, 67, 7, women=0.0, again=3),
    Disease("N39.0", 0.14, 45, 22, women=1.6, men=0.5, again=1),
    Disease("G43.0 G43.9 G43.1", 0.08, 24, 8, women=1.5, men=0.5, again=2),
    Disease("G20", 0.016, 75, 6, again=5),
    Disease("G30.9 G30.1 G30.0", 0.06, 83, 4, women=1.2, again=3),
    Disease("L40.0 L40.5 L40.9", 0.03, 32, 14, smoking=1.3, again=3),
    Disease("B18.2 B18.1", 0.012, 40, 10, men=1.4, again=3),
    Disease("D50.9 D50.0", 0.07, 36, 18, women=1.7, men=0.4, again=1),
)

# Blocks of valid three-character categories (first and last number of a letter) that the long tail of rare
# diagnoses is drawn from. No further digit: a category is always valid.
TAIL = {
    "A": ((0, 9), (15, 19), (30, 32), (35, 42), (46, 49)),
    "B": ((0, 9), (15, 19), (25, 30), (33, 37)),
    "D": ((10, 36), (50, 53), (55, 64), (65, 77), (80, 84)),
    "E": ((0, 7), (10, 16), (20, 32), (40, 46), (50, 56), (58, 61), (63, 68), (70, 80)),
    "F": ((0, 7), (9, 25), (28, 34), (38, 45), (48, 48), (50, 55), (60, 66), (70, 73), (80, 84)),
    "G": ((0, 6), (10, 14), (20, 25), (30, 31), (35, 37), (40, 41), (43, 47), (50, 64), (70, 73), (80, 83)),
    "H": ((0, 6), (10, 22), (25, 36), (40, 55), (60, 62), (65, 75), (80, 83), (90, 95)),
    "I": ((0, 2), (5, 15), (20, 28), (30, 52), (60, 74), (77, 89), (95, 99)),
    "J": ((0, 22), (30, 47), (60, 70), (80, 86), (90, 96), (98, 99)),
    "K": ((0, 14), (20, 31), (35, 38), (40, 46), (50, 52), (55, 67), (70, 77), (80, 87), (90, 93)),
    "L": ((0, 5), (8, 8), (10, 14), (20, 30), (40, 45), (50, 60), (63, 68), (70, 75), (80, 95)),
    "M": ((0, 3), (5, 25), (30, 36), (40, 43), (45, 51), (53, 54), (60, 63), (65, 68), (70, 73), (75, 77), (79, 96)),
    "N": ((0, 8), (10, 23), (25, 37), (39, 51), (60, 64), (70, 77), (80, 98)),
    "R": ((0, 7), (9, 23), (25, 27), (29, 36), (39, 64), (68, 69), (70, 79), (80, 87), (90, 94)),
    "S": ((0, 99),),
    "T": ((0, 35),),
    "Z": ((0, 4), (8, 9), (20, 29), (30, 36), (40, 54), (70, 76), (80, 99)),
}  # fmt: skip

# --- tests ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Test:
    """A measurement: mean of women and of men, spread between people and within one, drift per ten years of time,
    the loading on metabolic risk, and what having a disease adds. `alternative`: another unit in which every second
    biobank reports it, and the factor to it."""

    loinc: str
    unit: str
    women: float
    men: float
    between: float
    within: float
    digits: int
    drift: float = 0.0
    metabolic: float = 0.0
    disease: tuple[str, float] | None = None
    alternative: tuple[str, float] | None = None


# What is ordered together, with how often a visit orders it.
PANELS: tuple[tuple[float, tuple[Test, ...]], ...] = (
    (0.55, (
        Test("39156-5", "kg/m2", 26.2, 27.0, 3.4, 0.5, 1, drift=0.8, metabolic=2.6),
        Test("8480-6", "mm[Hg]", 124, 129, 10, 7, 0, drift=3.0, metabolic=3, disease=("I10", 14)),
        Test("8462-4", "mm[Hg]", 78, 80, 7, 5, 0, drift=0.6, metabolic=2, disease=("I10", 7)),
        Test("8867-4", "/min", 74, 71, 8, 5, 0, disease=("I48", 9)),
        Test("29463-7", "kg", 71, 85, 9, 1.2, 1, drift=1.8, metabolic=7.5),
        Test("8302-2", "cm", 166, 179, 6.2, 0.3, 1, alternative=("m", 0.01)),
    )),
    (0.45, (
        Test("718-7", "g/dL", 13.3, 14.8, 0.8, 0.4, 1, disease=("D50", -2.4), alternative=("g/L", 10)),
        Test("6690-2", "10*9/L", 6.6, 6.6, 1.4, 0.9, 1),
        Test("777-3", "10*9/L", 262, 240, 45, 18, 0),
        Test("1988-5", "mg/L", 2.4, 2.2, 1.1, 1.6, 1, metabolic=0.8, alternative=("mg/dL", 0.1)),
    )),
    (0.40, (
        Test("14749-6", "mmol/L", 5.2, 5.4, 0.4, 0.35, 1, drift=0.12, metabolic=0.25, disease=("E11", 2.6)),
        Test("4548-4", "%", 5.4, 5.4, 0.25, 0.12, 1, drift=0.08, metabolic=0.12, disease=("E11", 1.7)),
    )),
    (0.35, (
        Test("14647-2", "mmol/L", 5.4, 5.2, 0.9, 0.3, 1, drift=-0.25, metabolic=0.2, disease=("E78", 0.9)),
        Test("14646-4", "mmol/L", 1.6, 1.3, 0.28, 0.09, 2, metabolic=-0.14),
        Test("22748-8", "mmol/L", 3.2, 3.2, 0.75, 0.25, 1, drift=-0.25, metabolic=0.15, disease=("E78", 0.8)),
        Test("14927-8", "mmol/L", 1.2, 1.4, 0.35, 0.3, 1, metabolic=0.3),
    )),
    (0.35, (
        Test("14682-9", "umol/L", 68, 84, 11, 5, 0, drift=2.5, disease=("N18", 55), alternative=("mmol/L", 0.001)),
        Test("33914-3", "mL/min/{1.73_m2}", 92, 92, 9, 4, 0, drift=-7, disease=("N18", -38)),
    )),
    (0.30, (
        Test("1742-6", "U/L", 21, 28, 8, 5, 0, metabolic=4, disease=("B18", 38)),
        Test("1920-8", "U/L", 22, 26, 6, 4, 0, metabolic=2, disease=("B18", 26)),
    )),
    (0.15, (Test("3016-3", "m[IU]/L", 2.1, 1.9, 0.7, 0.3, 2, disease=("E03", 2.2)),)),
    (0.08, (Test("2857-1", "ug/L", 0.0, 1.6, 0.8, 0.3, 2, drift=0.5, disease=("C61", 7)),)),
)  # fmt: skip

# --- medicines and procedures -----------------------------------------------------------------------------

# Disease -> (ATC code, share of those with the disease who take it).
MEDICINES = {
    "I10": (("C09AA05", 0.35), ("C07AB07", 0.30), ("C08CA01", 0.25), ("C09CA01", 0.20), ("C03BA11", 0.15)),
    "E11": (("A10BA02", 0.80), ("A10BB12", 0.20), ("A10BK01", 0.18), ("A10AE04", 0.15)),
    "I48": (("B01AF02", 0.35), ("B01AF01", 0.25), ("B01AA03", 0.20), ("C01BD01", 0.15)),
    "I25": (("B01AC06", 0.75), ("C10AA05", 0.60), ("C10AA07", 0.25), ("C07AB02", 0.30)),
    "E78": (("C10AA05", 0.40), ("C10AA07", 0.30), ("C10AX09", 0.10)),
    "I50": (("C03CA04", 0.50), ("C03DA01", 0.35), ("C09DX04", 0.15)),
    "J44": (("R03AC18", 0.40), ("R03BB04", 0.40)),
    "J45": (("R03AC02", 0.60), ("R03BA02", 0.35)),
    "E03": (("H03AA01", 0.90),),
    "F32": (("N06AB06", 0.30), ("N06AB10", 0.30), ("N06AX16", 0.15)),
    "C50": (("L02BA01", 0.45), ("L02BG04", 0.30), ("L01CD01", 0.20)),
    "C34": (("L01XA01", 0.35), ("L01FF02", 0.25), ("L01EB04", 0.08)),
    "K21": (("A02BC01", 0.60), ("A02BC02", 0.25)),
    "M17": (("M01AB05", 0.40), ("M01AE01", 0.35)),
    "G20": (("N04BA02", 0.80),),
}

# Disease -> (SNOMED CT code of a procedure, share). The node compares procedures by exact code, whatever the system.
PROCEDURES = {
    "C34": (("173171007", 0.30), ("169069000", 0.80)),
    "C50": (("392021009", 0.45), ("172043006", 0.30), ("71651007", 0.90)),
    "C18": (("73761001", 0.90),),
    "C20": (("73761001", 0.90),),
    "I21": (("415070008", 0.60),),
    "I25": (("232717009", 0.10), ("415070008", 0.25)),
    "H25": (("54885007", 0.50),),
    "K80": (("45595009", 0.45),),
    "M17": (("609588000", 0.18),),
}

# --- samples ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of specimen: MIABIS detailed sample type, its usual storage temperature (MIABIS) and mean number of
    aliquots made."""

    type: str
    temperature: str
    aliquots: float


KINDS = (
    Kind("Serum", "-60to-85", 4),
    Kind("Plasma", "-60to-85", 4),
    Kind("WholeBlood", "-60to-85", 2),
    Kind("DNA", "-18to-35", 2),
    Kind("BuffyCoat", "-60to-85", 2),
    Kind("Urine", "-60to-85", 2),
    Kind("PBMC", "LN", 3),
    Kind("Saliva", "RT", 1),
    Kind("Faeces", "-60to-85", 2),
    Kind("TissueFixed", "RT", 3),
    Kind("TissueFreshFrozen", "LN", 2),
    Kind("RNA", "-60to-85", 2),
)

# Share of visits to a biobank that yield each kind; of an ordinary visit, and of an operation for cancer.
BLOOD_KIT = {"Serum": 0.85, "Plasma": 0.8, "WholeBlood": 0.35, "DNA": 0.6, "BuffyCoat": 0.3, "Urine": 0.25,
             "PBMC": 0.08, "Saliva": 0.06, "Faeces": 0.08}  # fmt: skip
TUMOUR_KIT = {"TissueFixed": 0.95, "TissueFreshFrozen": 0.55, "RNA": 0.25, "DNA": 0.3, "Plasma": 0.5}

# Where the collections of a biobank come from; tumour specimens go to the first.
COLLECTIONS = ("oncology", "population", "cardiometabolic", "rare")

COHORTS = ("synthetic-lung-screening", "synthetic-heart", "synthetic-birth", "synthetic-ageing")

# --- consent forms ----------------------------------------------------------------------------------------

FORM = "synthetic-general"
SINCE = (2006, 2018, 2024)  # years from which its versions 1, 2 and 3 are in use

# Box of the form -> the share of donors who tick it, and what it means in terms of DUO, ticked and left empty.
OPTIONS = {
    "research": (0.97, ["GRU"], []),
    "statistics": (0.95, ["STAT"], ["NSTAT"]),
    "genetic": (0.75, [], ["NGEN"]),
    "commercial": (0.55, [], ["NCU"]),
    "abroad": (0.70, [{"GS": ["EEA"]}], [{"GS": ["LV"]}]),
    "contact": (0.60, ["CONTACT"], []),
}

# --- genes ------------------------------------------------------------------------------------------------

# HGNC symbol -> chromosome, first and last position (GRCh38).
GENES = {
    "MLH1": ("3", 36993350, 37050846),
    "HFE": ("6", 26087281, 26098343),
    "EGFR": ("7", 55019017, 55211628),
    "CFTR": ("7", 117480025, 117668665),
    "TCF7L2": ("10", 112950247, 113167678),
    "KRAS": ("12", 25205246, 25250929),
    "BRCA2": ("13", 32315086, 32400268),
    "PALB2": ("16", 23603160, 23641310),
    "TP53": ("17", 7661779, 7687538),
    "BRCA1": ("17", 43044295, 43125364),
    "LDLR": ("19", 11089362, 11133820),
    "APOE": ("19", 44905791, 44909393),
}

# Lengths of the chromosomes of GRCh38 that hold them.
LENGTHS = {
    "3": 198295559, "6": 170805979, "7": 159345973, "10": 133797422, "12": 133275309, "13": 114364328,
    "16": 90338345, "17": 83257441, "19": 58617616,
}  # fmt: skip
