"""Addresses of the room, after <ecosystem>/portfolio/."""

from django.urls import path

from talka.portfolio import pages

urlpatterns = [
    path("", pages.portfolio, name="portfolio"),
    path("add-project/", pages.add_project, name="project-add"),
    path("projects/<slug:code>/", pages.project, name="project"),
    path("projects/<slug:code>/edit/", pages.edit_project, name="project-edit"),
    path("projects/<slug:code>/indicators/add/", pages.add_kpi, name="kpi-add"),
    path("projects/<slug:code>/indicators/<int:order>/", pages.kpi, name="kpi"),
    path("projects/<slug:code>/indicators/<int:order>/edit/", pages.edit_kpi, name="kpi-edit"),
    path("projects/<slug:code>/indicators/<int:order>/remove/", pages.remove_kpi, name="kpi-remove"),
    path("projects/<slug:code>/indicators/<int:order>/report/", pages.report_kpi, name="kpi-report"),
    path("values/<int:pk>/<slug:step>/", pages.judge_value, name="kpi-value"),
    path("add-partnership/", pages.add_partnership, name="partnership-add"),
    path("partnerships/<slug:code>/", pages.partnership, name="partnership"),
    path("partnerships/<slug:code>/edit/", pages.edit_partnership, name="partnership-edit"),
]
