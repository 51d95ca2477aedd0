"""The linter's mechanism: rooms register rules, each a generator of findings over one ecosystem.

A rule has a code, a severity and a sentence in the interface's language; a finding says where, what was
found and what would be right. The same findings stand on the pages, in `talka lint` and in the API.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

SEVERITIES = ("error", "warning", "info")


@dataclass(frozen=True)
class Finding:
    """One defect: `place` in words, the row it is about, what was found, what would be right."""

    code: str
    severity: str
    place: str
    found: str
    expected: str
    kind: str  # "plan.measure"
    subject_id: int
    url: str = ""


Check = Callable[[Any], Iterable[Finding]]


@dataclass(frozen=True)
class LintRule:
    """A registered rule: `check(scope)` yields findings; `scope` is what the rule's floor lints (see `over`)."""

    code: str
    severity: str
    label: Any
    over: str  # the kind of scope: "strategy.version" or "plan.plan"
    check: Callable[..., Iterable[Any]]
    doc: str


RULES: dict[str, LintRule] = {}


def lint_rule(code: str, severity: str, label: Any, *, over: str) -> Callable[[Any], Any]:
    """Registers the generator below as lint rule `code`."""
    if severity not in SEVERITIES:
        raise ValueError(f"severity {severity!r} of {code}: one of {', '.join(SEVERITIES)}")

    def register(check: Any) -> Any:
        if code in RULES:
            raise ValueError(f"two lint rules are called {code}")
        RULES[code] = LintRule(code, severity, label, over, check, (check.__doc__ or "").strip())
        return check

    return register


def rules_over(kind: str) -> Iterator[LintRule]:
    """The rules that look at this kind of scope, by code."""
    for code in sorted(RULES):
        if RULES[code].over == kind:
            yield RULES[code]


def run(kind: str, scope: Any) -> Iterator[Finding]:
    """All findings of the rules over one scope. A check yields (subject, place, found, expected)."""
    for rule in rules_over(kind):
        for subject, place, found, expected in rule.check(scope):
            url = subject.get_absolute_url() if hasattr(subject, "get_absolute_url") else ""
            yield Finding(
                rule.code,
                rule.severity,
                str(place),
                str(found),
                str(expected),
                subject.kind(),
                subject.pk,
                url,
            )
