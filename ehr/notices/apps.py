from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "ehr.notices"
    label = "notices"
