"""Addresses of the room, after <ecosystem>/network/."""

from django.urls import path

from talka.network import pages

urlpatterns = [
    path("", pages.network, name="network"),
    path("add-niche/", pages.add_niche, name="niche-add"),
    path("niches/<slug:code>/", pages.niche, name="niche"),
    path("niches/<slug:code>/edit/", pages.edit_niche, name="niche-edit"),
    path("competences/", pages.competences, name="competences"),
    path("competences/add/", pages.add_competence, name="competence-add"),
    path("competences/<slug:code>/edit/", pages.edit_competence, name="competence-edit"),
]
