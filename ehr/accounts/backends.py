"""How Django finds the person of a session and checks a passphrase. Opens no keyring: `operations.sign_in` does."""

from django.contrib.auth.backends import ModelBackend

from ehr.accounts.models import User


class Passphrase(ModelBackend):
    """E-mail and passphrase, for people who are active and whose address is proven."""

    def user_can_authenticate(self, user):
        return user.is_active and user.email_verified_at is not None

    def get_user(self, user_id):
        """Return the active person of a session. One whose address is not proven yet is shown the way to prove it."""
        return User.objects.filter(pk=user_id, is_active=True).first()
