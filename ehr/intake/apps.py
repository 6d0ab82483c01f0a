from django.apps import AppConfig


class IntakeConfig(AppConfig):
    name = "ehr.intake"
    label = "intake"
