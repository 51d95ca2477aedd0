"""Addresses under <language>/<ecosystem>/strategy/. A version other than the one in force is named by ?version=."""

from django.urls import path

from talka.core.addresses import words_in_addresses
from talka.strategy import pages
from talka.strategy.forms import PARTS

words_in_addresses("part_of_strategy", PARTS)
words_in_addresses("step_of_value", pages.STEPS)

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
