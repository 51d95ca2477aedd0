"""The only way out: what may be asked (`admit`) and what may be told (`release`), by the node's policy.

    admitted = admit(question, policy, memory, today=day)     # or Refused, which no answer has any part in
    exact = engine.answer(admitted.question, basis)
    released = release(admitted, exact, policy, key)          # into the journal with admitted.journalled(), then out

`docs/disclosure.md` tells what is promised, what is not, and what an attack still learns.
"""

from __future__ import annotations

from talka_node.disclosure.admission import Admitted, Memory, Refused, Trace, admit, traced
from talka_node.disclosure.policy import Policy, Region, Standing, default, read
from talka_node.disclosure.release import Released, beside, release, release_steps, strata

__all__ = [
    "Admitted", "Memory", "Policy", "Refused", "Region", "Released", "Standing", "Trace", "admit", "beside",
    "default", "read", "release", "release_steps", "strata", "traced",
]  # fmt: skip
