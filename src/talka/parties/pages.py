"""Pages of organisations (for everybody), of people (for those signed in) and of accounts (for administrators)."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import login, update_session_auth_hash
from django.contrib.auth.tokens import default_token_generator
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlsafe_base64_decode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from talka.core import sheets_io
from talka.core.actions import HUB, Invalid, Refused
from talka.core.formats import BadFile
from talka.core.forms import answer_status
from talka.core.http import asker
from talka.core.rules import PERMISSIONS
from talka.parties import actions, forms, queries, rules
from talka.parties.models import (
    Account,
    Affiliation,
    Grant,
    Helix,
    Organisation,
    OrganisationKind,
    Person,
    Token,
)
from talka.parties.queries import duplicates as alike
from talka.parties.roles import ROLES
from talka.parties.sheets import ror
from talka.ui import charts

PAGE = 50


def _only(request: HttpRequest, rule: Any, subject: Any = HUB, reason: str = "") -> Any:
    """Whoever asks, if the rule lets them; Refused else, which a visitor sees as the way to sign in."""
    by = asker(request)
    if not rule(by, subject):
        raise Refused("parties.see", by, reason or _("This page is for people who keep organisations."))
    return by


def _for_administrators(request: HttpRequest) -> Any:
    return _only(
        request,
        rules.may_administer,
        reason=_("Accounts and roles are kept by the administrators of the hub."),
    )


def _trail(*steps: tuple[str, str]) -> list[tuple[str, str]]:
    return [(_("Organisations"), reverse("organisations")), *steps]


# ---------------------------------------------------------------- organisations


def organisations(request: HttpRequest) -> HttpResponse:
    """All organisations, to be narrowed by words, sector and kind."""
    text, helix, kind = (request.GET.get(name, "").strip() for name in ("q", "helix", "kind"))
    helix = helix if helix in Helix.values else ""
    kind = kind if kind in OrganisationKind.values else ""
    counts = queries.helix_counts()
    keys = queries.in_order(queries.narrowed(text[:200], helix, kind))
    page = Paginator(keys, PAGE).get_page(request.GET.get("page"))
    picture = charts.bars(
        [
            charts.Bar(
                str(Helix(code).label),
                count,
                url=f"?helix={code}",
                tone="" if helix in ("", code) else "neutral",
            )
            for code, count in counts.items()
        ],
        title=_("Organisations by helix sector"),
    )
    return render(
        request,
        "parties/organisations.html",
        {
            "title": _("Organisations"),
            "lead": _(
                "Ministries, research, companies, associations and hospitals that the ecosystems are made of."
            ),
            "page": page,
            "rows": queries.by_keys(page.object_list),
            "total": sum(counts.values()),
            "picture": picture,
            "text": text,
            "helix": helix,
            "kind": kind,
            "helixes": Helix.choices,
            "kinds": OrganisationKind.choices,
            "narrowed": bool(text or helix or kind),
            "may_edit": rules.may_edit(asker(request), HUB),
            "may_see_people": rules.may_see_people(asker(request), HUB),
            "may_administer": rules.may_administer(asker(request), HUB),
        },
    )


def organisation(request: HttpRequest, pk: int) -> HttpResponse:
    """One organisation: its names, what it belongs to, who works there, and what the rooms above know of it."""
    found = get_object_or_404(
        Organisation.objects.select_related("parent__parent", "successor", "merged_into").prefetch_related(
            "other_names"
        ),
        pk=pk,
    )
    if found.merged_into is not None:
        return redirect(found.merged_into)
    by = asker(request)
    parts = list(queries.parts(found))
    return render(
        request,
        "parties/organisation.html",
        {
            "title": found.name,
            "kicker": f"{found.get_kind_of_display()} · {found.get_helix_display()}",
            "breadcrumbs": _trail((str(found), "")),
            "organisation": found,
            "other_names": queries.other_names(found),
            "above": list(queries.above(found)),
            "parts": parts,
            "work": queries.work_of(found, by),
            "may_see_people": rules.may_see_people(by, found),
            "staff": queries.staff(found) if rules.may_see_people(by, found) else [],
            "predecessors": queries.predecessors(found),
            "may_edit": rules.may_edit(by, found),
            "withdraw_form": forms.WithdrawForm(subject=found),
        },
    )


def add_organisation(request: HttpRequest) -> HttpResponse:
    """Founds an organisation."""
    by = _only(request, rules.may_edit)
    form = forms.OrganisationForm(request.POST or None)
    if request.method == "POST" and form.carry_out(actions.add_organisation, HUB, by=by):
        messages.success(request, _("“%(name)s” is there now.") % {"name": form.result.name})
        return redirect(form.result)
    return _form(
        request, form, _("Add an organisation"), _trail((_("Add"), "")), reverse("organisations"), _("Add")
    )


def edit_organisation(request: HttpRequest, pk: int) -> HttpResponse:
    """Changes what is known of an organisation."""
    by = _only(request, rules.may_edit)
    found = get_object_or_404(queries.organisations(), pk=pk)
    form = forms.OrganisationForm(request.POST or None, subject=found)
    if request.method == "POST" and form.carry_out(actions.edit_organisation, found, by=by):
        messages.success(request, _("Saved."))
        return redirect(found)
    back = found.get_absolute_url()
    title = _("Change “%(name)s”") % {"name": found.name}
    return _form(request, form, title, _trail((str(found), back), (_("Change"), "")), back)


@require_POST
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Notes that an organisation no longer exists."""
    found = get_object_or_404(queries.organisations(), pk=pk)
    by = _only(request, rules.may_edit, found)
    form = forms.WithdrawForm(request.POST, subject=found)
    if form.carry_out(actions.withdraw, found, by=by):
        messages.success(request, _("“%(name)s” is noted as no longer existing.") % {"name": found.name})
        return redirect(found)
    back = found.get_absolute_url()
    title = _("“%(name)s” no longer exists") % {"name": found.name}
    return _form(request, form, title, _trail((str(found), back), ("", "")), back, _("Note it"))


