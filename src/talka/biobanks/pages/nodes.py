"""Pages of the data nodes: who answers now, what share of the donors is out of reach, what each has told."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from talka.biobanks import actions, courier, rules
from talka.biobanks.forms import NodeForm
from talka.biobanks.models import NodeState, Role
from talka.biobanks.pages.shared import PAGE, carry, require, sections, trail
from talka.biobanks.queries import nodes as queries
from talka.core.http import asker
from talka.domains import queries as domains

TONES = {NodeState.UP: "good", NodeState.DOWN: "bad", NodeState.MISMATCH: "bad", NodeState.UNSEEN: "neutral"}
# What the wire says in a word, for people.
WHY = {
    "timeout": gettext_lazy("it did not answer in time"),
    "refused": gettext_lazy("nothing listens at its address"),
    "connection": gettext_lazy("the connection broke"),
    "tls": gettext_lazy("its certificate is not trusted"),
    "address": gettext_lazy("its address is none"),
    "too-large": gettext_lazy("it answered more than was asked for"),
}


def nodes(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """Which nodes answer now, and how many of the donors can they tell of?"""
    eco = domains.enter(request, ecosystem)
    reach = queries.reach(eco)
    share = reach.missing_share
    return render(
        request,
        "biobanks/nodes.html",
        {
            "title": _("Data nodes"),
            "lead": _(
                "Data stay with their holders; a node beside them answers questions and obeys consents"
            ),
            "breadcrumbs": trail(eco, (_("Data nodes"), "")),
            "sections": sections(eco, "data-nodes"),
            "reach": reach,
            "count": len(reach.sights),
            "answering": f"{reach.up} / {len(reach.sights)}",
            "missing_share": share,
            "share_known": share is not None,
            "rows": [
                (
                    each,
                    NodeState(each.state).label,
                    TONES[NodeState(each.state)],
                    WHY.get(each.node.why, each.node.why),
                )
                for each in reach.sights
            ],
            "may_run": rules.may_run_nodes(asker(request), eco),
        },
    )


def node(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """A node: how is it, whose data are there, what has it told, how far has it followed?"""
    eco = domains.enter(request, ecosystem)
    row = get_object_or_404(queries.nodes(eco), code=code)
    sight = queries.sight(row, timezone.now())
    length, taken = queries.feed_length(), queries.has_taken(row)
    may_run = rules.may_run_nodes(asker(request), row)
    return render(
        request,
        "biobanks/node.html",
        {
            "title": str(row),
            "kicker": _("Data node"),
            "breadcrumbs": trail(
                eco, (_("Data nodes"), reverse("data-nodes", args=[eco.code])), (str(row), "")
            ),
            "row": row,
            "sight": sight,
            "state": NodeState(sight.state).label,
            "tone": TONES[NodeState(sight.state)],
            "why": WHY.get(row.why, row.why),
            "roles": ", ".join(str(Role(each).label) for each in row.roles),
            "versions": ", ".join(f"{about} {number}" for about, number in sorted(sight.agreed.items())),
            "follows": Role.FEED in row.roles,
            "length": length,
            "taken": taken,
            "behind": length - taken,
            "biobanks": list(queries.biobanks_at(row)),
            "page": Paginator(queries.figures_of(row), PAGE).get_page(request.GET.get("page")),
            "may_run": may_run,
            "hub_key": queries.hub_public_key() if may_run else "",
        },
    )


def add_node(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """Register a node."""
    eco = domains.enter(request, ecosystem)
    require(rules.may_run_nodes, request, eco, actions.register_node)
    return carry(
        request, eco, NodeForm(request.POST or None, ecosystem=eco), actions.register_node, eco,
        title=_("Register a data node"), cancel=reverse("data-nodes", args=[eco.code]), said=_("Registered."),
        allow=_allow(),
    )  # fmt: skip


def edit_node(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """Change a node."""
    eco = domains.enter(request, ecosystem)
    row = get_object_or_404(queries.nodes(eco), code=code)
    require(rules.may_run_nodes, request, row, actions.edit_node)
    return carry(
        request, eco, NodeForm(request.POST or None, ecosystem=eco, subject=row), actions.edit_node, row,
        title=_("Edit the node"), cancel=row.get_absolute_url(), said=_("Saved."), of=row,
        allow=_allow(),
    )  # fmt: skip


@require_POST
def look(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """Greet all nodes now."""
    eco = domains.enter(request, ecosystem)
    require(rules.may_run_nodes, request, eco, actions.note_seen)
    gathered = courier.look(eco)
    said = _("Asked %(count)d nodes; %(silent)d did not answer.")
    messages.success(request, said % {"count": len(gathered.answers), "silent": len(gathered.silent)})
    return redirect("data-nodes", eco.code)


def _allow() -> str:
    """The commands by which a node's people let this hub in, and have the node listen to its feed."""
    key = queries.hub_public_key()
    return (
        f"talka-node allow NODE {queries.CALLER} --public-key {key} --vouches\n"
        f"talka-node hub NODE --key {queries.FEED}={key}"
    )
