"""Every address of the house, in one place. People's pages carry the language first: /lv/… and /en/…"""

from django.conf.urls.i18n import i18n_patterns
from django.urls import include, path

from talka.api.root import api

urlpatterns = [
    path("api/v1/", api.urls),
    *i18n_patterns(
        path(
            "organisations/", include("talka.parties.urls")
        ),  # before web, which takes any word for an ecosystem
        path("", include("talka.web.urls")),
        path("<slug:ecosystem>/strategy/", include("talka.strategy.urls")),
        path("<slug:ecosystem>/plan/", include("talka.plan.urls")),
        path("<slug:ecosystem>/network/", include("talka.network.urls")),
        path("<slug:ecosystem>/facilities/", include("talka.facilities.urls")),
        path("<slug:ecosystem>/portfolio/", include("talka.portfolio.urls")),
        path("<slug:ecosystem>/biobanks/", include("talka.biobanks.urls")),
        path("<slug:ecosystem>/billing/", include("talka.billing.urls")),
        path("<slug:ecosystem>/bills/", include("talka.legislation.urls")),
        path("<slug:ecosystem>/council/", include("talka.governance.urls")),
        path("<slug:ecosystem>/data/", include("talka.documents.urls")),
    ),
]

handler400 = "talka.core.http.bad_request"
