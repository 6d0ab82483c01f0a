"""Make a staff account with desk roles: the first one of a deployment, or any later one by whoever runs the machine."""

import getpass
import os
import sys

from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from ehr.accounts.operations import Refused, open_account
from ehr.desk.operations import give_role
from ehr.desk.roles import DeskRole


class Command(BaseCommand):
    """The passphrase comes from the terminal, or from standard input where there is none; never from an argument."""

    help = "Make a staff account with desk roles. Its second factor is enrolled at the first sign-in."

    def add_arguments(self, parser):
        parser.add_argument("email")
        parser.add_argument("name")
        parser.add_argument(
            "--role", action="append", required=True, choices=[str(role) for role in DeskRole], dest="roles"
        )
        parser.add_argument("--time-zone", default="UTC")

    def handle(self, *, email, name, roles, time_zone, **_options):
        """Make the account and its roles in one commit. Exits 1 for a weak passphrase or a known address."""
        try:
            with transaction.atomic():
                made = open_account(email=email, name=name, passphrase=_passphrase(), staff=True, time_zone=time_zone)
                for role in dict.fromkeys(roles):
                    give_role(made.user, role=role, by=None, reason="createstaff")
        except Refused as stop:
            raise CommandError(stop.message) from stop
        except IntegrityError as known:
            raise CommandError(_("This address has an account. Give it a role at the desk.")) from known
        self.stdout.write(str(made.user.pk))


def _passphrase() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip(os.linesep)
    first = getpass.getpass(_("Passphrase: "))
    if getpass.getpass(_("Once more: ")) != first:
        raise CommandError(_("The two passphrases differ. Start again."))
    return first
