"""How Django finds the person of a session and checks a passphrase. Opens no keyring: `operations.sign_in` does."""

from django.contrib.auth.backends import ModelBackend

from ehr.accounts.models import User


class Passphrase(ModelBackend):
    """Name or address and passphrase, for people who are active, and proven by a letter or by staff who saw them."""

    def user_can_authenticate(self, user):
        return user.is_active and user.is_proven

    def get_user(self, user_id):
        """Return the active person of a session. One who is not proven yet is shown the way."""
        return User.objects.filter(pk=user_id, is_active=True).first()
