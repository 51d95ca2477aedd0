"""Addresses of the room, after <ecosystem>/biobanks/. Fixed words come before codes of biobanks."""

from django.urls import path

from talka.biobanks.pages import consent, directory, nodes

urlpatterns = [
    path("", directory.biobanks, name="biobanks"),
    path("add/", directory.add_biobank, name="biobank-add"),
    path("networks/<slug:code>/", directory.network, name="biobank-network"),
    path("resources/<slug:code>/", directory.resource, name="research-resource"),
    path("quality/<int:pk>/verify/", directory.verify_quality, name="quality-verify"),
    path("catalogue.<slug:format>", directory.catalogue, {"profile": "health"}, name="biobanks-catalogue"),
    path("gdi-catalogue.<slug:format>", directory.catalogue, {"profile": "gdi"}, name="biobanks-gdi"),
    path("miabis.fhir.json", directory.fhir_bundle, name="biobanks-fhir"),
    path("bbmri/<slug:table>.csv", directory.bbmri_table, name="biobanks-bbmri"),
    path("nodes/", nodes.nodes, name="data-nodes"),
    path("nodes/add/", nodes.add_node, name="data-node-add"),
    path("nodes/look/", nodes.look, name="data-nodes-look"),
    path("nodes/<slug:code>/", nodes.node, name="data-node"),
    path("nodes/<slug:code>/edit/", nodes.edit_node, name="data-node-edit"),
    path("consent/", consent.consents, name="consents"),
    path("consent/donor/", consent.donor, name="consent-donor"),
    path("consent/withdraw/", consent.withdraw, name="consent-withdraw-all"),
    path("consent/withdraw/<slug:biobank>/", consent.withdraw, name="consent-withdraw"),
    path("consent/opt-out/", consent.opt_out, name="consent-opt-out"),
    path("consent/destructions/", consent.destructions, name="destructions"),
    path("consent/destructions/<int:pk>/", consent.destruct, name="destruction"),
    path("consent/statements/<int:pk>/", consent.statement, name="statement"),
    path("consent/statements/<int:pk>/fhir/", consent.statement_fhir, name="statement-fhir"),
    path("consent/statements/<int:pk>/scan/", consent.scan, name="statement-scan"),
    path("consent/forms/<slug:code>/<int:version>/", consent.form, name="consent-form"),
    path("consent/forms/<slug:code>/<int:version>.json", consent.form_file, name="consent-form-file"),
    path(
        "consent/forms/<slug:code>/<int:version>/publish/", consent.publish_form, name="consent-form-publish"
    ),
    path("consent/collectors/add/", consent.add_collector, name="collector-add"),
    path("consent/collectors/<slug:code>/", consent.collector, name="collector"),
    path("consent/collectors/<slug:code>/edit/", consent.edit_collector, name="collector-edit"),
    path("consent/collectors/<slug:code>/<slug:form>/<int:version>/", consent.intake, name="consent-intake"),
    path("<slug:code>/", directory.biobank, name="biobank"),
    path("<slug:code>/edit/", directory.edit_biobank, name="biobank-edit"),
    path("<slug:code>/confirm/", directory.confirm_biobank, name="biobank-confirm"),
    path("<slug:code>/add-collection/", directory.add_collection, name="collection-add"),
    path("<slug:code>/add-quality/", directory.add_quality, name="quality-add"),
    path("<slug:biobank>/collections/<slug:code>/", directory.collection, name="collection"),
    path("<slug:biobank>/collections/<slug:code>/edit/", directory.edit_collection, name="collection-edit"),
]
