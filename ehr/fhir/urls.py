"""The addresses of the FHIR interface. What stands first wins; whatever else is asked for gets words, not a page."""

from django.urls import path

from ehr.fhir import capability, changing, operations, outcomes, reading, transactions
from ehr.fhir.asking import Asking
from ehr.fhir.bulk import groups
from ehr.fhir.bulk import rest as bulk
from ehr.fhir.query import Asked
from ehr.fhir.rest import interaction
from ehr.fhir.subscriptions import rest as subscribing
from ehr.fhir.wire import Answer, Sent

app_name = "fhir"


def nowhere(_sent: Sent, _told: Asked, _asking: Asking, **_place: str) -> Answer:
    """Refuse an address that is not known."""
    raise outcomes.no_such_address()


_CHECK = interaction(POST=operations.check, GET=operations.check)

urlpatterns = [
    path("metadata", interaction(public=True, GET=capability.metadata), name="metadata"),
    path("", interaction(POST=transactions.bundle), name="base"),
    path("_history", interaction(GET=reading.system_history), name="system-history"),
    path("Patient/<fhir_id>/$everything", interaction(GET=operations.everything), name="everything"),
    path("Patient/<fhir_id>/$summary", interaction(GET=operations.summarize), name="summary"),
    path(f"Group/{groups.MINE}", interaction(GET=groups.read), name="group"),
    path("$export", interaction(alone=True, GET=bulk.of_everybody, POST=bulk.of_everybody), name="export-all"),
    path("Patient/$export", interaction(alone=True, GET=bulk.of_patients, POST=bulk.of_patients), name="export"),
    path(
        "Group/<fhir_id>/$export",
        interaction(alone=True, GET=bulk.of_group, POST=bulk.of_group),
        name="export-group",
    ),
    path(
        "export-jobs/<export_id>",
        interaction(alone=True, GET=bulk.status, DELETE=bulk.cancel),
        name="export-job",
    ),
    path("export-jobs/<export_id>/<name>", interaction(alone=True, lines=True, GET=bulk.file), name="export-file"),
    path("Observation/$lastn", interaction(GET=operations.last_of_each), name="lastn"),
    path("Subscription", interaction(GET=subscribing.search, POST=subscribing.create), name="subscriptions"),
    path(
        "Subscription/_search",
        interaction(POST=subscribing.search_by_form, GET=subscribing.search),
        name="subscription-search",
    ),
    path(
        "Subscription/<fhir_id>",
        interaction(GET=subscribing.read, DELETE=subscribing.delete),
        name="subscription",
    ),
    path("Subscription/<fhir_id>/$status", interaction(GET=subscribing.status), name="subscription-status"),
    path("<kind>/_search", interaction(POST=reading.search_by_form, GET=reading.search_type), name="search"),
    path("<kind>/_history", interaction(GET=reading.type_history), name="type-history"),
    path("<kind>/$validate", _CHECK, name="validate"),
    path("<kind>/<fhir_id>/$validate", _CHECK, name="validate-one"),
    path("<kind>/<fhir_id>/_history", interaction(GET=reading.history), name="history"),
    path("<kind>/<fhir_id>/_history/<version>", interaction(GET=reading.vread), name="version"),
    path("Patient/<fhir_id>/<kind>", interaction(GET=reading.search_compartment), name="compartment"),
    path(
        "<kind>",
        interaction(
            GET=reading.search_type,
            POST=changing.create,
            PUT=changing.update_where,
            PATCH=changing.patch_where,
            DELETE=changing.delete_where,
        ),
        name="type",
    ),
    path(
        "<kind>/<fhir_id>",
        interaction(GET=reading.read, PUT=changing.update, PATCH=changing.patch, DELETE=changing.delete),
        name="instance",
    ),
    path(
        "<path:address>",
        interaction(GET=nowhere, POST=nowhere, PUT=nowhere, PATCH=nowhere, DELETE=nowhere),
        name="nowhere",
    ),
]
