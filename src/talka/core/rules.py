"""Rules: one fact per function, combined with & and |.

A rule takes who acts and what on: `rule(by, subject) -> bool`. Facts are made by `@fact` or `holds("…")`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _


class Fact:
    """One fact about an actor and a subject; `a & b`, `a | b` and `~a` are facts too.

    `permissions` are the permission codes it rests on, so that the printed matrix can name them.
    """

    def __init__(
        self, test: Callable[[Any, Any], bool], name: str, permissions: frozenset[str] = frozenset()
    ) -> None:
        self.test, self.name, self.permissions = test, name, permissions

    def __call__(self, by: Any, subject: Any) -> bool:
        # Of the public every fact is false, its negation included: rules speak of those who signed in.
        return by is not None and not getattr(by, "is_anonymous", False) and self.test(by, subject)

    def __and__(self, other: Fact) -> Fact:
        return Fact(
            lambda by, s: self(by, s) and other(by, s),
            f"({self.name} and {other.name})",
            self.permissions | other.permissions,
        )

    def __or__(self, other: Fact) -> Fact:
        return Fact(
            lambda by, s: self(by, s) or other(by, s),
            f"({self.name} or {other.name})",
            self.permissions | other.permissions,
        )

    def __invert__(self) -> Fact:
        return Fact(lambda by, s: not self(by, s), f"not {self.name}", self.permissions)

    def __repr__(self) -> str:
        return self.name


def fact(test: Callable[[Any, Any], bool]) -> Fact:
    """Makes a plain function `(by, subject) -> bool` a fact."""
    return Fact(test, test.__name__.replace("_", " "))


PERMISSIONS: dict[str, Any] = {}
HELD_BY: dict[str, list[Any]] = {}  # the roles that give each permission, told by whoever defines the roles


def who_may(needs: Any) -> str:
    """Which rights a rule rests on and which roles give one of them, in a sentence; empty where it rests on none."""
    codes = sorted(getattr(needs, "permissions", ()))
    roles = list(dict.fromkeys(str(role) for code in codes for role in HELD_BY.get(code, ())))
    if not roles:
        return ""
    rights = " / ".join(str(PERMISSIONS.get(code, code)) for code in codes)
    return _("The right it takes: %(rights)s. Roles that give it: %(roles)s.") % {
        "rights": rights,
        "roles": ", ".join(roles),
    }


def permission(code: str, label: Any) -> Fact:
    """Declares a permission and returns the fact "a role of the actor gives it where the subject lives".

    A subject's ecosystem is its `ecosystem_id`; without one, only a role in the whole hub counts.
    """
    PERMISSIONS[code] = label
    return Fact(
        lambda by, subject: by.may(code, getattr(subject, "ecosystem_id", None)),
        f"holds {code}",
        frozenset([code]),
    )


@fact
def is_system(by: Any, subject: Any) -> bool:
    """The house acting by itself."""
    return by.pk is None and getattr(by, "name", "") == "system"


@fact
def anyone(by: Any, subject: Any) -> bool:
    """Whoever is signed in."""
    return True
