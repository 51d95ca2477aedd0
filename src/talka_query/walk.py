"""Going through a question: every criterion with its place, outermost first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from talka_query import nodes
from talka_query.nodes import Criterion, Question


def criteria(question: Question) -> Iterator[tuple[str, Criterion]]:
    """Every criterion with its path, as in ("such_that.of[1].event", Specimen(…)); `samples` comes last."""
    yield from below(question.such_that, "such_that")
    yield "samples", question.samples


def below(criterion: Criterion, path: str) -> Iterator[tuple[str, Criterion]]:
    """The criterion and all within it."""
    yield path, criterion
    match criterion:
        case nodes.All(of) | nodes.Any(of):
            for place, part in enumerate(of):
                yield from below(part, f"{path}.of[{place}]")
        case nodes.Not(of):
            yield from below(of, f"{path}.of")
        case nodes.Within():
            yield from below(criterion.event, f"{path}.event")
            yield from below(criterion.anchor, f"{path}.anchor")


def measurements(question: Question, change: Callable[[nodes.Measurement], nodes.Measurement]) -> Question:
    """The question with each measurement pattern replaced by what `change` makes of it."""

    def dated(pattern: nodes.Dated) -> nodes.Dated:
        return change(pattern) if isinstance(pattern, nodes.Measurement) else pattern

    def changed(criterion: Criterion) -> Criterion:
        match criterion:
            case nodes.All(of):
                return nodes.All(tuple(map(changed, of)))
            case nodes.Any(of):
                return nodes.Any(tuple(map(changed, of)))
            case nodes.Not(of):
                return nodes.Not(changed(of))
            case nodes.Within():
                return replace(criterion, event=dated(criterion.event), anchor=dated(criterion.anchor))
            case nodes.Measurement():
                return change(criterion)
            case _:
                return criterion

    return replace(question, such_that=changed(question.such_that))
