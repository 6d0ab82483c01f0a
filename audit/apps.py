from django.apps import AppConfig
from django.core.checks import register

from audit import checks


class AuditConfig(AppConfig):
    name = "audit"

    def ready(self):
        register(checks.log_origin)
