"""Records by visa, of a real node: who, what of them, under which permit, and what the journal says of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from talka_node import extracts, journal
from talka_node.beacon.answers import NodeSource, Reading
from talka_node.beacon.source import Entry, Refused
from talka_node.beacon.tests.client import Client, client
from talka_node.consent.feed import sealed
from talka_node.hub import Hub
from talka_node.node import Node
from talka_node.permits import PERMIT as PERMIT_ENVELOPE
from talka_node.tests.hospital import RESEARCH, START, Clock, question
from talka_node.tests.study import PERMIT, permitting, study
from talka_node.visas import Clearing, Grant, Trust
from talka_node.visas.names import Names
from talka_node.visas.tests.issuing import DATASETS, Issuing
from talka_query import wire
from talka_query.nodes import Diagnosis, IsSex, Sex

pytestmark = pytest.mark.once

IN_BB1 = [n for n in range(30) if n < 20 or n % 2 == 0]  # serum of the first twenty, DNA of the even ones
LUNGS = [n for n in IN_BB1 if n % 3 == 0]
VARIANT = "17-43045703-G-A"


@dataclass
class Setting:
    node: Node
    hub: Issuing
    beacon: Client

    def get(self, path: str, token: str | None = None, **claim: Any) -> tuple[int, Any]:
        """With a visa for bb-1, under a permit if its claim is given."""
        joint = "&" if "?" in path else "?"
        token = token or self.hub.visa(**(permitting(**claim) if claim else {}))
        return self.beacon.get(f"{path}{joint}requestedGranularity=record", authorization=f"Bearer {token}")

    def told(self, path: str, token: str | None = None, **claim: Any) -> list[Any]:
        """The records of the one result set."""
        status, answer = self.get(f"{path}{'&' if '?' in path else '?'}limit=0", token, **claim)
        assert status == 200, answer["error"]["errorMessage"]
        [found] = answer["response"]["resultSets"]
        assert found["resultsCount"] == len(found["results"]) == answer["responseSummary"]["numTotalResults"]
        return list(found["results"])

    def refused(self, path: str, token: str | None = None, **claim: Any) -> tuple[int, str]:
        status, answer = self.get(path, token, **claim)
        return status, answer["error"]["errorMessage"]

    def entries(self, kind: str) -> list[Any]:
        self.node.journal.append("looked", b"{}")  # what was put in before is on disk when this is
        return [each.read() for each in journal.entries(self.node.path / "journal") if each.kind == kind]

    def holder(self, **claim: Any) -> str:
        """What names are made for: the permit, or the holder of a visa without one."""
        clearing = Clearing(Trust(self.node.path / "visas"), DATASETS, lambda: START)
        return PERMIT.permit if claim else clearing.admit(self.hub.visa()).holder

    def numbers(self, named: list[Any], of: str = "id", **claim: Any) -> list[int]:
        """The patients behind the names of donors."""
        names = Names.of(self.node.path, self.holder(**claim))
        with self.node.store.connect() as link:
            known = dict(link.execute("SELECT donor, source FROM donors").fetchall())
        return sorted(
            int(known[int(names.read("donor", each[of]) or "-1")].rpartition("p")[2]) for each in named
        )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Issuing]:
    """The study once, closed: each test opens a copy."""
    place = tmp_path_factory.mktemp("study")
    node, hub = study(place / "node")
    node.close()
    return place, hub


@pytest.fixture
def setting(made: tuple[Path, Issuing], tmp_path: Path) -> Iterator[Setting]:
    shutil.copytree(made[0], tmp_path / "copy")
    hub = replace(made[1], made=0)
    with Node(tmp_path / "copy" / "node", clock=Clock()) as node:
        clearing = Clearing(Trust(node.path / "visas"), DATASETS, lambda: START)
        yield Setting(node, hub, client(NodeSource(node, clearing)))


# --- what is told -----------------------------------------------------------------------------------------


def test_individuals_of_the_dataset(setting: Setting) -> None:
    found = setting.told("/individuals")
    assert setting.numbers(found) == IN_BB1
    [one] = [each for each in found if setting.numbers([each]) == [3]]
    assert one["sex"] == {"id": "NCIT:C16576", "label": "female"}
    assert one["diseases"] == [
        {"diseaseCode": {"id": "ICD10:C34.1"}, "ageOfOnset": {"iso8601duration": "P51Y"}},
        {"diseaseCode": {"id": "ICD10:E11.9"}},
    ]
    assert one["info"] == {"cohorts": ["lungs"]}


def test_filters_apply(setting: Setting) -> None:
    assert setting.numbers(setting.told("/individuals?filters=ICD10:C34")) == LUNGS
    assert setting.told("/individuals?filters=sex=male&includeResultsetResponses=ALL") == []


def test_biosamples_are_those_of_the_dataset(setting: Setting) -> None:
    found = setting.told("/biosamples")
    assert sorted(each["info"]["collection"] for each in found) == ["bb-1"] * (20 + 15)
    assert len(setting.told("/biosamples?filters=sampleType=DNA")) == 15
    assert setting.numbers(setting.told("/cohorts/lungs/biosamples"), "individualId") == sorted(
        [n for n in LUNGS if n < 20] + [n for n in LUNGS if n % 2 == 0]
    )


def test_variants_with_the_carriers_whose_sample_was_read(setting: Setting) -> None:
    found = {each["variantInternalId"]: each for each in setting.told("/g_variants")}
    assert sorted(found) == ["1-55039974-G-T", VARIANT]
    cases = found[VARIANT]["caseLevelData"]
    assert setting.numbers(cases, "individualId") == [0, 6, 12, 18, 24]
    assert {each["zygosity"]["label"] for each in cases} == {"homozygous"}
    assert setting.numbers(setting.told(f"/g_variants/{VARIANT}/individuals")) == LUNGS
    assert len(setting.told(f"/g_variants/{VARIANT}")) == 1
    assert [each["variantInternalId"] for each in setting.told("/g_variants?referenceName=1")] == [
        "1-55039974-G-T"
    ]


def test_runs_and_analyses_are_what_the_catalogue_states(setting: Setting) -> None:
    runs, analyses = setting.told("/runs"), setting.told("/analyses")
    assert setting.numbers(runs, "individualId") == [n for n in range(30) if n % 2 == 0]
    assert {(each["runDate"], each["libraryStrategy"], each["platform"]) for each in runs} == {
        ("2024-01-15", "WGS", "Invented")
    }
    assert {each["runId"] for each in analyses} == {each["id"] for each in runs}
    assert {each["pipelineName"] for each in analyses} == {"invented 1.0"}
    assert setting.numbers(setting.told(f"/g_variants/{VARIANT}/runs"), "individualId") == [0, 6, 12, 18, 24]


def test_a_dataset_that_was_not_sequenced_has_no_runs(setting: Setting) -> None:
    token = setting.hub.visa(f"{DATASETS}bb-2")
    assert setting.told("/runs?includeResultsetResponses=ALL", token) == []
    assert "caseLevelData" not in setting.told("/g_variants", token)[0]


def test_what_belongs_to_one_entry(setting: Setting) -> None:
    [one] = [each for each in setting.told("/individuals") if setting.numbers([each]) == [6]]
    assert setting.told(f"/individuals/{one['id']}") == [one]
    samples = setting.told(f"/individuals/{one['id']}/biosamples")
    assert [each["sampleOriginDetail"]["label"] for each in samples] == ["DNA", "Serum"]
    assert {each["individualId"] for each in samples} == {one["id"]}
    dna, serum = samples
    assert setting.told(f"/biosamples/{dna['id']}") == [dna]
    [variant] = setting.told(f"/biosamples/{dna['id']}/g_variants")
    assert variant["variantInternalId"] == VARIANT
    assert setting.numbers(variant["caseLevelData"], "individualId") == [6]
    assert setting.told(f"/biosamples/{serum['id']}/g_variants?includeResultsetResponses=ALL") == []
    assert setting.told(f"/biosamples/{serum['id']}/runs?includeResultsetResponses=ALL") == []
    [run] = setting.told(f"/individuals/{one['id']}/runs")
    assert run["biosampleId"] == dna["id"]
    assert setting.told(f"/runs/{run['id']}") == [run]
    [analysis] = setting.told(f"/runs/{run['id']}/analyses")
    assert setting.told(f"/analyses/{analysis['id']}") == [analysis]
    assert setting.told(f"/analyses/{analysis['id']}/g_variants") == [variant]
    assert setting.told(f"/runs/{run['id']}/g_variants") == [variant]


@pytest.mark.parametrize(
    "entry", ["individuals", "biosamples", "runs", "analyses", "g_variants", "datasets/bb-1/runs"]
)
def test_pages_together_are_all_of_it(setting: Setting, entry: str) -> None:
    whole = setting.told(f"/{entry}")
    paged = []
    for skip in range(9):
        _, answer = setting.get(f"/{entry}?skip={skip}&limit=4&includeResultsetResponses=ALL")
        [found] = answer["response"]["resultSets"]
        assert found["resultsCount"] == len(whole)
        paged += found["results"]
    assert paged == whole


def test_which_datasets_answer(setting: Setting) -> None:
    token = setting.hub.passport(setting.hub.visa(), setting.hub.visa(f"{DATASETS}bb-2"))

    def answered(include: str, path: str = "/biosamples?filters=sampleType=DNA") -> list[str]:
        status, answer = setting.get(f"{path}&includeResultsetResponses={include}", token)
        assert (status, answer["responseSummary"]["numTotalResults"]) == (200, 15)
        return [each["id"] for each in answer["response"]["resultSets"]]

    assert [answered(each) for each in ("ALL", "HIT", "MISS", "NONE")] == [
        ["bb-1", "bb-2"], ["bb-1"], ["bb-2"], [],
    ]  # fmt: skip


def test_where_to_apply_for_more(setting: Setting) -> None:
    _, answer = setting.get("/individuals")
    assert [each["url"] for each in answer["beaconHandovers"]] == ["https://slimnica.example/access"]


# --- consent ----------------------------------------------------------------------------------------------


def test_who_withdraws_is_in_no_record(setting: Setting) -> None:
    setting.node.withdraw("p6", source="hospital")
    left = [n for n in IN_BB1 if n != 6]
    assert setting.numbers(setting.told("/individuals")) == left
    assert len(setting.told("/biosamples")) == 33
    assert len(setting.told("/runs")) == 14
    cases = {each["variantInternalId"]: each for each in setting.told("/g_variants")}[VARIANT][
        "caseLevelData"
    ]
    assert setting.numbers(cases, "individualId") == [0, 12, 18, 24]


def test_a_withdrawal_while_an_answer_runs(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extracts, "BATCH", 5)
    monkeypatch.setattr(extracts.Extract.cases, "__defaults__", (5,))
    reading = page_of(setting)
    found = iter(reading.documents)
    first = [next(found) for _ in range(5)]
    for number in (0, 4, 10, 24):
        setting.node.withdraw(f"p{number}", source="hospital")
    assert reading.total == 25
    # The first five had left; of the others those who took their consent back do not.
    assert setting.numbers([*first, *found]) == [n for n in IN_BB1 if n not in (10, 24)]
    [sent] = setting.entries("records_sent")
    assert sent["records"] == 23


def page_of(setting: Setting, still: Any = lambda: True) -> Any:
    [dataset] = [each for each in NodeSource(setting.node).datasets() if each.id == "bb-1"]
    asked = question(dataset.holds)
    grant = Grant("bb-1", "visa", 1e12)
    return Reading(setting.node, Entry.INDIVIDUAL, asked, dataset, grant, setting.holder(), still).page(
        None, slice(0, None)
    )


def test_a_visa_taken_back_while_an_answer_runs(setting: Setting) -> None:
    with pytest.raises(Refused, match="taken back"):
        list(page_of(setting, still=lambda: False).documents)
    [sent] = setting.entries("records_sent")
    assert sent["records"] == 0


# --- permits ----------------------------------------------------------------------------------------------


def test_only_the_permit_s_donors(setting: Setting) -> None:
    claim: dict[str, Any] = {"such_that": Diagnosis(frozenset({"C34"}))}
    assert setting.numbers(setting.told("/individuals", **claim), **claim) == LUNGS
    assert len(setting.told("/runs", **claim)) == len([n for n in LUNGS if n % 2 == 0])
    [variant] = [
        each for each in setting.told("/g_variants", **claim) if each["variantInternalId"] != VARIANT
    ]
    assert setting.numbers(variant["caseLevelData"], "individualId", **claim) == [0]
    # Nor by the name of somebody else, nor by asking for more.
    names = Names.of(setting.node.path, PERMIT.permit)
    other = names.donor(next(n for n in range(30) if n not in LUNGS))
    assert setting.told(f"/individuals/{other}?includeResultsetResponses=ALL", **claim) == []


def test_only_the_permit_s_columns(setting: Setting) -> None:
    claim: dict[str, Any] = {"columns": frozenset({"diagnoses.code", "specimens.type"})}
    for each in setting.told("/individuals", **claim):
        assert each.keys() == {"id", "sex", "diseases"}
        assert each["sex"]["id"] == "NCIT:C17998"
        assert all(disease.keys() == {"diseaseCode"} for disease in each["diseases"])
    for each in setting.told("/biosamples", **claim):
        assert each.keys() == {
            "id", "individualId", "biosampleStatus", "sampleOriginType", "sampleOriginDetail", "info",
        }  # fmt: skip
        assert each["info"] == {"biobank": "bb"}
    assert setting.refused("/g_variants", **claim) == (403, "the permit does not provide for variants")


def test_only_the_permit_s_diagnoses_and_days(setting: Setting) -> None:
    lungs = replace(PERMIT, diagnoses=frozenset({"C00-C97"}))
    found = setting.told("/individuals", permit=lungs)
    assert [each["diseases"][0]["diseaseCode"]["id"] for each in found if "diseases" in each] == [
        "ICD10:C34.1"
    ] * len(LUNGS)
    recent = replace(PERMIT, recent=date(2020, 1, 15))
    days = {n: 1 + n % 28 for n in range(30)}
    assert len(setting.told("/biosamples", permit=recent)) == sum(
        days[n] >= 15 for n in [*range(20), *range(0, 30, 2)]
    )


def test_only_the_permit_s_biobanks(setting: Setting) -> None:
    other = replace(PERMIT, biobanks=frozenset({"other"}))
    for path in ("/individuals", "/biosamples", "/runs", "/g_variants"):
        assert setting.told(f"{path}?includeResultsetResponses=ALL", permit=other) == []
    assert len(setting.told("/biosamples", permit=replace(PERMIT, biobanks=frozenset({"bb", "other"})))) == 35


def test_only_what_the_permit_lets_be_asked(setting: Setting) -> None:
    few = replace(PERMIT, criteria=frozenset({"sex"}))
    assert setting.numbers(setting.told("/individuals?filters=sex=female", permit=few), permit=few) == IN_BB1
    status, why = setting.refused("/individuals?filters=ICD10:E11", permit=few)
    assert (status, why) == (
        403,
        "such_that.of[0]: The permit does not provide for the criterion “diagnosis”.",
    )
    assert setting.refused("/individuals?filters=sampleType=DNA", permit=few)[0] == 403
    assert setting.refused("/biosamples?filters=sampleType=DNA", permit=few)[0] == 403
    assert setting.refused(f"/g_variants/{VARIANT}/individuals", permit=few)[0] == 403
    assert len(setting.told("/biosamples", permit=few)) == 35


def test_genetic_data_only_where_the_permit_is_for_them(setting: Setting) -> None:
    plain = replace(PERMIT, purposes=frozenset({RESEARCH}))
    for path in ("/g_variants", "/runs", "/analyses", f"/g_variants/{VARIANT}/individuals"):
        assert setting.refused(path, permit=plain) == (403, "the permit does not provide for genetic data")
    assert setting.numbers(setting.told("/individuals", permit=plain), permit=plain) == IN_BB1


def test_a_permit_of_another_day_opens_nothing(setting: Setting) -> None:
    past = replace(PERMIT, until=date(2026, 1, 30))
    assert setting.refused("/individuals", permit=past)[0] == 401


def test_a_permit_that_names_what_the_node_does_not_know(setting: Setting) -> None:
    status, why = setting.refused("/individuals", such_that=Diagnosis(frozenset({"E1"})))
    assert (status, "such_that" in why) == (400, True)


def at_the_hub(setting: Setting, **told: Any) -> None:
    """What the hub says of permits, taken in by the node."""
    hub = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)
    setting.node.set_hub(Hub(keys={"hub-2026": hub.public_key().public_bytes_raw()}))
    setting.node.take_permits([sealed(PERMIT_ENVELOPE, {"node": None, **told}, "hub-2026", hub)])


def test_a_permit_that_the_hub_revoked_opens_nothing(setting: Setting) -> None:
    assert setting.get("/individuals", columns=None)[0] == 200
    at_the_hub(setting, revoked=PERMIT.permit)
    assert setting.refused("/individuals", columns=None) == (
        403,
        "the hub revoked the permit behind the visa",
    )
    assert setting.get("/individuals")[0] == 200  # a visa without a permit stands by itself


def test_a_permit_that_the_hub_knows_otherwise_opens_nothing(setting: Setting) -> None:
    at_the_hub(setting, permit=wire.encode(PERMIT), grounds={"project": "lungs"})
    assert setting.numbers(setting.told("/individuals", columns=None), columns=None) == IN_BB1
    wider = replace(PERMIT, until=date(2027, 1, 1))
    status, why = setting.refused("/individuals", permit=wider)
    assert (status, why) == (403, "the hub's permit of this name is another than the visa says")


# --- names ------------------------------------------------------------------------------------------------


def test_names_of_two_projects_cannot_be_compared(setting: Setting) -> None:
    other = replace(PERMIT, permit="2026/2")
    one, two = (
        {each["id"] for each in setting.told("/individuals", permit=each)} for each in (PERMIT, other)
    )
    again = {each["id"] for each in setting.told("/individuals", such_that=IsSex(frozenset({Sex.FEMALE})))}
    assert (len(one), one & two, again) == (25, set(), one)
    told = f"/individuals/{min(two)}?includeResultsetResponses=ALL"
    assert setting.told(told, permit=PERMIT) == []


def test_no_id_of_a_source_is_told(setting: Setting) -> None:
    text = ""
    for path in ("/individuals", "/biosamples", "/g_variants", "/runs", "/analyses"):
        text += repr(setting.told(path))
    assert "hospital" not in text
    assert "DNA0" not in text


@pytest.mark.parametrize(
    "name", ["p-", "p-00", "0", "p-" + "0" * 64, "s-" + "ab" * 24, "p-" + "g" * 64, "p-" + "0" * 9000]
)
def test_an_invented_name_is_nobody_s(setting: Setting, name: str) -> None:
    assert setting.told(f"/individuals/{name}?includeResultsetResponses=ALL") == []
    assert Names.of(setting.node.path, "x").read("donor", name) is None


def test_names_read_back(tmp_path: Path) -> None:
    names = Names(b"secret", "project")
    for told in ("", "1", "S-āčē/2", "x" * 300):
        for kind in ("specimen", "run", "analysis"):
            assert names.read(kind, names.name(kind, told)) == told
    assert names.read("run", names.name("analysis", "1")) is None
    assert names.read("run", names.name("analysis", "1").replace("a-", "r-")) is None
    assert names.read("specimen", names.specimen("1").upper()) is None


# --- the journal, and refusals ----------------------------------------------------------------------------


def test_the_journal_says_who_read_what(setting: Setting) -> None:
    token = setting.hub.visa(jti="grant-7", **permitting(such_that=Diagnosis(frozenset({"C34"}))))
    found = setting.told("/individuals?filters=sex=female", token)
    [entry], [sent] = setting.entries("records"), setting.entries("records_sent")
    grants = Clearing(Trust(setting.node.path / "visas"), DATASETS, lambda: START).admit(token)
    assert entry["visa"] == grants.by_dataset["bb-1"].visa
    assert (entry["entry"], entry["dataset"], entry["total"]) == ("individual", "bb-1", len(LUNGS))
    assert (entry["question"]["permit"], entry["question"]["asker"]) == ("2026/1", grants.holder)
    assert entry["consents"] == setting.node.log.head
    assert (sent["entry"], sent["records"]) == (1, len(found))
    text = b"".join(each.body for each in journal.entries(setting.node.path / "journal"))
    for secret in (b"anna", b"grant-7", b"hub.example"):
        assert secret not in text


def test_without_a_visa_there_are_numbers_and_no_records(setting: Setting) -> None:
    status, answer = setting.beacon.get("/individuals?filters=ICD10:E11&requestedGranularity=count")
    assert (status, answer["responseSummary"]) == (200, {"exists": True, "numTotalResults": 30})
    assert answer["meta"]["returnedGranularity"] == "count"
    status, answer = setting.beacon.get("/individuals?requestedGranularity=record")
    assert (status, answer["error"]["errorCode"]) == (401, 401)
    assert setting.beacon.headers["www-authenticate"] == "Bearer"
    status, answer = setting.beacon.get("/individuals/p-00?requestedGranularity=boolean")
    assert (status, answer["responseSummary"]) == (200, {"exists": False})


def test_runs_are_counted_as_the_samples_that_were_read(setting: Setting) -> None:
    status, answer = setting.beacon.get("/runs?requestedGranularity=count")
    assert (status, answer["meta"]["returnedGranularity"]) == (200, "count")
    # Fifteen, as the policy tells samples: to the nearest ten, the even one of two.
    assert answer["responseSummary"] == {"exists": True, "numTotalResults": 20}


@pytest.mark.parametrize(
    ("header", "status"), [("Bearer x", 401), ("Basic YTpi", 401), ("Bearer ", 401), ("anna", 401)]
)
def test_what_is_no_visa(setting: Setting, header: str, status: int) -> None:
    for granularity in ("boolean", "record"):
        path = f"/individuals?requestedGranularity={granularity}"
        assert setting.beacon.get(path, authorization=header)[0] == status


def test_a_visa_for_something_else(setting: Setting) -> None:
    token = setting.hub.visa(f"{DATASETS}bb-2")
    assert setting.refused("/datasets/bb-1/individuals", token)[0] == 403
    assert setting.refused("/individuals", setting.hub.visa(f"{DATASETS}bb-9"))[0] == 403
    assert setting.refused("/individuals", setting.hub.visa("https://other.example/bb-1"))[0] == 401


def test_a_visa_taken_back(setting: Setting) -> None:
    token = setting.hub.visa()
    assert setting.get("/individuals", token)[0] == 200
    Trust(setting.node.path / "visas").revoke(setting.hub.name, jti="visa-1")
    assert setting.refused("/individuals", token) == (
        401,
        "the visa opens nothing here: the visa was taken back",
    )


def test_a_node_that_trusts_nobody(setting: Setting) -> None:
    trusting = client(NodeSource(setting.node, Clearing(Trust(setting.node.path / "none"), DATASETS)))
    for node in (trusting, client(NodeSource(setting.node))):
        status, answer = node.get("/individuals", authorization=f"Bearer {setting.hub.visa()}")
        assert (status, answer["error"]["errorMessage"].startswith("this node takes no visas")) == (401, True)


def test_no_question_for_records_is_about_somebody(setting: Setting) -> None:
    such_that = Diagnosis(frozenset({"010180-12345"}))
    assert setting.refused("/individuals", such_that=such_that)[0] == 400
    assert setting.entries("records") == []
