"""Addresses under <language>/<ecosystem>/strategy/. A version other than the one in force is named by ?version=."""

from django.urls import path, register_converter

from talka.strategy import pages
from talka.strategy.forms import PARTS


class PartConverter:
    """The kinds of parts that a version has, as they stand in addresses."""

    regex = "|".join(PARTS)

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class StepConverter(PartConverter):
    """What the coordinator does with a reported value."""

    regex = "|".join(pages.STEPS)


register_converter(PartConverter, "part_of_strategy")
register_converter(StepConverter, "step_of_value")

urlpatterns = [
    path("", pages.strategy, name="strategy"),
    path("compare/", pages.compare, name="strategy-compare"),
    path("new/", pages.found, name="strategy-new"),
    path("draft/", pages.draft, name="strategy-draft"),
    path("edit/", pages.edit, name="strategy-edit"),
    path("niches/", pages.focuses, name="strategy-focuses"),
    path("adopt/", pages.adopt, name="strategy-adopt"),
    path("discard/", pages.discard, name="strategy-discard"),
    path("<part_of_strategy:kind>/add/", pages.add_part, name="strategy-add"),
    path("<part_of_strategy:kind>/<slug:code>/edit/", pages.edit_part, name="strategy-edit-part"),
    path("<part_of_strategy:kind>/<slug:code>/remove/", pages.remove_part, name="strategy-remove-part"),
    path("priorities/<slug:code>/", pages.priority, name="priority"),
    path("priorities/<slug:code>/shares/", pages.priority_shares, name="priority-shares"),
    path("targets/<slug:code>/", pages.target, name="target"),
    path("targets/<slug:code>/report/", pages.report, name="target-report"),
    path("targets/<slug:code>/specify/", pages.specify, name="target-specify"),
    path("targets/<slug:code>/owner/", pages.ask, name="target-ask"),
    path("targets/<slug:code>/reading/", pages.read_by, name="target-reading"),
    path("targets/<slug:code>/shares/", pages.target_shares, name="target-shares"),
    path("values/<int:pk>/<step_of_value:step>/", pages.judge, name="target-value"),
]
