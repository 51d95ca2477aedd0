"""Consent: the only way to a donor.

Forms say what their boxes mean (`forms`), a decision is permit, refuse or ask a person (`decision`), a donor's history
gives the standing on each day (`history`), and `State` and `Basis` are what engines see of it (`state`). `log` keeps it
on disk, `feed` takes in what the hub tells.
"""

from __future__ import annotations

from talka_node.consent.decision import By, Consent, Decision, Grounds, Outcome, Reason, Standing, decide
from talka_node.consent.forms import Form, Forms, Option, Term, examples
from talka_node.consent.state import Basis, Change, State, basis

__all__ = [
    "Basis", "By", "Change", "Consent", "Decision", "Form", "Forms", "Grounds", "Option", "Outcome", "Reason",
    "Standing", "State", "Term", "basis", "decide", "examples",
]  # fmt: skip
