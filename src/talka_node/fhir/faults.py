"""What is refused, as FHIR tells it: an OperationOutcome that names the place and what would be right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from talka_node.importers.manifest import blotted


@dataclass(frozen=True, slots=True)
class Issue:
    """`code`: of FHIR's issue types. `where`: a FHIRPath to the element, or `http.name` for a parameter or header."""

    code: str
    says: str
    where: str = ""
    severity: str = "error"

    def plain(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "severity": self.severity,
            "code": self.code,
            "diagnostics": blotted(self.says),
        }
        if self.where:
            told["expression"] = [blotted(self.where)]
        return told


class Fault(Exception):
    """A request that is not carried out; nothing has changed. `status` is that of HTTP."""

    def __init__(self, status: int, code: str, says: str, where: str = "", *more: Issue) -> None:
        super().__init__(says)
        self.status = status
        self.issues = (Issue(code, says, where), *more)

    @classmethod
    def of(cls, status: int, issues: Iterable[Issue]) -> Fault:
        first, *more = issues
        return cls(status, first.code, first.says, first.where, *more)


def outcome(issues: Iterable[Issue]) -> dict[str, Any]:
    """An OperationOutcome, which has at least one issue."""
    told = [issue.plain() for issue in issues] or [
        Issue("informational", "done", severity="information").plain()
    ]
    return {"resourceType": "OperationOutcome", "issue": told}
