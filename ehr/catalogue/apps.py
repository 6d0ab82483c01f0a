from django.apps import AppConfig


class CatalogueConfig(AppConfig):
    name = "ehr.catalogue"
    label = "catalogue"
