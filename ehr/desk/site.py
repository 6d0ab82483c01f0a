"""The staff desk: Django's admin, behind a second factor."""

from django_otp.admin import OTPAdminSite


class Desk(OTPAdminSite):
    """Open to staff whose session has passed a second factor."""
