"""Addresses of this room, below /<language>/<ecosystem>/billing/."""

from django.urls import path

from talka.billing import pages

urlpatterns = [
    path("", pages.billing, name="billing"),
    path("run/<slug:issuer>/", pages.run, name="billing-run"),
    path("journal/<slug:issuer>/", pages.journal, name="billing-journal"),
    path("invoices/<int:pk>/", pages.invoice, name="invoice"),
    path("invoices/<int:pk>/invoice.<str:ending>", pages.invoice_file, name="invoice-file"),
    path("invoices/<int:pk>/<slug:step>/", pages.step, name="invoice-step"),
    path("accounts/", pages.accounts, name="billing-accounts"),
    path("accounts/add/<slug:issuer>/", pages.add_account, name="billing-account-add"),
    path("accounts/<int:pk>/", pages.account, name="billing-account"),
    path("accounts/<int:pk>/edit/", pages.edit_account, name="billing-account-edit"),
    path("prices/", pages.prices, name="prices"),
    path("prices/<slug:issuer>/<slug:code>/", pages.tariff, name="tariff"),
    path("prices/<slug:issuer>/<slug:code>/draft/", pages.draft, name="tariff-draft"),
    path("prices/<slug:issuer>/<slug:code>/publish/", pages.publish, name="tariff-publish"),
    path("aid/", pages.aid, name="aid"),
    path("aid/register.csv", pages.aid_register, name="aid-register"),
    path("aid/<slug:code>/", pages.undertaking, name="undertaking"),
    path("aid/<slug:code>/statement.pdf", pages.aid_statement, name="aid-statement"),
]
