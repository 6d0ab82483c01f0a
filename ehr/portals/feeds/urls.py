from django.urls import path

from ehr.portals.feeds import messages, readings, resources

app_name = "feeds"
urlpatterns = [
    path("hl7v2", messages.hl7v2, name="hl7v2"),
    path("device", readings.device, name="device"),
    path("ccda", resources.ccda, name="ccda"),
    path("fhir", resources.fhir, name="fhir"),
]
