from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "ehr.accounts"
    label = "accounts"
