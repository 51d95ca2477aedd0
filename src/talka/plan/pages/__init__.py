"""Pages: the plan of a year, a measure with its reports, a plan taken over from a file, and the forms that change them.

`plans` the plan, its versions and its life · `measures` one measure, its life, its reports · `files` in and out
"""

from talka.plan.pages.files import export, take_over, upload
from talka.plan.pages.measures import (
    JUDGEMENTS,
    STEPS,
    add_measure,
    edit_measure,
    judge,
    measure,
    remove_measure,
    report,
    step,
)
from talka.plan.pages.plans import (
    add_section,
    adopt,
    close,
    compare,
    current,
    derive,
    edit,
    edit_section,
    new_version,
    plan,
    remove_section,
    roll_over,
)

__all__ = [
    "JUDGEMENTS",
    "STEPS",
    "add_measure",
    "add_section",
    "adopt",
    "close",
    "compare",
    "current",
    "derive",
    "edit",
    "edit_measure",
    "edit_section",
    "export",
    "judge",
    "measure",
    "new_version",
    "plan",
    "remove_measure",
    "remove_section",
    "report",
    "roll_over",
    "step",
    "take_over",
    "upload",
]
