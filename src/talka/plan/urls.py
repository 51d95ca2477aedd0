"""Addresses under <language>/<ecosystem>/plan/. A version other than the one in force is named by ?version=."""

from django.urls import path

from talka.core.addresses import words_in_addresses
from talka.plan import pages

words_in_addresses("step_of_measure", pages.STEPS)
words_in_addresses("judgement_of_report", pages.JUDGEMENTS)

urlpatterns = [
    path("", pages.current, name="current-plan"),
    path("new/", pages.derive, name="plan-derive"),
    path("<int:year>/", pages.plan, name="plan"),
    path("<int:year>/import/", pages.upload, name="plan-import"),
    path("<int:year>/import/<str:token>/", pages.take_over, name="plan-import-preview"),
    path("<int:year>/export.<slug:kind>", pages.export, name="plan-export"),
    path("<int:year>/compare/", pages.compare, name="plan-compare"),
    path("<int:year>/edit/", pages.edit, name="plan-edit"),
    path("<int:year>/new-version/", pages.new_version, name="plan-new-version"),
    path("<int:year>/adopt/", pages.adopt, name="plan-adopt"),
    path("<int:year>/close/", pages.close, name="plan-close"),
    path("<int:year>/roll-over/", pages.roll_over, name="plan-roll-over"),
    path("<int:year>/sections/add/", pages.add_section, name="section-new"),
    path("<int:year>/measures/add/", pages.add_measure, name="measure-new"),
    path("sections/<int:pk>/edit/", pages.edit_section, name="section-edit"),
    path("sections/<int:pk>/remove/", pages.remove_section, name="section-remove"),
    path("measures/<int:pk>/", pages.measure, name="measure"),
    path("measures/<int:pk>/edit/", pages.edit_measure, name="measure-edit"),
    path("measures/<int:pk>/remove/", pages.remove_measure, name="measure-remove"),
    path("measures/<int:pk>/report/", pages.report, name="measure-report"),
    path("measures/<int:pk>/<step_of_measure:step>/", pages.step, name="measure-step"),
    path("reports/<int:pk>/<judgement_of_report:judgement>/", pages.judge, name="report-judge"),
]