def duplicates(request: HttpRequest) -> HttpResponse:
    """Pairs of records that may be one organisation."""
    _only(request, rules.may_edit)
    page = Paginator(alike.candidates(), PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "parties/duplicates.html",
        {
            "title": _("Possible duplicates"),
            "lead": _("Records that may be one organisation. Look at both, then merge them or leave them."),
            "breadcrumbs": _trail((_("Possible duplicates"), "")),
            "page": page,
        },
    )


def merge(request: HttpRequest, pk: int) -> HttpResponse:
    """A duplicate beside the organisation it really is, and the button that merges them."""
    by = _only(request, rules.may_edit)
    duplicate = get_object_or_404(queries.organisations().prefetch_related("other_names"), pk=pk)
    back = duplicate.get_absolute_url()
    given = request.POST if request.method == "POST" else request.GET if "into" in request.GET else None
    form = forms.MergeForm(given)
    into: Organisation | None = form.cleaned_data["into"] if given is not None and form.is_valid() else None
    if request.method == "POST" and into is not None:
        try:
            survivor = actions.merge(duplicate, by=by, into=into)
        except Invalid as error:
            form.add_error("into", str(error))
        else:
            messages.success(
                request,
                _("“%(name)s” is now part of “%(into)s”; its names were kept.")
                % {"name": duplicate.name, "into": survivor.name},
            )
            return redirect(survivor)
    return render(
        request,
        "parties/merge.html",
        {
            "title": _("Merge “%(name)s” into another") % {"name": duplicate.name},
            "breadcrumbs": _trail((str(duplicate), back), (_("Merge"), "")),
            "form": form,
            "duplicate": duplicate,
            "into": into,
            "rows": alike.compared(duplicate, into) if into is not None else [],
            "followers": queries.followers(duplicate),
            "cancel": back,
        },
    )


