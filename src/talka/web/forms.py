"""Forms of the pages that combine rooms."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth import authenticate
from django.core.cache import cache
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from talka.parties.models import Account

ATTEMPTS, MINUTES = 10, 15


class SignInForm(forms.Form):
    """E-mail and password; ten wrong tries lock an address for a quarter of an hour."""

    email = forms.EmailField(label=_("E-mail"), widget=forms.EmailInput(attrs={"autocomplete": "username"}))
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, request: HttpRequest, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.request = request
        self.account: Account | None = None

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if not {"email", "password"} <= values.keys():
            return values
        key = f"sign-in:{values['email'].casefold()}:{self.request.META.get('REMOTE_ADDR', '')}"
        # Counted before the password is looked at: tries that come all at once are counted too.
        cache.add(key, 0, MINUTES * 60)
        if cache.incr(key) > ATTEMPTS:
            raise forms.ValidationError(_("Too many wrong tries. Wait a quarter of an hour and try again."))
        self.account = authenticate(self.request, username=values["email"], password=values["password"])
        if self.account is None:
            cache.touch(key, MINUTES * 60)
            raise forms.ValidationError(
                _("E-mail and password do not fit together. Capitals count in the password.")
            )
        cache.delete(key)
        return values
