"""Other people's judges of e-invoices, each asked the same: the rules that a document breaks, as their codes."""

from __future__ import annotations

import io
from collections.abc import Callable

import einvoice
import mockeinvoice  # type: ignore[import-untyped]
from peppol.xsd import validate_xsd  # type: ignore[import-untyped]


def schema(data: bytes) -> set[str]:
    """The schemas of UBL 2.1: element names, order and types."""
    sound, _errors = validate_xsd(data)
    return set() if sound else {"XSD"}


def peppol(data: bytes) -> set[str]:
    """EN 16931 and Peppol BIS Billing 3, by mock-einvoice; a verdict that was not reached counts as broken."""
    try:
        _document, report = mockeinvoice.validate(data)
    except mockeinvoice.Refused as refused:
        return {f"refused: {refused}"}
    found = {finding.code for finding in report.failures}
    return found or (set() if report.verdict == "valid" else {report.verdict})


def core(data: bytes) -> set[str]:
    """EN 16931, by verifyhash-einvoice."""
    result = einvoice.validate_file(io.BytesIO(data))
    return {str(violation.rule_id) for violation in result.violations if violation.severity == "fatal"}


JUDGES: dict[str, Callable[[bytes], set[str]]] = {"schema": schema, "peppol": peppol, "core": core}


def verdicts(data: bytes) -> dict[str, set[str]]:
    """What each judge objects to."""
    return {name: judge(data) for name, judge in JUDGES.items()}


SOUND: dict[str, set[str]] = {name: set() for name in JUDGES}
