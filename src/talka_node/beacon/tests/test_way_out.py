"""The Beacon over the real way out: consent, the plain engine and disclosure, on the invented people."""

from __future__ import annotations

import pytest

from talka_node import disclosure
from talka_node.beacon import Entry, Refused, Told
from talka_node.beacon.synthetic import CONSENTED, PEOPLE, people
from talka_node.beacon.tests.client import TODAY, Client, Node, client
from talka_node.consent import Standing, State, basis, examples
from talka_node.engines.memory import Memory
from talka_query.nodes import All, AskerKind, Diagnosis, Purpose, Question, Use

pytestmark = pytest.mark.once


class Answering(Node):
    """Answers as a node does: admitted, counted among those whose consent permits, released."""

    def __init__(self, consenting: range) -> None:
        super().__init__()
        self.policy, self.memory = disclosure.default(), disclosure.Memory(b"memory")
        self.engine, self.state = Memory(people()), State(examples())
        for donor in consenting:
            self.state.put(donor, "test", Standing.of("invented-broad", 2, *CONSENTED))

    async def ask(self, entry: Entry, question: Question) -> Told:
        admitted = disclosure.admit(question, self.policy, self.memory, today=TODAY)
        if isinstance(admitted, disclosure.Refused):
            raise Refused("; ".join(admitted.reasons))
        within = basis(self.state, question.purpose, TODAY)
        exact = self.engine.answer(admitted.question, within)
        also = disclosure.beside(admitted.question)
        donors = None if also is None else self.engine.answer(also, within)
        told = disclosure.release(admitted, exact, self.policy, b"key", donors)
        return Told(told.exists, told.total, told.smallest, told.within, told.moved)


def beacon(consenting: range) -> Client:
    """Who consents is in the range; all others are nobody to the Beacon."""
    return client(Answering(consenting))


@pytest.mark.parametrize(
    ("path", "truth"),
    [
        ("/individuals", PEOPLE),
        ("/individuals?filters=sex=male", sum(n % 2 for n in range(PEOPLE))),
        # Ages are judged at the end of the year before: 50 then are those born until 1973.
        ("/individuals?filters=ICD10:C34,age>=P50Y", sum(n % 6 == 0 and n % 70 <= 43 for n in range(PEOPLE))),
        ("/biosamples", sum(1 + n % 2 for n in range(PEOPLE))),
        ("/datasets/blood/biosamples", sum(n % 2 == 0 for n in range(PEOPLE))),
    ],
)
def test_counts_lie_where_the_answer_says(path: str, truth: int) -> None:
    joint = "&" if "?" in path else "?"
    status, answer = beacon(range(PEOPLE)).get(f"{path}{joint}requestedGranularity=count")
    assert (status, answer["meta"]["returnedGranularity"]) == (200, "count")
    assert answer["responseSummary"]["exists"] is True
    assert answer["info"]["minimumCell"] == disclosure.default().cells.open
    assert answer["info"]["moved"] == ["ages_at: 2023-12-31 instead of 2024-06-01"]
    assert abs(answer["responseSummary"]["numTotalResults"] - truth) <= answer["info"]["within"]


def test_who_has_not_consented_is_nobody() -> None:
    _, few = beacon(range(4)).get("/individuals?requestedGranularity=count")
    _, none = beacon(range(0)).get("/individuals?requestedGranularity=count")
    assert few == none
    assert few["responseSummary"] == {"exists": False}


def test_what_disclosure_refuses_is_a_beacon_error() -> None:
    policy = disclosure.default()
    codes = [f"C{number}" for number in range(10, 11 + policy.question.criteria)]
    such_that = All(tuple(Diagnosis(frozenset({code})) for code in codes))
    question = Question(Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC), such_that, TODAY)
    refused = disclosure.admit(question, policy, disclosure.Memory(b"memory"), today=TODAY)
    assert isinstance(refused, disclosure.Refused)
    filters = ",".join(f"ICD10:{code}" for code in codes)
    status, answer = beacon(range(PEOPLE)).get(f"/individuals?filters={filters}")
    assert (status, answer["error"]) == (
        403, {"errorCode": 403, "errorMessage": "; ".join(refused.reasons)},
    )  # fmt: skip


def test_carriers_are_not_told_as_a_number_of_variants() -> None:
    _, answer = beacon(range(PEOPLE)).get("/g_variants?geneId=BRCA1&requestedGranularity=count")
    assert (answer["meta"]["returnedGranularity"], answer["responseSummary"]) == ("boolean", {"exists": True})
