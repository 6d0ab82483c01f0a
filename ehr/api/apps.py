from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "ehr.api"
    label = "api"
