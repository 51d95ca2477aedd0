"""Verbs: every change in the house is made by one, guarded, whole, and on record.

    @action(needs=rules.may_edit)
    def rename(measure, *, by, title): ...

checks the rule, opens one transaction, notes what each saved row was before and after, and writes one
`Event`. A row of the house refuses to be saved outside a verb (`core.models.Noun`), so nothing changes
without a name beside it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from talka.core.rules import who_may

P = ParamSpec("P")
R = TypeVar("R")


class Actor(Protocol):
    """Whoever acts: an account, or the system itself."""

    pk: Any

    def may(self, permission: str, ecosystem_id: int | None) -> bool:
        """Whether a role of this actor gives `permission` in that ecosystem (None: in the whole hub)."""


Rule = Callable[[Any, Any], bool]


@dataclass(frozen=True)
class System:
    """The house acting by itself: loading its data, sealing its record, sending reminders."""

    name: str = "system"
    pk: None = None

    def may(self, permission: str, ecosystem_id: int | None) -> bool:
        return True

    def __str__(self) -> str:
        return self.name


SYSTEM = System()


@dataclass(frozen=True)
class Hub:
    """The whole hub, as the subject of a verb that founds something which has no parent."""

    pk: int = 0
    ecosystem_id: None = None

    def __str__(self) -> str:
        return "Talka"


HUB = Hub()


class Refused(Exception):
    """The actor may not do this. The message says who may."""

    def __init__(self, verb: str, by: Actor, reason: str = "", needs: Any = None) -> None:
        self.verb, self.by = verb, by
        said = reason or _("%(who)s may not do this (%(verb)s).") % {"who": by, "verb": verb}
        super().__init__(f"{said} {who_may(needs)}".strip())


class Invalid(Exception):
    """What was asked cannot be done as given. `field` names the input that is wrong, if it is one."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        self.field = field
        super().__init__(message)


class Stale(Exception):
    """Somebody changed the row since the reader saw it. `current` is the row as it is now."""

    def __init__(self, current: Any) -> None:
        self.current = current
        super().__init__(_("Someone changed this meanwhile. Compare below and save again."))


@dataclass
class Touch:
    """What one verb did to one row: kind, and each changed column before and after."""

    subject: Any
    kind: str  # "created" | "changed" | "deleted"
    fields: dict[str, tuple[Any, Any]]


@dataclass
class Record:
    """What a running verb has done so far. `undo` takes back what the database cannot: files that were stored."""

    touches: list[Touch] = field(default_factory=list)
    undo: list[Callable[[], object]] = field(default_factory=list)

    def take_back(self) -> None:
        """Takes back what no transaction does; called where the verb failed."""
        while self.undo:
            self.undo.pop()()


_running: ContextVar[Record | None] = ContextVar("running verb", default=None)


def running() -> Record | None:
    """The record of the verb that is running in this thread, or None outside any verb."""
    return _running.get()


@contextmanager
def _recording(record: Record | None = None) -> Iterator[Record]:
    record = record or Record()
    token = _running.set(record)
    try:
        yield record
    finally:
        _running.reset(token)


VERBS: dict[str, Callable[..., Any]] = {}


def action(needs: Rule) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Makes a function a verb: first argument its subject, the rest by name, `by=` always.

    Raises Refused where `needs(by, subject)` is false. The event's subject is what the verb returns if
    that is a row of the house (a verb that founds something), else the subject it was given.
    """

    def wrap(function: Callable[P, R]) -> Callable[P, R]:
        room = function.__module__.removeprefix("talka.").partition(".actions")[0]
        verb = f"{room}.{function.__name__}"

        @functools.wraps(function)
        def run(*args: Any, **named: Any) -> Any:
            from talka.core import events, models, search  # noqa: PLC0415 -- the models need this file, and these the models

            subject, by = args[0], named["by"]
            if not needs(by, subject):
                raise Refused(verb, by, needs=needs)
            known = models.Known.of(subject)
            outer, record = running(), Record()
            try:
                with transaction.atomic(), _recording(record):
                    result = cast(Any, function)(*args, **named)
                    about = (
                        result if events.is_subject(result) else subject if subject.pk is not None else known
                    )
                    events.write(verb, by=by, subject=about, touches=record.touches, at=timezone.now())
                    search.follow(record.touches)
            except BaseException:
                record.take_back()
                raise
            if outer is not None:  # should the verb around this one fail, this one is taken back too
                outer.undo += record.undo
            return result

        run.needs = needs  # type: ignore[attr-defined]
        run.verb = verb  # type: ignore[attr-defined]
        VERBS[verb] = run
        return cast(Callable[P, R], run)

    return wrap
