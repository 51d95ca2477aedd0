"""Addresses of the room, under /<language>/<ecosystem>/data/."""

from django.urls import path

from talka.documents import pages

urlpatterns = [
    path("", pages.open_data, name="open-data"),
    path("all.zip", pages.whole_package, name="open-data-package"),
    path("catalogue.<slug:kind>", pages.data_catalogue, name="open-data-catalogue"),
    path("<slug:dataset>.<slug:kind>", pages.download, name="open-data-file"),
]
