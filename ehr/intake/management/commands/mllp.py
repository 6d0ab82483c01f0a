import asyncio
import signal

from django.core.management.base import BaseCommand, CommandError
from django.db import close_old_connections

from ehr.environment import require_apart
from ehr.intake import feeds
from ehr.intake.hl7v2 import acks, mllp, receiving


class Command(BaseCommand):
    help = "Listen for HL7 v2 messages by MLLP, from the addresses that registered feeds name, until told to stop."

    def add_arguments(self, parser):
        parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: this machine only)")
        parser.add_argument("--port", type=int, default=2575, help="the port (default: 2575)")
        parser.add_argument(
            "--tls-cert", default="", help="the server's certificate, with its chain; without it, no TLS"
        )
        parser.add_argument("--tls-key", default="", help="the certificate's key")
        parser.add_argument("--tls-clients", default="", help="authorities that vouch for senders' certificates")

    def handle(self, *_args, **options):
        require_apart()
        tls = None
        if bool(options["tls_cert"]) != bool(options["tls_key"]) or (
            options["tls_clients"] and not options["tls_cert"]
        ):
            raise CommandError("TLS needs both --tls-cert and --tls-key.")
        if options["tls_cert"]:
            try:
                tls = mllp.tls_context(options["tls_cert"], options["tls_key"], clients=options["tls_clients"])
            except OSError as problem:
                raise CommandError(f"The certificate or its key cannot be used: {problem.strerror}.") from None
        asyncio.run(self._listen(options["host"], options["port"], tls))

    async def _listen(self, host, port, tls):
        listener = mllp.Listener(attend=attend, known=known)
        try:
            taken = await listener.start(host, port, tls=tls)
        except OSError as problem:
            raise CommandError(f"{host}:{port} cannot be listened on: {problem.strerror}.") from None
        told = asyncio.Event()
        for one in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(one, told.set)
        self.stdout.write(f"Listening on {host}:{taken}{' with TLS' if tls else ''}.")
        self.stdout.flush()
        await told.wait()
        await listener.stop()
        self.stdout.write("Stopped. What had come is answered.")


def known(address):
    """Tell whether a feed may connect from here."""
    close_old_connections()
    try:
        return feeds.may_connect(address)
    finally:
        close_old_connections()


def attend(content, address):
    """Take in one message from an address; return its answers."""
    close_old_connections()
    try:
        if not content.strip():
            return []
        application, facility = acks.header_of_broken(content).sender
        feed = feeds.by_peer(address, application=application, facility=facility)
        if feed is None:
            return receiving.refuse(content, "names no sender that is registered for this address.").messages
        return receiving.receive(content, feed).messages
    finally:
        close_old_connections()
