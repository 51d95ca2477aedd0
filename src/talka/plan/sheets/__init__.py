"""The room's rows as tables, and its official form in and out.

`tables`: sources of funding, plans, sections and measures with every column in both languages. `official`: the eight
columns of the ministry's form, as docx, xlsx, csv, PDF and JSON.
"""

from talka.plan.sheets.official import (
    PlanFile,
    export_plan,
    read_plan_file,
    write_plan_file,
)
from talka.plan.sheets.tables import FundingSources, Measures, Plans, Sections

__all__ = [
    "FundingSources",
    "Measures",
    "PlanFile",
    "Plans",
    "Sections",
    "export_plan",
    "read_plan_file",
    "write_plan_file",
]
