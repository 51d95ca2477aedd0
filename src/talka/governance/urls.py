"""Addresses of the room, after <ecosystem>/council/."""

from django.urls import path

from talka.governance import pages

urlpatterns = [
    path("", pages.council, name="council"),
    path("decisions/add/", pages.add_decision, name="decision-add"),
    path("decisions/<int:pk>/", pages.decision, name="decision"),
    path("decisions/<int:pk>/edit/", pages.edit_decision, name="decision-edit"),
    path("decisions/<int:pk>/adopt/", pages.adopt, name="decision-adopt"),
    path("decisions/<int:pk>/reject/", pages.reject, name="decision-reject"),
    path("decisions/<int:pk>/publish/", pages.publish, name="decision-publish"),
    path("bodies/add/", pages.add_body, name="body-add"),
    path("bodies/<slug:code>/edit/", pages.edit_body, name="body-edit"),
]
