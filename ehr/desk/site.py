"""The staff desk."""

from django.contrib.admin import AdminSite


class Desk(AdminSite):
    """The staff desk, behind a second factor."""