def ror_import(request: HttpRequest) -> HttpResponse:
    """Records of the Research Organization Registry: choose a file, look at what it would do, do it."""
    by = _only(request, rules.may_edit)
    step = request.POST.get("step", "")
    form = forms.RorForm()
    context: dict[str, Any] = {
        "title": _("Organisations from ROR"),
        "lead": _("Ids, names in other languages and websites from the Research Organization Registry."),
        "breadcrumbs": _trail((_("From ROR"), "")),
        "form": form,
    }
    try:
        if step:
            upload = sheets_io.kept(request.POST.get("upload", ""))
            context |= _ror_preview(upload, request.POST.get("country", "LV")[:2], _decisions(request))
            if step == "apply":
                if context["fingerprint"] == request.POST.get("fingerprint"):
                    return _ror_apply(request, context["preview"], upload, by)
                messages.warning(
                    request, _("What would be done has changed meanwhile. Look again, then import.")
                )
        elif request.method == "POST":
            form = context["form"] = forms.RorForm(request.POST, request.FILES)
            if form.is_valid():
                context |= _ror_preview(
                    sheets_io.keep(form.cleaned_data["file"]), form.cleaned_data["country"], {}
                )
    except (BadFile, Invalid) as error:
        said = sheets_io.explained(error) if isinstance(error, BadFile) else str(error)
        if form.is_bound:
            form.add_error("file", said)
        else:
            messages.error(request, said)
    return render(request, "parties/ror.html", context)


def _decisions(request: HttpRequest) -> dict[str, str]:
    """What was decided about records that could mean several organisations: ROR id → decision."""
    prefix = "decision-"
    return {
        name.removeprefix(prefix): str(value)
        for name, value in request.POST.items()
        if name.startswith(prefix)
    }


def _ror_preview(upload: sheets_io.Kept, country: str, decisions: dict[str, str]) -> dict[str, Any]:
    records, problems = ror.read(upload.path.read_bytes(), upload.name, country=country)
    preview = ror.preview(records, problems, decisions)
    asked = [item for item in preview.items if item.kind == ror.OPEN or item.record.ror in decisions]
    return {
        "preview": preview,
        "fingerprint": preview.fingerprint,
        "questions": [(item, decisions.get(item.record.ror, "")) for item in asked],
        "new": [item for item in preview.items if item.kind == ror.NEW],
        "changes": [
            (item, list(ror.differences(item))) for item in preview.items if item.kind == ror.CHANGED
        ],
        "upload": upload,
        "country": country,
        "counts": {kind: preview.count(kind) for kind in (ror.NEW, ror.CHANGED, ror.SAME, ror.OPEN)},
    }


def _ror_apply(request: HttpRequest, preview: ror.Preview, upload: sheets_io.Kept, by: Any) -> HttpResponse:
    done = ror.apply(preview, by=by)
    sheets_io.discard(upload)
    said = ngettext(
        "%(count)d organisation was added or changed.",
        "%(count)d organisations were added or changed.",
        len(done),
    )
    messages.success(request, said % {"count": len(done)})
    return redirect("organisations")


# ---------------------------------------------------------------- people


def _for_signed_in(request: HttpRequest) -> Any:
    return _only(request, rules.may_see_people, reason=_("People are shown to those who are signed in."))


def people(request: HttpRequest) -> HttpResponse:
    """Everybody known to the hub."""
    by = _for_signed_in(request)
    text = request.GET.get("q", "").strip()[:200]
    page = Paginator(queries.people_named(text), PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "parties/people.html",
        {
            "title": _("People"),
            "breadcrumbs": _trail((_("People"), "")),
            "page": page,
            "text": text,
            "may_edit": rules.may_edit(by, HUB),
            "may_administer": rules.may_administer(by, HUB),
        },
    )


