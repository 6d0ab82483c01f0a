from django.apps import AppConfig


class SmartConfig(AppConfig):
    name = "ehr.smart"
    label = "smart"
