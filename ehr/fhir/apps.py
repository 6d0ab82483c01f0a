from django.apps import AppConfig


class FhirConfig(AppConfig):
    name = "ehr.fhir"
    label = "fhir"
