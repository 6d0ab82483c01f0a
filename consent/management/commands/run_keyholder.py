import logging
import signal
import threading

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connections

from consent.keyholder import readers, releases, server
from consent.keyholder.token import TokenAway

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Hold the escrow's key: listen on KEYHOLDER_SOCKET and open against committed events only."
    requires_system_checks = []

    def handle(self, *_args, **_options):
        if not settings.KEYHOLDER_SOCKET:
            raise CommandError("Set KEYHOLDER_SOCKET to the path this program should listen on.")
        server.harden()
        releases.remember()
        try:
            readers.wrapping()
            door = server.Server(settings.KEYHOLDER_SOCKET, server.user_ids(settings.KEYHOLDER_USERS))
            door.start()
        except (readers.NotHeld, server.CannotListen) as problem:
            raise CommandError(str(problem)) from problem
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        self._open_readers()
        logger.info("The keyholder listens.")
        stop.wait()
        door.stop()

    @staticmethod
    def _open_readers() -> None:
        """Make the keyrings where they are missing. Where the tables are not there yet, whoever makes them asks."""
        try:
            readers.open_all()
        except (Error, TokenAway) as problem:
            logger.warning("The keyrings could not be looked at yet (%s).", type(problem).__name__)
        finally:
            connections.close_all()
