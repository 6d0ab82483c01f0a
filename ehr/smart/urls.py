from django.urls import path

from ehr.smart import asking, connected, developing, endpoints

app_name = "smart"

urlpatterns = [
    path("fhir/.well-known/smart-configuration", endpoints.smart_configuration, name="configuration"),
    path("fhir/.well-known/openid-configuration", endpoints.openid_configuration, name="openid"),
    path("smart/keys", endpoints.keys, name="keys"),
    path("smart/token", endpoints.token, name="token"),
    path("smart/introspect", endpoints.introspect, name="introspect"),
    path("smart/revoke", endpoints.revoke, name="revoke"),
    path("smart/authorize", asking.authorize, name="authorize"),
    path("smart/authorize/<uuid:draft>/", asking.ask, name="ask"),
    path("smart/authorize/<uuid:draft>/confirm/", asking.confirm, name="confirm"),
    path("smart/authorize/<uuid:draft>/decline/", asking.decline, name="decline"),
    path("smart/services/", asking.services_to_let_in, name="services"),
    path("smart/services/<slug:client_id>/", asking.begin_service, name="begin-service"),
    path("smart/connected/", connected.connected, name="connected"),
    path("smart/connected/<uuid:authorization>/stop/", connected.stop, name="stop"),
    path("smart/open/<uuid:patient>/", connected.launch, name="launch"),
    path("smart/apps/", developing.apps, name="apps"),
    path("smart/apps/new/", developing.new, name="new-app"),
    path("smart/apps/<slug:client_id>/", developing.app, name="app"),
    path("smart/apps/<slug:client_id>/change/", developing.change, name="change-app"),
    path("smart/apps/<slug:client_id>/withdraw/", developing.withdraw, name="withdraw-app"),
]
