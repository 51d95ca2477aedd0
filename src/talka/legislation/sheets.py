"""The room's rows as tables, in and out. A file that names another stage than the one here passes the bill to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from talka.core.sheets import Choice, Column, Day, Item, Problem, Ref, Sheet, bilingual
from talka.domains.models import Ecosystem
from talka.legislation import actions, queries
from talka.legislation.models import ROAD, Bill, Stage
from talka.parties import queries as parties
from talka.parties.models import Organisation


def organisations(parent: Any) -> Mapping[str, Organisation]:
    """Every spelling by which an organisation is known."""
    return parties.spellings()


class _Note(Column):
    """The note on the present stage."""

    def read(self, row: Bill) -> str:
        present = queries.present(row)
        return present.note if present else ""


class Bills(Sheet):
    code, label, model = "legislation.bills", _("Bills"), Bill
    over = "domains.ecosystem"
    columns = (
        Column("code", _("Code"), required=True, max_length=80),
        *bilingual("title", _("Title"), required=True, max_length=500),
        Choice("stage", _("Stage"), required=True, choices=Stage),
        Day("stage_date", _("Since")),
        _Note("stage_note", _("Note on the stage"), max_length=500),
        Ref("responsible", _("Responsible institution"), among=organisations),
        *bilingual("summary", _("Summary"), max_length=5000),
        Column("source", _("Source"), max_length=500),
    )

    def rows(self, parent: Ecosystem) -> Any:
        return queries.bills(parent)

    def check(self, parent: Ecosystem, items: list[Item]) -> Iterator[Problem]:
        """A bill goes back on its way only with a note that says why."""
        for item in items:
            stage = item.values.get("stage")
            if item.current is None or stage not in ROAD or item.current.stage not in ROAD:
                continue
            back = ROAD.index(Stage(stage)) < ROAD.index(Stage(item.current.stage))
            if back and not item.values.get("stage_note"):
                yield Problem(
                    item.place,
                    gettext("the bill is at “%(now)s” already; give a note that says why it goes back")
                    % {"now": item.current.get_stage_display()},
                )

    def add(self, parent: Ecosystem, values: dict[str, Any], *, by: Any) -> Bill:
        return actions.add_bill(parent, by=by, **values)

    def change(self, row: Bill, values: dict[str, Any], *, by: Any) -> Bill:
        kept = {name: value for name, value in values.items() if not name.startswith("stage")}
        row = actions.edit_bill(row, by=by, **kept)
        stage, day = values.get("stage", row.stage), values.get("stage_date", row.stage_date)
        note = values.get("stage_note", "")
        if stage != row.stage:
            return actions.pass_stage(row, by=by, stage=stage, date=day, note=note)
        present = queries.present(row)
        if day != row.stage_date or (present is not None and note not in ("", present.note)):
            return actions.correct_stage(row, by=by, date=day, note=note)
        return row
