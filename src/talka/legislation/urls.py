"""Addresses of the room, after <ecosystem>/bills/."""

from django.urls import path

from talka.legislation import pages

urlpatterns = [
    path("", pages.bills, name="bills"),
    path("add/", pages.add_bill, name="bill-add"),
    path("<slug:code>/", pages.bill, name="bill"),
    path("<slug:code>/edit/", pages.edit_bill, name="bill-edit"),
    path("<slug:code>/stage/", pages.pass_stage, name="bill-stage"),
    path("<slug:code>/stage/correct/", pages.correct_stage, name="bill-stage-correct"),
]
