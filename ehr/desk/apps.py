"""Two entries: Django's admin with our site in it, and this room, so that its commands and templates are found."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class DeskConfig(AdminConfig):
    """Django's admin as the staff desk, behind a second factor."""

    default_site = "ehr.desk.site.Desk"


class DeskRoom(AppConfig):
    name = "ehr.desk"
    label = "desk"
