from django.urls import path

from ehr.smart import asking, endpoints

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
]