def person(request: HttpRequest, pk: int) -> HttpResponse:
    """One person: where he or she works, and the account."""
    by = _for_signed_in(request)
    found = get_object_or_404(queries.people(), pk=pk)
    return render(
        request,
        "parties/person.html",
        {
            "title": str(found),
            "breadcrumbs": _trail((_("People"), reverse("people")), (str(found), "")),
            "person": found,
            "affiliations": list(queries.affiliations(found)),
            "account": getattr(found, "account", None),
            "may_edit": rules.may_edit(by, found),
            "may_affiliate": rules.may_affiliate(by, found),
            "may_administer": rules.may_administer(by, found),
        },
    )


def add_person(request: HttpRequest) -> HttpResponse:
    """Notes a person."""
    by = _only(request, rules.may_edit)
    form = forms.PersonForm(request.POST or None)
    if request.method == "POST" and form.carry_out(actions.add_person, HUB, by=by):
        return redirect(form.result)
    steps = _trail((_("People"), reverse("people")), (_("Add"), ""))
    return _form(request, form, _("Add a person"), steps, reverse("people"), _("Add"))


def edit_person(request: HttpRequest, pk: int) -> HttpResponse:
    """Changes what is known of a person."""
    by = _only(request, rules.may_edit)
    found = get_object_or_404(Person, pk=pk)
    form = forms.PersonForm(request.POST or None, subject=found)
    if request.method == "POST" and form.carry_out(actions.edit_person, found, by=by):
        messages.success(request, _("Saved."))
        return redirect(found)
    return _form(
        request,
        form,
        _("Change “%(name)s”") % {"name": found},
        _of(found, _("Change")),
        found.get_absolute_url(),
    )


def affiliate(request: HttpRequest, pk: int) -> HttpResponse:
    """Notes where a person works."""
    found = get_object_or_404(queries.people(), pk=pk)
    by = _only(
        request,
        rules.may_affiliate,
        found,
        _(
            "An account acts for the institutions its person works in, so here only an administrator may say which."
        ),
    )
    form = forms.AffiliationForm(request.POST or None)
    if request.method == "POST" and form.carry_out(actions.affiliate, found, by=by):
        return redirect(found)
    title = _("Where does %(name)s work?") % {"name": found}
    return _form(request, form, title, _of(found, _("Works in")), found.get_absolute_url(), _("Add"))


@require_POST
def end_affiliation(request: HttpRequest, pk: int) -> HttpResponse:
    """Notes that a person no longer works somewhere."""
    found = get_object_or_404(Affiliation.objects.select_related("person"), pk=pk)
    actions.end_affiliation(found, by=asker(request))
    return redirect(found.person)


def open_account(request: HttpRequest, pk: int) -> HttpResponse:
    """Lets a person sign in."""
    by = _for_administrators(request)
    found = get_object_or_404(queries.people(), pk=pk)
    form = forms.EmailForm(request.POST or None, initial={"email": found.email})
    if request.method == "POST" and form.carry_out(actions.open_account, found, by=by):
        messages.success(request, _("The account is open. Give it a role, then invite its owner."))
        return redirect(form.result)
    title = _("Open an account for %(name)s") % {"name": found}
    return _form(
        request, form, title, _of(found, _("Account")), found.get_absolute_url(), _("Open the account")
    )


def _of(found: Person, here: str) -> list[tuple[str, str]]:
    return _trail((_("People"), reverse("people")), (str(found), found.get_absolute_url()), (here, ""))


# ---------------------------------------------------------------- accounts


def roles(request: HttpRequest) -> HttpResponse:
    """What each role may do, in a sentence and permission by permission."""
    return render(
        request,
        "parties/roles.html",
        {
            "title": _("Roles"),
            "lead": _("What each role may do. A role is held in one ecosystem or in the whole hub."),
            "breadcrumbs": _trail((_("Roles"), "")),
            "roles": list(ROLES.values()),
            "permissions": [
                (label, [code in role.permissions for role in ROLES.values()])
                for code, label in sorted(PERMISSIONS.items())
                if any(code in role.permissions for role in ROLES.values())
            ],
        },
    )


