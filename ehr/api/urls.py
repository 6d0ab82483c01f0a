"""/api/v1: what FHIR has no words for. The table of verbs is docs/api.md."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter
from drf_spectacular.views import SpectacularJSONAPIView

from ehr.api import (
    asking,
    emergencies,
    grants,
    logs,
    nowhere,
    payments,
    providers,
    records,
    schema,  # noqa: F401 - known to the generator once it is imported
    session,
    visits,
    webhooks,
)


class Anything(StringConverter):
    """Whatever stands in an address: line ends too, which `path` does not match, and nothing at all."""

    regex = "(?s:.*)"


register_converter(Anything, "anything")
app_name = "api"

urlpatterns = [
    path("openapi.json", SpectacularJSONAPIView.as_view(), name="schema"),
    path("session", session.sign_in, name="sign-in"),
    path("session/unlock", session.unlock, name="unlock"),
    path("session/current", session.session, name="session"),
    path("patients/find", asking.find, name="find"),
    path("patients/<uuid:patient>/record", records.record, name="record"),
    path("patients/<uuid:patient>/entries", records.add, name="add"),
    path("patients/<uuid:patient>/entries/<uuid:entry>", records.entry, name="entry"),
    path("patients/<uuid:patient>/requests", asking.ask, name="ask"),
    path("patients/<uuid:patient>/log-events", records.looked_elsewhere, name="looked-elsewhere"),
    path("patients/<uuid:patient>/emergency", emergencies.override, name="emergency"),
    path("emergencies/find", emergencies.find, name="emergency-find"),
    path("consents", grants.consents, name="consents"),
    path("consents/temporary", grants.temporary, name="temporary"),
    path("consents/<uuid:grant>", grants.consent, name="consent"),
    path("consents/<uuid:grant>/proof", grants.proof, name="consent-proof"),
    path("schedules", visits.schedules, name="schedules"),
    path("schedules/<uuid:schedule>/kinds/<uuid:kind>/times", visits.times, name="times"),
    path("schedules/<uuid:schedule>/kinds/<uuid:kind>/holds", visits.keep, name="keep"),
    path("holds/<uuid:hold>", visits.hold, name="hold"),
    path("appointments", visits.appointments, name="appointments"),
    path("appointments/<uuid:appointment>", visits.appointment, name="appointment"),
    path("appointments/<uuid:appointment>/move", visits.move, name="appointment-move"),
    path("appointments/<uuid:appointment>/accept", visits.accept, name="appointment-accept"),
    path("appointments/<uuid:appointment>/cancel", visits.cancel, name="appointment-cancel"),
    path("requests/sent", asking.sent, name="sent"),
    path("requests", asking.received, name="received"),
    path("requests/<uuid:asked>/approve", asking.approve, name="approve"),
    path("requests/<uuid:asked>/decline", asking.decline, name="decline"),
    path("providers/registration", providers.registration, name="registration"),
    path("providers/credentials/<uuid:credential>/decision", providers.decision, name="decision"),
    path("payments/stripe", payments.stripe, name="stripe"),
    path("licences/check", providers.licence, name="licence"),
    path("clinicians", providers.clinicians, name="clinicians"),
    path("institutions", providers.institutions, name="institutions"),
    path("institutions/<uuid:institution>/webhook", webhooks.webhook, name="webhook"),
    path("log", logs.lines, name="log"),
    path("log/whole", logs.whole_list, name="log-whole"),
    path("log/head", logs.head, name="log-head"),
    path("log/<uuid:event>/proof", logs.proof, name="log-proof"),
    path("<anything:address>", nowhere.nowhere, name="nowhere"),
]
