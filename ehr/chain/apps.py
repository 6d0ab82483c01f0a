from django.apps import AppConfig


class ChainConfig(AppConfig):
    name = "ehr.chain"
    label = "chain"