def accounts(request: HttpRequest) -> HttpResponse:
    """Who can sign in, and as what."""
    _for_administrators(request)
    page = Paginator(queries.accounts(), PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "parties/accounts.html",
        {
            "title": _("Accounts"),
            "lead": _("Who can sign in, and what each account may do."),
            "breadcrumbs": _trail((_("Accounts"), "")),
            "page": page,
        },
    )


@never_cache
def account(request: HttpRequest, pk: int) -> HttpResponse:
    """One account: its roles, its keys, and what can be done with it."""
    _for_administrators(request)
    return _account_page(request, pk, forms.GrantForm())


def _account_page(request: HttpRequest, pk: int, grant_form: forms.GrantForm, link: str = "") -> HttpResponse:
    found = get_object_or_404(queries.accounts(), pk=pk)
    return render(
        request,
        "parties/account.html",
        {
            "title": _("Account of %(name)s") % {"name": found},
            "breadcrumbs": _trail((_("Accounts"), reverse("accounts")), (str(found), "")),
            "account": found,
            "grants": [(each, ROLES[each.role]) for each in found.grants.all()],
            "tokens": queries.tokens(found),
            "grant_form": grant_form,
            "link": link,
            "own": found.pk == request.user.pk,
        },
    )


@require_POST
def grant(request: HttpRequest, pk: int) -> HttpResponse:
    """Gives a role."""
    by = _for_administrators(request)
    found = get_object_or_404(Account, pk=pk)
    form = forms.GrantForm(request.POST)
    if form.carry_out(actions.grant, found, by=by):
        return redirect(found)
    return _account_page(request, pk, form)


@require_POST
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Takes a role."""
    given = get_object_or_404(Grant.objects.select_related("account__person"), pk=pk)
    return _carried(request, lambda: actions.revoke(given, by=asker(request)), given.account)


@require_POST
def close_account(request: HttpRequest, pk: int) -> HttpResponse:
    """Closes an account."""
    found = get_object_or_404(Account, pk=pk)
    return _carried(request, lambda: actions.deactivate(found, by=asker(request)), found)


@require_POST
def reopen_account(request: HttpRequest, pk: int) -> HttpResponse:
    """Opens a closed account again."""
    found = get_object_or_404(Account, pk=pk)
    return _carried(request, lambda: actions.reactivate(found, by=asker(request)), found)


def _carried(request: HttpRequest, verb: Any, back: Any) -> HttpResponse:
    """Carries a verb out and goes back; what is not possible is said there."""
    try:
        verb()
    except Invalid as error:
        messages.error(request, str(error))
    return redirect(back)


def set_email(request: HttpRequest, pk: int) -> HttpResponse:
    """Changes the address with which an account signs in."""
    by = _for_administrators(request)
    found = get_object_or_404(Account, pk=pk)
    form = forms.EmailForm(request.POST or None, initial={"email": found.email})
    if request.method == "POST" and form.carry_out(actions.set_email, found, by=by):
        return redirect(found)
    steps = _trail(
        (_("Accounts"), reverse("accounts")), (str(found), found.get_absolute_url()), (_("E-mail"), "")
    )
    return _form(request, form, _("Address of %(name)s") % {"name": found}, steps, found.get_absolute_url())


@require_POST
@never_cache
def invite(request: HttpRequest, pk: int) -> HttpResponse:
    """Shows the link by which the account's owner chooses a password, once."""
    by = _for_administrators(request)
    uid, token = actions.invite(get_object_or_404(Account, pk=pk), by=by).split("/")
    link = request.build_absolute_uri(reverse("welcome", args=[uid, token]))
    return _account_page(request, pk, forms.GrantForm(), link)


