from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "ehr.demo"
    label = "demo"
