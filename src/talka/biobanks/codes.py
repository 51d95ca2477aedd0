"""The lists of MIABIS Core 3, by the codes that MIABIS on FHIR uses, with names that people read.

A code is what travels between directories and is never translated; two of them are misspelt at their source and must
stay so, or nobody else recognises them.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Infrastructure(models.TextChoices):
    """What a biobank has to keep things in."""

    SAMPLES = "SampleStorage", _("storage of samples")
    DATA = "DataStorage", _("storage of data")
    SAFETY = "Biosafety", _("biosafety laboratory")


class Organising(models.TextChoices):
    """What a biobank can organise for a user."""

    RECONTACT = "RecontactDonors", _("contacting donors again")
    TRIALS = "ClinicalTrials", _("clinical trials")
    PROSPECTIVE = "ProspectiveCollections", _("collecting on request")
    OMICS = "OmicsData", _("omics data")
    LABORATORY = "LabAnalysisData", _("laboratory data")
    CLINICAL = "ClinicalData", _("clinical data")
    PATHOLOGY = "PathologyArchive", _("archive of pathology")
    RADIOLOGY = "RadiologyArchive", _("archive of radiology")
    REGISTRIES = "MedicalRegistries", _("medical registries")
    OTHER = "Other", _("other")


class Bioprocessing(models.TextChoices):
    """What a biobank can do with samples."""

    BIOCHEMISTRY = "BioChemAnalyses", _("biochemical analyses")
    GENOMICS = "Genomics", _("genomics")
    EXTRACTION = "NucleicAcidExtraction", _("extraction of nucleic acids")
    PROTEOMICS = "Proteomics", _("proteomics")
    METABOLOMICS = "Metabolomics", _("metabolomics")
    HISTOLOGY = "Histology", _("histology")
    CELL_LINES = "CellLinesProcessing", _("work with cell lines")
    VIROLOGY = "Virology", _("virology")
    PROCESSING = "SampleProcessing", _("processing of samples")
    SHIPPING = "SampleShipping", _("shipping of samples")
    QUALITY = "SampleQualityControlServices", _("quality control of samples")
    OTHER = "Other", _("other")


class Material(models.TextChoices):
    """Types of samples in a collection."""

    BLOOD = "Blood", _("blood")
    BUFFY_COAT = "BuffyCoat", _("buffy coat")
    CANCER_CELL_LINE = "CancerCellLine", _("cancer cell line")
    DNA = "DNA", _("DNA")
    ORGAN = "EntireOrgan", _("whole organ")
    FAECES = "Faeces", _("faeces")
    FETAL = "EmbryoFetal", _("embryonic and foetal tissue")
    CELL_LINE = "ImmortalizedCellLine", _("immortalised cell line")
    MICROBE = "IsolatedMicrobe", _("isolated microbe")
    FLUID = "OtherBodyFluid", _("other body fluid")
    PLASMA = "Plasma", _("plasma")
    PRIMARY_CELLS = "PrimaryCells", _("primary cells")
    POST_MORTEM = "PostMortemTissue", _("post-mortem tissue")
    RNA = "RNA", _("RNA")
    SALIVA = "Saliva", _("saliva")
    SERUM = "Serum", _("serum")
    ENVIRONMENT = "SpecimenEnvironment", _("environmental sample")
    SWAB = "Swab", _("swab")
    TISSUE_FROZEN = "TissueFrozen", _("frozen tissue")
    TISSUE_FFPE = "TissueFFPE", _("tissue in paraffin (FFPE)")
    URINE = "Urine", _("urine")
    OTHER = "Other", _("other")


class Temperature(models.TextChoices):
    """How samples are stored."""

    ROOM = "RT", _("room temperature")
    COOL = "2to10", _("2 to 10 °C")
    COLD = "-18to-35", _("−18 to −35 °C")
    DEEP = "-60to-85", _("−60 to −85 °C")
    NITROGEN = "LN", _("liquid nitrogen")
    OTHER = "Other", _("other")


class Sex(models.TextChoices):
    """Sexes of the donors of a collection."""

    FEMALE = "Female", _("female")
    MALE = "Male", _("male")
    UNKNOWN = "Unknown", pgettext_lazy("sex", "unknown")
    UNDIFFERENTIATED = "Undifferentiated", _("undifferentiated")
    NONE = "NotApplicable", _("not applicable")


class AgeUnit(models.TextChoices):
    YEARS = "Years", _("years")
    MONTHS = "Months", _("months")
    WEEKS = "Weeks", _("weeks")
    DAYS = "Days", _("days")
    GESTATION = "GestationalWeeks", _("weeks of gestation")


class DatasetType(models.TextChoices):
    """What data there are about the donors and samples of a collection."""

    LIFESTYLE = "LifeStyle", _("lifestyle")
    ENVIRONMENT = "Environmental", _("environment")
    PHYSIOLOGY = "Physiological", _("physiology")
    BIOCHEMISTRY = "Biochemical", _("biochemistry")
    CLINICAL = "Clinical", _("clinical")
    PSYCHOLOGY = "Psychological", _("psychology")
    GENOME = "Genomic", _("genome")
    PROTEOME = "Proteomic", _("proteome")
    METABOLOME = "Metabolomic", _("metabolome")
    BODY_IMAGE = "BodyImage", _("images of the body")
    SLIDES = "WholeSlideImage", _("whole slide images")
    PHOTO = "PhotoImage", _("photographs")
    GENEALOGY = "GenealogicalRecords", _("genealogy")
    OTHER = "Other", _("other")


class SampleSource(models.TextChoices):
    HUMAN = "Human", _("human")
    ANIMAL = "Animal", _("animal")
    ENVIRONMENT = "Environment", _("environment")


class Setting(models.TextChoices):
    """On what occasion samples were taken."""

    ROUTINE = "RoutineHealthCare", _("routine health care")
    TRIAL = "ClinicalTrial", _("clinical trial")
    STUDY = "ResearchStudy", _("research study")
    PUBLIC = "Public", _("appeal to the public")
    MUSEUM = "Museum", _("museum")
    ENVIRONMENT = "Environment", _("environment")
    UNKNOWN = "Unknown", pgettext_lazy("setting", "unknown")
    OTHER = "Other", _("other")


class Design(models.TextChoices):
    """How a collection was planned."""

    CASE_CONTROL = "CaseControl", _("cases and controls")
    CROSS_SECTIONAL = "CrossSectional", _("cross-sectional")
    LONGITUDINAL = "LongitudinalCohort", _("longitudinal cohort")
    TWINS = "TwinStudy", _("study of twins")
    QUALITY = "QualityControl", _("quality control")
    POPULATION = "PopulationBasedCohort", _("population cohort")
    DISEASE = "DiseaseSpecificCohort", _("cohort of a disease")
    BIRTH = "BirthCohort", _("birth cohort")
    MICROBIAL = "MicrobialCollection", _("collection of microbes")
    REFERENCE = "ReferenceCollection", _("reference collection")
    RARE = "RareDiseaseCollection", _("collection of rare diseases")
    OTHER = "Other", _("other")


class Condition(models.TextChoices):
    """On what conditions a collection may be used."""

    COMMERCIAL = "CommercialUse", _("commercial use")
    COLLABORATION = "Collaboration", _("in collaboration only")
    SPECIFIC = "SpecificResearchUse", _("for specific research only")
    GENETIC = "GeneticDataUse", _("use of genetic data")
    OUTSIDE_EU = "OutsideEUAccess", _("access from outside the EU")
    XENOGRAFT = "Xenograft", _("xenografts")
    ANIMAL = "OtherAnimalWork", _("other work with animals")
    OTHER = "Other", _("other")


class Inclusion(models.TextChoices):
    """By what donors were chosen."""

    HEALTH = "HealthStatus", _("health status")
    HOSPITAL = "HospitalPatient", _("hospital patients")
    MEDICATION = "UseOfMedication", _("use of medication")
    GRAVIDITY = "Gravidity", _("pregnancy")
    AGE = "AgeGroup", _("age group")
    FAMILY = "FamilialStatus", _("family")
    SEX = "Sex", _("sex")
    COUNTRY = "CountryOfResidence", _("country of residence")
    ORIGIN = "EthnicOrigin", _("ethnic origin")
    REPRESENTATIVE = "PopulationRepresentative", _("representative of the population")
    LIFESTYLE = "Lifestyle", _("lifestyle")
    OTHER = "Other", _("other")


class Topic(models.TextChoices):
    """What the members of a network share."""

    CHARTER = "Charter", _("charter")
    SOP = "SOP", _("operating procedures")
    DATA_POLICY = "DataAccessPolicy", _("policy of access to data")
    SAMPLE_POLICY = "SampleAccessPolicy", _("policy of access to samples")
    MTA = "MTA", _("agreement on the transfer of material")
    IMAGE_POLICY = "ImageAccessPolicy", _("policy of access to images")
    IMAGE_MTA = "ImageMTA", _("agreement on the transfer of images")
    REPRESENTATION = "Representation", _("representation")
    URL = "URL", _("website")
    OTHER = "Other", _("other")


class Status(models.TextChoices):
    """Whether a collection or network still grows."""

    PLANNED = "planned", _("planned")
    ACTIVE = "active", pgettext_lazy("collection", "open to new samples")
    CLOSED = "closed", pgettext_lazy("collection", "closed to new samples")


class Standard(models.TextChoices):
    """Standards that a biobank or collection works by."""

    ISO_20387 = "ISO20387", "ISO 20387"
    ISO_9001 = "ISO9001", "ISO 9001"
    ISO_15189 = "ISO15189", "ISO 15189"
    OTHER = "Other", _("other")


class ServiceKind(models.TextChoices):
    STORAGE = "storage", _("storage")
    PROCESSING = "processing", _("processing")
    ANALYSIS = "analysis", _("analysis")
    COLLECTING = "collecting", _("collecting on request")
    DATA = "data", _("data")
    ADVICE = "advice", _("advice")


class ContactRole(models.TextChoices):
    """`hdab`: the health data access body that catalogues of health data must name."""

    OFFICE = "office", _("office")
    ACCESS = "access", _("access to samples and data")
    QUALITY = "quality", _("quality")
    HDAB = "hdab", _("health data access body")