@sensitive_post_parameters()
@never_cache
def welcome(request: HttpRequest, uid: str, token: str) -> HttpResponse:
    """Where an invitation leads: its owner chooses a password and is signed in."""
    try:
        invited = Account.objects.filter(pk=int(urlsafe_base64_decode(uid)), is_active=True).first()
    except ValueError:
        invited = None
    if invited is None or not default_token_generator.check_token(invited, token):
        raise Http404(
            _("This invitation was used already or has expired. Ask an administrator for a new one.")
        )
    form = forms.WelcomeForm(request.POST or None)
    if request.method == "POST" and form.carry_out(actions.choose_password, invited, by=invited, token=token):
        login(request, invited, backend="django.contrib.auth.backends.ModelBackend")
        return redirect("home")
    lead = _("Choose the password with which you will sign in as %(email)s.") % {"email": invited.email}
    return _form(
        request,
        form,
        _("Welcome to Talka"),
        [],
        reverse("home"),
        _("Save and sign in"),
        lead=lead,
        draft=False,
    )


@never_cache
def my_account(request: HttpRequest) -> HttpResponse:
    """One's own account: roles, password, language, keys for programs."""
    return _my_account(request)


def _mine(request: HttpRequest) -> Account:
    return _only(request, rules.is_signed_in, reason=_("Sign in to see your account."))


def _my_account(request: HttpRequest, secret: str = "", **bound: Any) -> HttpResponse:
    own = queries.accounts().get(pk=_mine(request).pk)
    return render(
        request,
        "parties/my_account.html",
        {
            "title": _("My account"),
            "lead": own.email,
            "account": own,
            "grants": [(each, ROLES[each.role]) for each in own.grants.all()],
            "affiliations": list(queries.affiliations(own.person)) if own.person else [],
            "tokens": queries.tokens(own),
            "secret": secret,
            "password_form": bound.get("password") or forms.PasswordForm(account=own),
            "language_form": bound.get("language") or forms.LanguageForm(initial={"language": own.language}),
            "key_form": bound.get("key") or forms.KeyForm(),
        },
    )


@sensitive_post_parameters()
@require_POST
@never_cache
def change_password(request: HttpRequest) -> HttpResponse:
    """Changes one's own password; other browsers are signed out by it."""
    own = _mine(request)
    form = forms.PasswordForm(request.POST, account=own)
    if form.carry_out(actions.set_password, own, by=own):
        update_session_auth_hash(request, own)
        messages.success(request, _("Your password is changed. Everywhere else you were signed out."))
        return redirect("my-account")
    return _my_account(request, password=form)


@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """Sets the language of letters."""
    own = _mine(request)
    form = forms.LanguageForm(request.POST)
    if form.carry_out(actions.set_language, own, by=own):
        messages.success(request, _("Saved."))
        return redirect("my-account")
    return _my_account(request, language=form)


@require_POST
@never_cache
def make_key(request: HttpRequest) -> HttpResponse:
    """Makes a key for a program and shows it this once."""
    own = _mine(request)
    form = forms.KeyForm(request.POST)
    if form.carry_out(actions.make_token, own, by=own):
        return _my_account(request, secret=form.result.secret)
    return _my_account(request, key=form)


@require_POST
def revoke_key(request: HttpRequest, pk: int) -> HttpResponse:
    """Stops a key."""
    token = get_object_or_404(Token.objects.select_related("account__person"), pk=pk)
    by = asker(request)
    actions.revoke_token(token, by=by)
    return redirect("my-account" if by.pk == token.account_id else token.account)


# ---------------------------------------------------------------- shared


def _form(
    request: HttpRequest,
    form: Any,
    title: str,
    breadcrumbs: list[tuple[str, str]],
    cancel: str,
    submit: str = "",
    *,
    lead: str = "",
    draft: bool = True,
) -> HttpResponse:
    return render(
        request,
        "ui/form_page.html",
        {
            "title": title,
            "lead": lead,
            "breadcrumbs": [step for step in breadcrumbs if step[0]],
            "form": form,
            "cancel": cancel,
            "submit": submit or _("Save"),
            "draft_key": None if draft else False,
        },
        status=answer_status(form),
    )
