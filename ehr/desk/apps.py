from django.contrib.admin.apps import AdminConfig


class DeskConfig(AdminConfig):
    """Django's admin as the staff desk, behind a second factor."""

    default_site = "ehr.desk.site.Desk"
