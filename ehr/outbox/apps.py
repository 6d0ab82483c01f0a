from django.apps import AppConfig


class OutboxConfig(AppConfig):
    name = "ehr.outbox"
    label = "outbox"
