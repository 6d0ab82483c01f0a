from django.apps import AppConfig


class RightsConfig(AppConfig):
    name = "ehr.rights"
    label = "rights"
