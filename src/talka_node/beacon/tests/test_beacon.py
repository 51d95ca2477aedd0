"""What a Beacon request asks of the node, what is answered, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import Mount

from talka_node.beacon import Entry, Page, Refused, Settings, Told, application
from talka_node.beacon.request import BadRequest, from_body, from_query
from talka_node.beacon.tests.client import TODAY, Client, Node, client
from talka_query.nodes import (
    Age,
    Ages,
    All,
    AskerKind,
    Born,
    Count,
    Diagnosis,
    InCohort,
    IsSex,
    LivesIn,
    Measurement,
    Medication,
    Not,
    Procedure,
    Purpose,
    Question,
    Sex,
    Specimen,
    Use,
    Variant,
    VariantIn,
    Window,
    Zygosity,
)
from talka_query.nodes import (
    Any as AnyOf,
)

pytestmark = pytest.mark.once

OPEN = Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC)
GENETIC = replace(OPEN, genetic=True)


def codes(*several: str) -> frozenset[str]:
    return frozenset(several)


def parts(path: str) -> tuple[Any, ...]:
    """The criteria that a GET is turned into."""
    node = Node()
    status, answer = client(node).get(path)
    assert status == 200, answer["error"]["errorMessage"]
    [(_, question)] = node.asked
    assert isinstance(question.such_that, All)
    return question.such_that.of


def said(path: str, **headers: str) -> tuple[int, str]:
    """Status and message of a refusal."""
    status, answer = client().get(path, **headers)
    return status, answer["error"]["errorMessage"]


# --- filters ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ("ICD10:C34.1", [Diagnosis(codes("C34.1"))]),
        ("icd-10:c34", [Diagnosis(codes("C34"))]),
        ("ICD10:C00-C97", [Diagnosis(codes("C00-C97"))]),
        ("ICD10:II", [Diagnosis(codes("II"))]),
        ("ICD10:C34,ICD10:E11", [Diagnosis(codes("C34")), Diagnosis(codes("E11"))]),
        ("ICD10:C34,ageOfOnset>=P50Y", [Diagnosis(codes("C34"), age=Ages(50, None))]),
        ("ICD10:C34,diagnosisDate=2018",
         [Diagnosis(codes("C34"), window=Window(date(2018, 1, 1), date(2018, 12, 31)))]),
        ("ATC:A10", [Medication(codes("A10"))]),
        ("NCIT:C16576", [IsSex(frozenset({Sex.FEMALE}))]),
        ("sex=male", [IsSex(frozenset({Sex.MALE}))]),
        ("sex!male", [IsSex(frozenset({Sex.FEMALE, Sex.OTHER, Sex.UNKNOWN}))]),
        ("age>=P50Y", [Age(Ages(50, None))]),
        ("age>50,age<70", [Age(Ages(51, 69))]),
        ("age=50", [Age(Ages(50, 50))]),
        ("birthDate<=1970-06", [Born(Window(None, date(1970, 6, 30)))]),
        ("birthDate>1970", [Born(Window(date(1971, 1, 1), None))]),
        ("birthDate<1970", [Born(Window(None, date(1969, 12, 31)))]),
        ("region=LV001", [LivesIn(codes("LV001"))]),
        ("region=LV%", [LivesIn(codes("LV001", "LV002"))]),
        ("region!LV%", [LivesIn(codes("XX1"))]),
        ("region:LV001", [LivesIn(codes("LV001"))]),
        ("cohort:lung", [InCohort("lung")]),
        ("cohort!lung", [Not(InCohort("lung"))]),
        ("cohort=%", [AnyOf((InCohort("heart"), InCohort("lung")))]),
        ("procedure:op-1", [Procedure(codes("op-1"))]),
        ("dataset:blood", [Specimen(collections=codes("blood"))]),
        ("LOINC:718-7", [Measurement("718-7")]),
        ("LOINC:718-7>=120", [Measurement("718-7", 120.0, None, "g/L")]),
        ("LOINC:718-7<12 g/dL", [Measurement("718-7", None, math.nextafter(120, 0), "g/L")]),
        ("LOINC:718-7=120 g/L", [Measurement("718-7", 120.0, 120.0, "g/L")]),
        ("MIABIS:Serum", [Specimen(types=codes("Serum"))]),
        ("SNOMED:119364003", [Specimen(types=codes("Serum"))]),
        ("sampleType=serum,collectionDate>=2018,storageTemperature=-60to-85,collection=blood,aliquots>1",
         [Specimen(codes("Serum"), Window(date(2018, 1, 1), None), codes("-60to-85"), codes(), codes("blood"), 2)]),
        ("MIABIS:Serum,MIABIS:Plasma,biobank:bb1",
         [Specimen(types=codes(each), biobanks=codes("bb1")) for each in ("Serum", "Plasma")]),
        ("ageAtCollection<P18Y", [Specimen(age=Ages(None, 17))]),
        ("ICD10:C34|ICD10:J44", [AnyOf((Diagnosis(codes("C34")), Diagnosis(codes("J44"))))]),
        ("ICD10:C34|sex=male,ICD10:E11",
         [Diagnosis(codes("E11")), AnyOf((Diagnosis(codes("C34")), IsSex(frozenset({Sex.MALE}))))]),
        ("!ICD10:C34", [Not(Diagnosis(codes("C34")))]),
        ("!cohort!lung", [Not(Not(InCohort("lung")))]),
        ("ICD10:C34|!sampleType=Serum",
         [AnyOf((Diagnosis(codes("C34")), Not(Specimen(types=codes("Serum")))))]),
        ("age>=50|!age<P20Y", [AnyOf((Age(Ages(50, None)), Not(Age(Ages(None, 19)))))]),
        ("MIABIS:Serum|sampleType=Plasma,collection=blood",
         [Specimen(types=codes("Serum", "Plasma"), collections=codes("blood"))]),
        ("sampleType=Serum,!sampleType=Plasma",
         [Not(Specimen(types=codes("Plasma"))), Specimen(types=codes("Serum"))]),
    ],
)  # fmt: skip
def test_filters_become_criteria(filters: str, expected: list[Any]) -> None:
    assert list(parts(f"/individuals?filters={filters}")) == expected


def test_filters_of_a_post_say_more() -> None:
    node = Node()
    asked = [
        {"id": "ICD10:C34", "includeDescendantTerms": False, "similarity": "exact", "scope": "individual"},
        {"id": "age", "operator": "<=", "value": "P70Y", "scope": "individuals"},
        {"id": "aliquots", "operator": ">=", "value": 2},
    ]
    client(node).post("/individuals", {"filters": asked})
    such_that = All((Age(Ages(None, 70)), Diagnosis(codes("C34"), False), Specimen(aliquots=2)))
    assert node.asked == [(Entry.INDIVIDUAL, Question(OPEN, such_that, TODAY))]


@pytest.mark.parametrize(
    ("filters", "why"),
    [
        ("ICD9:162", "filter: there is no filter `ICD9:162`; is `ICD10:` meant?"),
        ("C34", "filter: there is no filter `C34`; is `ICD10:C34` meant?"),
        ("agee>=50", "filter: there is no filter `agee`; is `age` meant?"),
        ("zzz", "filter: there is no filter `zzz`; see /filtering_terms"),
        ("age", "filter age: an operator and a value belong to it, as in age>=P50Y"),
        ("age>=fifty", "filter age: complete years are right, as in P50Y"),
        ("age!50", "filter age: one of = < > <= >= is right; ! would leave two ranges"),
        ("age>70,age<50", "filter age: no age fits all of them"),
        ("birthDate>=2018-13", "filter birthDate: a year, month or day is right, as in 2018, 2018-05, 2018-05-31"),
        ("birthDate>2000,birthDate<1990", "filter birthDate: no day fits all of them"),
        ("sex>male", "filter sex: = or ! is right, for it has no order"),
        ("sex=mael", "filter sex: there is no value `mael`; is `male` meant?"),
        ("NCIT:C16576,sex=male", "filter sex: nothing fits all of them"),
        ("region=LV003", "filter region: there is no value `LV003`; is `LV002` meant?"),
        ("region=EE%", "filter region: nothing looks like `EE%`; see /filtering_terms"),
        ("NCIT:C16577", "filter: there is no term `NCIT:C16577`; is `NCIT:C16576` meant?"),
        ("cohort:lungs", "filter cohort: there is no value `lungs`; is `lung` meant?"),
        ("dataset:bloot", "filter: there is no dataset `bloot`; is `blood` meant?"),
        ("LOINC:718-8", "filter LOINC:718-8: this node keeps no such measurements; the nearest is LOINC:718-7"),
        ("LOINC:718-7>=much", "filter LOINC:718-7: a number and its unit are right, as in 120 g/L"),
        ("ICD10:C34>=3", "filter ICD10:C34: a term stands alone, without operator and value"),
        ("ageOfOnset>=50",
         "filter ageOfOnset: it belongs to exactly one diagnosis, such as ICD10:C34; there are 0 among the filters"),
        ("GENO:0000136", "filter GENO: zygosity belongs to a variant; the request's parameters name none"),
        ("MIABIS:Serun", "filter MIABIS:Serun: sample type 'Serun' is not known; the nearest known is 'Serum'"),
        ("aliquots<3", "filter aliquots: > or >= and a whole number are right"),
    ],
)  # fmt: skip
def test_filters_that_are_refused(filters: str, why: str) -> None:
    assert said(f"/individuals?filters={filters}") == (400, why)


def test_a_unit_of_something_else_is_refused() -> None:
    status, why = said("/individuals?filters=LOINC:718-7>=120 mm[Hg]")
    assert (status, why.startswith("filter LOINC:718-7: unit 'mm[Hg]' cannot be turned into 'g/L'")) == (
        400,
        True,
    )


def test_samples_are_counted_as_the_filters_describe_them() -> None:
    node = Node()
    client(node).get("/biosamples?filters=MIABIS:Serum,NCIT:C20197")
    serum = Specimen(types=codes("Serum"))
    such_that = All((IsSex(frozenset({Sex.MALE})), serum))
    assert node.asked == [(Entry.BIOSAMPLE, Question(OPEN, such_that, TODAY, Count.SAMPLES, serum))]
    refused = "filter sampleType: one sample is of one type; ask for each type by itself"
    assert said("/biosamples?filters=MIABIS:Serum,MIABIS:Plasma") == (400, refused)


# --- paths ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "entry", "expected"),
    [
        ("/individuals", Entry.INDIVIDUAL, []),
        ("/biosamples", Entry.BIOSAMPLE, [Specimen()]),
        ("/cohorts/lung/individuals", Entry.INDIVIDUAL, [InCohort("lung")]),
        ("/cohorts/lung/biosamples", Entry.BIOSAMPLE, [InCohort("lung"), Specimen()]),
        ("/datasets/blood/individuals", Entry.INDIVIDUAL, [Specimen(collections=codes("blood"))]),
        ("/datasets/blood/biosamples?filters=MIABIS:Serum", Entry.BIOSAMPLE,
         [Specimen(types=codes("Serum"), collections=codes("blood"))]),
        ("/datasets/blood/g_variants?geneId=BRCA1", Entry.VARIANT,
         [Specimen(collections=codes("blood")), VariantIn("BRCA1")]),
        ("/g_variants/17-43045703-G-A", Entry.VARIANT, [Variant("17", 43045703, "G", "A")]),
        ("/g_variants/17-43045703-G-A/individuals/", Entry.INDIVIDUAL, [Variant("17", 43045703, "G", "A")]),
    ],
)  # fmt: skip
def test_paths_narrow_the_question(path: str, entry: Entry, expected: list[Any]) -> None:
    node = Node()
    assert client(node).get(path)[0] == 200
    [(asked, question)] = node.asked
    assert (asked, question.such_that) == (entry, All(tuple(expected)))


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/genomicVariations", "there is no /genomicVariations here; is /g_variants meant?"),
        ("/individual", "there is no /individual here; is /individuals meant?"),
        ("/individuals/x/variants", "there is no /individuals/…/variants here; is /individuals/…/g_variants meant?"),
        ("/runs/x/individuals", "there is no such path here; below /runs/{id} there are g_variants, analyses"),
        ("/q",
         ("there is no such path here; there are /individuals, /biosamples, /cohorts, /datasets, /g_variants, /runs, "
          "/analyses, /info, /service-info, /configuration, /entry_types, /map, /filtering_terms")),
        ("/datasets/bloot", "there is no dataset `bloot`; is `blood` meant?"),
    ],
)  # fmt: skip
def test_unknown_paths_name_the_right_one(path: str, why: str) -> None:
    assert said(path) == (404, why)


def test_only_get_and_post() -> None:
    made = client()
    status, answer = made.send("DELETE", "/individuals", b"", {})
    why = "DELETE is not answered here; GET and POST are"
    assert (status, answer["error"]) == (405, {"errorCode": 405, "errorMessage": why})
    assert made.headers["allow"] == "GET, POST"


# --- variants ---------------------------------------------------------------------------------------------

EXACT = Variant("17", 43045703, "G", "A")


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ("referenceName=17&start=43045702&referenceBases=G&alternateBases=a", EXACT),
        ("referenceName=chr17&start=43045702&referenceBases=G&alternateBases=A&assemblyId=GRCh38.p14", EXACT),
        ("referenceName=NC_000017.11&start=43045702&referenceBases=G&alternateBases=A", EXACT),
        ("genomicAlleleShortForm=NC_000017.11:g.43045703G>A", EXACT),
        ("referenceName=X&start=99&end=200", VariantIn(None, "X", 100, 200)),
        ("geneId=BRCA1", VariantIn("BRCA1")),
        ("geneId=BRCA1&referenceName=17&start=0&end=10", VariantIn("BRCA1", "17", 1, 10)),
        ("referenceName=23", VariantIn(None, "X")),
        ("geneId=BRCA1&filters=GENO:0000136", VariantIn("BRCA1", zygosity=Zygosity.HOMOZYGOUS)),
    ],
)
def test_variant_queries(parameters: str, expected: Any) -> None:
    node = Node()
    assert client(node).get(f"/g_variants?{parameters}")[0] == 200
    assert node.asked == [(Entry.VARIANT, Question(GENETIC, All((expected,)), TODAY))]


def test_variant_parameters_of_a_post_with_and_without_their_wrapping() -> None:
    node = Node()
    flat = {"referenceName": "17", "start": [43045702], "referenceBases": "G", "alternateBases": "A"}
    for told in (flat, {"g_variant": flat}, flat | {"start": 43045702}):
        client(node).post("/individuals", {"requestParameters": told})
    assert node.asked == [(Entry.INDIVIDUAL, Question(GENETIC, All((EXACT,)), TODAY))] * 3


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ("start=1&end=2", "referenceName is missing; right is a chromosome such as 17, chr17 or NC_000017.11"),
        ("referenceName=17&start=1",
         "a range has start and end; an exact variant has start, referenceBases and alternateBases"),
        ("referenceName=17&start=1&alternateBases=A",
         "referenceBases is missing; an exact variant has start, referenceBases and alternateBases"),
        ("referenceName=17&start=1&referenceBases=G&alternateBases=N",
         "alternateBases: bases A, C, G, T as in a VCF are right; wildcards are not looked up"),
        ("referenceName=17&start=5&end=5",
         "end: lies behind start, which counts from 0 and is itself included; end is not"),
        ("referenceName=17&start=0&end=3000000", "start, end: a range of at most 2000000 bases is right"),
        ("referenceName=17&start=1,2&end=3,4",
         "start, end: two positions each ask for structural variants with fuzzy ends, of which this node keeps none"),
        ("referenceName=17&start=1,2,3", "start: one position, or two for a bracket, are right"),
        ("referenceName=17&start=x", "start: a whole number, 0 or more, is right"),
        ("referenceName=27", "referenceName: a chromosome of GRCh38 is right, such as 17, chr17 or NC_000017.11"),
        ("referenceName=NC_000017.10",
         "referenceName: a chromosome of GRCh38 is right, such as 17, chr17 or NC_000017.11"),
        ("geneId=BRCA1&assemblyId=GRCh37", "assemblyId: this node counts positions on GRCh38"),
        ("geneId=BRCA1&aminoacidChange=V600E",
         ("aminoacidChange: this node keeps variants by their bases and knows no protein changes; ask by "
          "position or gene")),
        ("geneId=BRCA1&variantType=DUP",
         ("variantType: this node keeps exact alleles, without types; ask by referenceBases and "
          "alternateBases, or a range")),
        ("genomicAlleleShortForm=NC_000017.11:g.1del",
         "genomicAlleleShortForm: a substitution is right, such as NC_000017.11:g.43045703G>A"),
        ("filters=NCIT:C16576", "g_variants: filters need a variant to go with; name one, a range or a gene"),
    ],
)  # fmt: skip
def test_variant_queries_that_are_refused(parameters: str, why: str) -> None:
    assert said(f"/g_variants?{parameters}") == (400, why)


@pytest.mark.parametrize(
    ("path", "exists"),
    [
        ("/g_variants", True),
        ("/datasets/blood/g_variants", True),
        ("/datasets/cancer/g_variants", False),
        ("/cohorts/lung/g_variants", False),
        ("/g_variants/rs123", False),
        ("/g_variants/rs123/individuals", False),
    ],
)
def test_what_is_published_of_variants_is_no_question(path: str, exists: bool) -> None:
    node = Node()
    assert client(node).get(path)[1]["responseSummary"] == {"exists": exists}
    assert node.asked == []


# --- answers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "granularity", "returned", "summary"),
    [
        (Told(True, 35), "", "boolean", {"exists": True}),
        (Told(True, 35), "boolean", "boolean", {"exists": True}),
        (Told(True, 35), "count", "count", {"exists": True, "numTotalResults": 35}),
        (Told(False, 0), "count", "count", {"exists": False, "numTotalResults": 0}),
        (Told(True), "count", "boolean", {"exists": True}),
    ],
)
def test_granularity(told: Told, granularity: str, returned: str, summary: dict[str, Any]) -> None:
    asked = f"?requestedGranularity={granularity}" if granularity else ""
    _, answer = client(Node(told)).get(f"/individuals{asked}")
    assert (answer["meta"]["returnedGranularity"], answer["responseSummary"]) == (returned, summary)
    assert "info" not in answer


def test_how_an_answer_is_to_be_read_stands_beside_it() -> None:
    told = Told(True, 35, 10, 4, ("age: 50 to 74 instead of 51 to 73",))
    _, answer = client(Node(told)).get("/individuals")
    assert answer["info"] == {"minimumCell": 10, "within": 4, "moved": ["age: 50 to 74 instead of 51 to 73"]}


def test_what_the_node_has_none_of_is_said_without_asking() -> None:
    node = Node()
    assert client(node).get("/runs?requestedGranularity=count")[1]["responseSummary"] == {
        "exists": False,
        "numTotalResults": 0,
    }
    assert node.asked == []


def test_the_answer_repeats_what_was_understood() -> None:
    _, answer = client().get(
        "/individuals?filters=age>=50,ICD10:C34&skip=2&limit=5&requestedGranularity=count"
    )
    assert answer["meta"]["receivedRequestSummary"] == {
        "apiVersion": "v2.0.0",
        "requestedSchemas": [],
        "pagination": {"skip": 2, "limit": 5},
        "requestedGranularity": "count",
        "includeResultsetResponses": "HIT",
        "testMode": False,
        "filters": ["age>=50", "ICD10:C34"],
    }


def test_where_to_apply_is_told_where_there_is_something() -> None:
    access = "https://paraugs.example/access"
    _, hit = client(Node(Told(True)), access=access).get("/individuals")
    _, miss = client(Node(Told(False)), access=access).get("/individuals")
    assert [each["url"] for each in hit["beaconHandovers"]] == [access]
    assert "beaconHandovers" not in miss


def test_groups_are_public_and_filters_choose_among_them() -> None:
    node = Node()
    _, answer = client(node).get("/cohorts")
    assert [each["id"] for each in answer["response"]["collections"]] == ["lung", "heart"]
    assert node.asked == []
    _, answer = client(node).get("/datasets?filters=sex=male&limit=1&skip=1")
    assert [each["id"] for each in answer["response"]["collections"]] == ["cancer"]
    assert answer["responseSummary"] == {"exists": True, "numTotalResults": 2}
    male = IsSex(frozenset({Sex.MALE}))
    asked = [All((Specimen(collections=codes(each)), male)) for each in ("blood", "cancer")]
    assert [question.such_that for _, question in node.asked] == asked


def test_filtering_terms_by_entry_and_page() -> None:
    terms = client().get("/filtering_terms")[1]["response"]["filteringTerms"]
    of_samples = client().get("/biosamples/filtering_terms")[1]["response"]["filteringTerms"]
    assert of_samples == [each for each in terms if "biosample" in each["scopes"]]
    page = client().get("/filtering_terms?skip=1&limit=3")[1]["response"]["filteringTerms"]
    assert page == terms[3:6]
    assert len({each["id"] for each in terms}) == len(terms)


def test_every_term_that_is_offered_is_understood() -> None:
    for each in client().get("/filtering_terms")[1]["response"]["filteringTerms"]:
        told = each["id"]
        if each["type"] == "alphanumeric":
            told = (
                each["label"]
                if "values" not in each and ":" not in told
                else f"{told}={each.get('values', ['1'])[0]}"
            )
        path = (
            "/g_variants?geneId=BRCA1&filters="
            if "genomicVariant" in each["scopes"]
            else "/individuals?filters="
        )
        with_diagnosis = ",ICD10:C34" if each["id"] in ("ageOfOnset", "diagnosisDate") else ""
        assert client().get(path + told + with_diagnosis)[0] == 200, each


def test_the_map_holds_absolute_addresses() -> None:
    sets = client().get("/map")[1]["response"]["endpointSets"]
    assert sets["run"]["endpoints"]["analysis"]["url"] == "http://127.0.0.1:5050/runs/{id}/analyses"
    public = client(address="https://beacon.paraugs.example/api/").get("/map")[1]["response"]["endpointSets"]
    assert public["run"]["rootUrl"] == "https://beacon.paraugs.example/api/runs"


# --- records ----------------------------------------------------------------------------------------------

ONE = Page(12, ({"id": "p-1", "sex": {"id": "NCIT:C16576"}},))


def test_records_need_a_visa() -> None:
    no_visa = (
        "records are given only to holders of a visa for the dataset, sent as `Authorization: Bearer …`; "
        "ask for requestedGranularity boolean or count"
    )
    made = client(Node(page=ONE))
    status, answer = made.get("/individuals?requestedGranularity=record")
    assert (status, answer["error"]["errorMessage"]) == (401, no_visa)
    assert made.headers["www-authenticate"] == "Bearer"
    assert said("/individuals/p-1?requestedGranularity=record") == (401, no_visa)
    assert said("/individuals", authorization="Bearer cilda") == (401, "the visa is not one of ours")
    bruno = said("/individuals?requestedGranularity=record", authorization="Bearer bruno")
    assert bruno == (403, "the visa opens none of the datasets asked for")


def test_one_persons_id_tells_nothing_without_a_visa() -> None:
    node = Node()
    for path in ("/individuals/p-1", "/biosamples/s-1/g_variants", "/runs/r-1?requestedGranularity=count"):
        status, answer = client(node).get(path)
        assert (status, answer["responseSummary"]) == (200, {"exists": False})
        assert answer["info"]["note"].startswith("one person is fewer than may be told")
    assert (node.asked, node.pages) == ([], [])


def test_records_of_the_datasets_that_the_visa_opens() -> None:
    node = Node(page=ONE)
    status, answer = client(node).get(
        "/individuals?requestedGranularity=record&filters=sex=female&skip=1&limit=5",
        authorization="Bearer anna",
    )
    such_that = All((Specimen(collections=codes("blood")), IsSex(frozenset({Sex.FEMALE}))))
    assert node.pages == [(Entry.INDIVIDUAL, Question(OPEN, such_that, TODAY), "blood", None, slice(5, 10))]
    assert (status, answer["responseSummary"]) == (200, {"exists": True, "numTotalResults": 12})
    assert answer["response"]["resultSets"] == [
        {
            "id": "blood",
            "setType": "dataset",
            "exists": True,
            "resultsCount": 12,
            "results": list(ONE.documents),
        }
    ]


@pytest.mark.parametrize(
    ("total", "include", "shown"),
    [
        (12, "ALL", 1), (12, "HIT", 1), (12, "MISS", 0), (12, "NONE", 0),
        (0, "ALL", 1), (0, "HIT", 0), (0, "MISS", 1), (0, "NONE", 0),
    ],
)  # fmt: skip
def test_which_result_sets_are_shown(total: int, include: str, shown: int) -> None:
    path = f"/individuals?requestedGranularity=record&includeResultsetResponses={include}"
    _, answer = client(Node(page=Page(total, ()))).get(path, authorization="Bearer anna")
    assert len(answer["response"]["resultSets"]) == shown
    assert answer["responseSummary"] == {"exists": total > 0, "numTotalResults": total}


def test_what_belongs_to_one_entry() -> None:
    node = Node(page=ONE)
    made = client(node)
    made.get("/individuals/p-1/biosamples?requestedGranularity=record", authorization="Bearer anna")
    _, counted = made.get(
        "/individuals/p-1/biosamples?requestedGranularity=count", authorization="Bearer anna"
    )
    assert [(entry, of) for entry, _, _, of, _ in node.pages] == [
        (Entry.BIOSAMPLE, (Entry.INDIVIDUAL, "p-1"))
    ] * 2
    assert counted["responseSummary"] == {"exists": True, "numTotalResults": 12}


def test_another_dataset_than_the_visas() -> None:
    path = "/datasets/cancer/individuals?requestedGranularity=record"
    assert said(path, authorization="Bearer anna")[0] == 403


# --- bad requests -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/individuals?filter=age>50", "there is no parameter `filter`; is `filters` meant?"),
        ("/individuals?limit=-1", "limit: a whole number, 0 or more, is right"),
        ("/individuals?skip=one", "skip: a whole number, 0 or more, is right"),
        ("/individuals?requestedGranularity=all", "requestedGranularity: one of boolean, count, record is right"),
        ("/individuals?includeResultsetResponses=SOME",
         "includeResultsetResponses: one of ALL, HIT, MISS, NONE is right"),
        ("/individuals?testMode=maybe", "testMode: true or false is right"),
        ("/individuals?apiVersion=v1.1", "apiVersion: this is a Beacon v2.0.0"),
        ("/individuals?requestedSchema=ga4gh-beacon-individual-v2.1.0",

         ("requestedSchemas: there is no schema `ga4gh-beacon-individual-v2.1.0`; is "
          "`ga4gh-beacon-individual-v2.0.0` meant?")),
        ("/individuals?filters=" + ",".join(["age>1"] * 51), "51 filters; one request takes at most 50"),
    ],
)  # fmt: skip
def test_bad_parameters(path: str, why: str) -> None:
    assert said(path) == (400, why)


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        (b"{", 400, "the body is not JSON: unexpected end of data: line 1 column 2 (char 1)"),
        (b"[]", 400, "the body: a JSON object is right"),
        (b" " * 300_000, 413, "the body is longer than 262144 bytes"),
        ({"qery": {}}, 400, "the body: there is no element `qery`; is `query` meant?"),
        ({"query": {"filter": []}}, 400, "query: there is no element `filter`; is `filters` meant?"),
        ({"query": {"filters": {}}}, 400, "query.filters: a list is right"),
        ({"query": {"filters": [{"id": 1}]}}, 400, "query.filters[0].id: text is right, such as ICD10:C34"),
        ({"query": {"filters": [{"id": "age", "operator": "~", "value": "1"}]}}, 400,
         "query.filters[0].operator: one of = < > ! <= >= is right"),
        ({"query": {"filters": [{"id": "age", "operator": ">"}]}}, 400,
         "query.filters[0].value: text is right, such as P50Y"),
        ({"query": {"filters": [{"id": "sex", "operator": "=", "value": "male", "similarity": "high"}]}}, 400,
         "filter sex: only exact is known as its similarity; ICD10 and ATC have others"),
        ({"query": {"filters": [{"id": "ICD10:C34", "similarity": "near"}]}}, 400,
         "query.filters[0].similarity: one of exact, high, medium, low is right"),
        ({"query": {"filters": [{"id": "ICD10:C34", "similarity": "low", "includeDescendantTerms": False}]}}, 400,
         "filter ICD10:C34: what is similar lies below a common term, so descendants are needed"),
        ({"query": {"filters": [[]]}}, 400,
         "query.filters[0]: a list in place of a filter says which ones are enough; it is empty"),
        ({"query": {"filters": [[{"id": "ICD10:C34"}, [{"id": "ICD10:C34"}]]]}}, 400,
         "query.filters[0][1]: a JSON object is right"),
        ({"query": {"filters": [{"id": "ICD10:C34", "excluded": 1}]}}, 400,
         "query.filters[0].excluded: true or false is right"),
        ({"query": {"filters": [{"id": "ICD10:C34", "scope": "biosample"}]}}, 400,
         "filter ICD10:C34: its scope is individual"),
        ({"query": {"filters": [{"id": "ICD10:II", "includeDescendantTerms": False}]}}, 400,
         "filter ICD10:II: a chapter or range is never coded itself, only what is below"),
        ({"query": {"pagination": {"currentPage": "x"}}}, 400,
         "query.pagination.currentPage: pages are asked for by skip and limit here"),
        ({"meta": {"apiVersion": "1.0"}}, 400, "apiVersion: this is a Beacon v2.0.0"),
    ],
)  # fmt: skip
def test_bad_bodies(body: Any, status: int, why: str) -> None:
    got, answer = client().post("/individuals", body=body)
    assert (got, answer["error"]) == (status, {"errorCode": status, "errorMessage": why})


def test_a_node_that_refuses_is_repeated() -> None:
    status, answer = client(Node(refusal=Refused("two hundred questions a day are enough", 429))).get(
        "/individuals"
    )
    assert (status, answer["error"]["errorMessage"]) == (429, "two hundred questions a day are enough")


def test_a_node_that_fails_tells_nothing() -> None:
    class Broken(Node):
        async def ask(self, entry: Entry, question: Question) -> Told:
            raise RuntimeError("a secret")

    made = client(Broken())
    status, answer = made.get("/individuals")
    assert (status, answer["error"]["errorMessage"]) == (500, "the node could not answer; its log says why")
    assert str(made.failure) == "a secret"  # goes on to the server, which logs it


def test_it_may_be_mounted_below_a_path() -> None:
    beacon = application(Node(), Settings(today=lambda: TODAY))
    made = Client(Starlette(routes=[Mount("/beacon", beacon)]))
    sets = made.get("/beacon/map")[1]["response"]["endpointSets"]
    assert sets["run"]["rootUrl"] == "http://127.0.0.1:5050/beacon/runs"
    status, answer = made.get("/beacon/samples")
    assert (status, answer["error"]["errorMessage"]) == (
        404,
        "there is no /samples here; is /biosamples meant?",
    )
    assert made.get("/beacon/individuals?filters=sex=male")[0] == 200


@pytest.mark.parametrize(
    ("code", "high", "medium", "low"),
    [
        ("ICD10:C34.1", Diagnosis(codes("C34")), Diagnosis(codes("C30-C39")), Diagnosis(codes("II"))),
        ("ICD10:C34", Diagnosis(codes("C34")), Diagnosis(codes("C30-C39")), Diagnosis(codes("II"))),
        ("ICD10:C00-C97", *[Diagnosis(codes("C00-C97"))] * 3),
        ("ATC:A10BA02", Medication(codes("A10BA")), Medication(codes("A10B")), Medication(codes("A10"))),
        ("ATC:A10", *[Medication(codes("A"))] * 3),
    ],
)  # fmt: skip
def test_similar_terms(code: str, high: Any, medium: Any, low: Any) -> None:
    for similarity, expected in (("high", high), ("medium", medium), ("low", low)):
        node = Node()
        status, _ = client(node).post("/individuals", {"filters": [{"id": code, "similarity": similarity}]})
        assert (status, node.asked[0][1].such_that) == (200, All((expected,)))


def test_groups_and_exclusions_by_post_are_those_by_get() -> None:
    one, other = Node(), Node()
    filters = [
        [{"id": "ICD10:C34"}, {"id": "ICD10:E11", "excluded": True}],
        {"id": "sex", "operator": "=", "value": "male", "excluded": True},
    ]
    status, answer = client(one).post("/individuals", {"filters": filters})
    assert (status, client(other).get("/individuals?filters=ICD10:C34|!ICD10:E11,!sex=male")[0]) == (200, 200)
    assert one.asked == other.asked
    assert answer["meta"]["receivedRequestSummary"]["filters"] == ["ICD10:C34|!ICD10:E11", "!sex=male"]


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/biosamples?filters=!sampleType=Serum",
         ("filter sampleType: in a group or excluded it is about persons, and biosamples are asked for; of samples, a"
          " group of their types is understood")),
        ("/individuals?filters=ICD10:C34|", "filters: between, before or after | a filter is missing"),
        ("/g_variants?geneId=BRCA1&filters=GENO:0000136|sex=male",
         "filter GENO:0000136: it belongs to the variant, so it stands in no group and is not excluded"),
        ("/individuals?filters=" + "|".join(["sex=male"] * 51), "51 filters; one request takes at most 50"),
    ],
)  # fmt: skip
def test_groups_that_mean_nothing(path: str, why: str) -> None:
    assert said(path) == (400, why)


def test_samples_of_either_type_are_counted() -> None:
    node = Node()
    assert client(node).get("/biosamples?filters=sampleType=Serum|SNOMED:119361006")[0] == 200
    [(_, asked)] = node.asked
    assert asked.samples == Specimen(types=codes("Serum", "Plasma"))


WORDS = st.sampled_from(
    ["ICD10:", "C34.1", "age", "sex", "=", ">=", "!", "%", "P50Y", "LOINC:718-7", "120", " g/L", "cohort:", "lung", ",",
     "sampleType", "Serum", "collectionDate", "2018-02", "GENO:0000136", "dataset:", "blood", ":", "aliquots", "x", "-",
     "|", "ICD10:E11"]
)  # fmt: skip


@given(st.lists(WORDS, max_size=8), st.sampled_from(["individuals", "biosamples", "g_variants", "datasets"]))
def test_any_filters_are_answered_or_refused(words: list[str], path: str) -> None:
    made = client()
    status, answer = made.post(
        f"/{path}", {"filters": [{"id": each} for each in "".join(words).split(",") if each]}
    )
    got, _ = made.get(f"/{path}?filters={quote(''.join(words))}")
    assert ({status, got} <= {200, 400}, made.failure) == (True, None), answer


@given(st.text(max_size=60))
def test_any_query_is_a_request_or_refused(text: str) -> None:
    for name in ("filters", "start", "limit", "requestedSchemas"):
        try:
            from_query([(name, text)])
        except BadRequest as why:
            assert why.status == 400


@given(st.binary(max_size=60))
def test_any_body_is_a_request_or_refused(raw: bytes) -> None:
    try:
        from_body(raw)
    except BadRequest as why:
        assert why.status == 400
