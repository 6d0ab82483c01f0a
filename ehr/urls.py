"""Which face answers where."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("ehr.portals.front.urls")),
    path("patient/", include("ehr.portals.patient.urls")),
    path("clinician/", include("ehr.portals.clinician.urls")),
    path("researcher/", include("ehr.portals.researcher.urls")),
    path("front-desk/", include("ehr.portals.frontdesk.urls")),
    path("in/", include("ehr.portals.feeds.urls")),
    path("api/v1/", include("ehr.api.urls")),
    path("", include("ehr.smart.urls")),
    path("fhir/", include("ehr.fhir.urls")),
    path("desk/", admin.site.urls),
]
