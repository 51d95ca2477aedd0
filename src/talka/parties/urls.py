"""Addresses of organisations, people and accounts; they stand after /<language>/organisations/."""

from django.urls import path

from talka.parties import pages

urlpatterns = [
    path("", pages.organisations, name="organisations"),
    path("add/", pages.add_organisation, name="organisation-add"),
    path("duplicates/", pages.duplicates, name="duplicates"),
    path("ror/", pages.ror_import, name="ror-import"),
    path("<int:pk>/", pages.organisation, name="organisation"),
    path("<int:pk>/edit/", pages.edit_organisation, name="organisation-edit"),
    path("<int:pk>/withdraw/", pages.withdraw, name="organisation-withdraw"),
    path("<int:pk>/merge/", pages.merge, name="organisation-merge"),
    path("people/", pages.people, name="people"),
    path("people/add/", pages.add_person, name="person-add"),
    path("people/<int:pk>/", pages.person, name="person"),
    path("people/<int:pk>/edit/", pages.edit_person, name="person-edit"),
    path("people/<int:pk>/affiliate/", pages.affiliate, name="affiliate"),
    path("people/<int:pk>/account/", pages.open_account, name="account-open"),
    path("affiliations/<int:pk>/end/", pages.end_affiliation, name="affiliation-end"),
    path("roles/", pages.roles, name="roles"),
    path("accounts/", pages.accounts, name="accounts"),
    path("accounts/<int:pk>/", pages.account, name="party-account"),
    path("accounts/<int:pk>/grant/", pages.grant, name="grant"),
    path("accounts/<int:pk>/email/", pages.set_email, name="account-email"),
    path("accounts/<int:pk>/invite/", pages.invite, name="account-invite"),
    path("accounts/<int:pk>/close/", pages.close_account, name="account-close"),
    path("accounts/<int:pk>/reopen/", pages.reopen_account, name="account-reopen"),
    path("grants/<int:pk>/revoke/", pages.revoke, name="grant-revoke"),
    path("me/", pages.my_account, name="my-account"),
    path("me/password/", pages.change_password, name="my-password"),
    path("me/language/", pages.set_language, name="my-language"),
    path("me/keys/", pages.make_key, name="key-make"),
    path("keys/<int:pk>/revoke/", pages.revoke_key, name="key-revoke"),
    path("welcome/<uid>/<token>/", pages.welcome, name="welcome"),
]
