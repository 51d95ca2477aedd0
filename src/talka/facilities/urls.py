"""Addresses of the room, after <ecosystem>/facilities/."""

from django.urls import path

from talka.facilities import pages

urlpatterns = [
    path("", pages.facilities, name="facilities"),
    path("bookings/<int:pk>/", pages.booking, name="booking"),
    path("bookings/<int:pk>/move/", pages.move_booking, name="booking-move"),
    path("bookings/<int:pk>/log-off/", pages.log_off, name="booking-log-off"),
    path("bookings/<int:pk>/correct/", pages.correct, name="booking-correct"),
    path("bookings/<int:pk>/decide/", pages.decide, name="booking-decide"),
    path("bookings/<int:pk>/<slug:step>/", pages.step, name="booking-step"),
    path("<slug:unit>/", pages.facility, name="facility"),
    path("<slug:unit>/book/", pages.book, name="book"),
    path("<slug:unit>/projects/<slug:code>/", pages.project, name="user-project"),
    path("<slug:unit>/<slug:code>/fault/", pages.report_fault, name="fault-report"),
    path("<slug:unit>/<slug:code>/faults/<int:pk>/mend/", pages.mend_fault, name="fault-mend"),
    path("<slug:unit>/<slug:code>/", pages.resource, name="resource"),
]
