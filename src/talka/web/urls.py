"""Addresses of the pages that combine rooms."""

from django.urls import path

from talka.web import pages, reference

urlpatterns = [
    path("", pages.home, name="home"),
    path("about/", pages.about, name="about"),
    path("search/", pages.search, name="search"),
    path("my/", pages.my_work, name="my-work"),
    path("sign-in/", pages.sign_in, name="sign-in"),
    path("sign-in/demo/", pages.sign_in_demo, name="sign-in-demo"),
    path("sign-out/", pages.sign_out, name="sign-out"),
    path("account/", pages.account, name="account"),
    path("history/<str:kind>/<int:pk>/", pages.history, name="history"),
    path("files/<int:pk>/", pages.attachment, name="attachment"),
    *reference.urlpatterns,
    path("<slug:ecosystem>/", pages.overview, name="overview"),
    path("<slug:ecosystem>/problems/", pages.problem_list, name="problems"),
    path("<slug:ecosystem>/changes/", pages.changes, name="changes"),
]
