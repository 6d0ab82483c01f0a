"""Where this server posts on somebody else's word: nowhere inside, to nobody without a certificate, never for long."""

import datetime as dates
import socket
import ssl
import threading
from contextlib import contextmanager
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ehr import clock
from ehr.notices import posting

pytestmark = [pytest.mark.security, pytest.mark.point(10)]


@contextmanager
def listening(serve):
    """Serve each connection with a function; yield the port."""
    server = socket.create_server(("127.0.0.1", 0))

    def run():
        while True:
            try:
                connection, _address = server.accept()
            except OSError:
                return
            with connection:
                serve(connection)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


def heard_by(connection) -> bytes:
    """Return a whole request: whoever answers before its end resets the connection under its own answer."""
    request = b""
    while not request.endswith(b"}"):
        more = connection.recv(65_536)
        if not more:
            break
        request += more
    return request


def answer(said: bytes):
    def serve(connection):
        heard_by(connection)
        connection.sendall(said)

    return serve


def resolving_to(monkeypatch, *addresses):
    monkeypatch.setattr(
        posting,
        "getaddrinfo",
        lambda _host, port, **_more: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in addresses],
    )


@pytest.fixture
def inside(settings):
    settings.DEBUG, settings.HOOK_NETWORKS = True, ["127.0.0.0/8"]


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("93.184.216.34", True), ("2606:2800:220:1::1", True),
        ("127.0.0.1", False), ("127.8.8.8", False), ("10.1.2.3", False), ("172.16.0.1", False), ("192.168.1.1", False),
        ("169.254.169.254", False), ("100.64.0.1", False), ("0.0.0.0", False), ("224.0.0.1", False),
        ("239.255.255.250", False), ("255.255.255.255", False), ("192.0.2.1", False), ("198.18.0.1", False),
        ("::", False), ("::1", False), ("fe80::1", False), ("fd00::1", False), ("ff02::1", False), ("ff0e::1", False),
        ("::ffff:127.0.0.1", False), ("::ffff:93.184.216.34", True), ("64:ff9b::7f00:1", False),
        ("64:ff9b::a00:1", False), ("2002:7f00:1::", False), ("2002:a00:1::1", False),
        ("2001:0:4136:e378:8000:63bf:f5ff:fffe", False),
    ],
)  # fmt: skip
def test_only_public_addresses_are_posted_to(settings, address, allowed):
    settings.HOOK_NETWORKS = []
    assert posting._is_allowed(ip_address(address)) is allowed


def test_an_operator_may_name_networks_inside(settings):
    settings.HOOK_NETWORKS = ["10.20.0.0/16", "fd00:7::/32"]
    allowed = ("10.20.3.4", "fd00:7::5", "10.21.0.1", "127.0.0.1")
    assert [posting._is_allowed(ip_address(one)) for one in allowed] == [True, True, False, False]


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["169.254.169.254"]])
def test_a_name_with_any_address_inside_is_not_called(settings, monkeypatch, addresses):
    settings.HOOK_NETWORKS = []
    resolving_to(monkeypatch, *addresses)
    monkeypatch.setattr(posting, "create_connection", lambda *_args: pytest.fail("called"))
    with pytest.raises(posting.NotAllowed):
        posting.post("https://hooks.example.org/", b"{}", {})


def test_a_name_is_resolved_once_and_that_address_is_called(settings, monkeypatch):
    settings.HOOK_NETWORKS = []
    asked, called = [], []

    def resolve(host, port, **_more):
        asked.append(host)
        address = "93.184.216.34" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    def call(where, _patience):
        called.append(where)
        raise ConnectionRefusedError

    monkeypatch.setattr(posting, "getaddrinfo", resolve)
    monkeypatch.setattr(posting, "create_connection", call)
    with pytest.raises(ConnectionRefusedError):
        posting.post("https://hooks.example.org/", b"{}", {})
    assert called == [("93.184.216.34", 443)]
    assert asked == ["hooks.example.org"]


def test_when_one_address_does_not_answer_the_next_is_tried(inside, settings, monkeypatch):
    settings.HOOK_NETWORKS = ["127.0.0.0/8", "::1/128"]
    resolving_to(monkeypatch, "::1", "127.0.0.1")
    with listening(answer(b"HTTP/1.1 200 OK\r\n\r\n")) as port:
        posting.post(f"http://hooks.example.org:{port}/", b"{}", {})


def test_a_connection_that_ended_up_inside_is_not_spoken_to(settings, monkeypatch):
    settings.HOOK_NETWORKS = []
    heard = []
    with listening(lambda connection: heard.append(connection.recv(1))) as port:
        real = socket.create_connection
        monkeypatch.setattr(posting, "_resolve", lambda *_args: [ip_address("93.184.216.34")])
        monkeypatch.setattr(posting, "create_connection", lambda _where, _p: real(("127.0.0.1", port)))
        with pytest.raises(posting.NotAllowed):
            posting.post("https://hooks.example.org/", b"secret", {})
    assert not any(heard)


@pytest.mark.parametrize("said", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.0 204 No Content\r\n\r\n", b"HTTP/1.1 202\n"])
def test_what_is_accepted_is_done(inside, said):
    with listening(answer(said)) as port:
        posting.post(f"http://127.0.0.1:{port}", b"{}", {})


@pytest.mark.parametrize(
    "said",
    [b"HTTP/1.1 500 Oops\r\n\r\n", b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", b"SSH-2.0-x\r\n", b"", b"x" * 5000],
)
def test_anything_else_is_a_refusal(inside, said):
    with listening(answer(said)) as port, pytest.raises(posting.Refused):
        posting.post(f"http://127.0.0.1:{port}/", b"{}", {})


def test_an_answer_that_drips_is_waited_for_only_so_long(inside, monkeypatch):
    monkeypatch.setattr(posting, "ANSWER_SECONDS", 0.2)

    def drip(connection):
        heard_by(connection)
        try:
            for _ in range(1000):
                connection.sendall(b"H")
                if over.wait(0.05):
                    return
        except OSError:
            return

    over = threading.Event()
    with listening(drip) as port:
        with pytest.raises(TimeoutError):
            posting.post(f"http://127.0.0.1:{port}/", b"{}", {})
        over.set()


def self_signed(folder) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    start = clock.now() - dates.timedelta(days=1)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(7).not_valid_before(start).not_valid_after(start + dates.timedelta(days=9))
    alternative = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    signed = built.add_extension(alternative, critical=False).sign(key, hashes.SHA256())
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "both.pem").write_bytes(secret + signed.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    return context


@pytest.mark.parametrize("trusted", [False, True])
def test_a_certificate_must_be_one_that_is_trusted(settings, monkeypatch, tmp_path, trusted):
    settings.HOOK_NETWORKS = ["127.0.0.0/8", "::1/128"]
    server = self_signed(tmp_path)
    heard = []

    def serve(connection):
        try:
            with server.wrap_socket(connection, server_side=True) as secure:
                heard.append(heard_by(secure))
                secure.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        except OSError:
            return

    mine = ssl.create_default_context(cafile=str(tmp_path / "both.pem") if trusted else None)
    monkeypatch.setattr(posting, "_trusted", lambda: mine)
    resolving_to(monkeypatch, "127.0.0.1")
    with listening(serve) as port:
        if trusted:
            posting.post(f"https://localhost:{port}/x", b'{"id":1}', {"webhook-id": "1"})
        else:
            with pytest.raises(ssl.SSLCertVerificationError):
                posting.post(f"https://localhost:{port}/x", b'{"id":1}', {"webhook-id": "1"})
    assert bool(heard) is trusted


FHIR = b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}"


def asked(port, **more) -> posting.Answer:
    wishes = {"method": "POST", "body": b"{}", "headers": {}, "most": 100, "seconds": 5.0, **more}
    return posting.ask(f"http://127.0.0.1:{port}/", **wishes)


def test_what_is_asked_is_answered_with_status_type_and_body(inside):
    with listening(answer(FHIR)) as port:
        told = asked(port)
    assert (told.status, told.media_type, told.body) == (200, "application/fhir+json", b"{}")


def test_a_redirect_is_an_answer_and_is_not_followed(inside):
    with listening(answer(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")) as port:
        assert asked(port).status == 302


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-x\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 101,
        b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n" + b"x" * 101,
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n" + b"x" * 49,
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 2000 + b"\r\n",
    ],
    ids=["no HTTP", "nothing", "too long", "says that it is too long", "cut short", "headers without end"],
)
def test_an_answer_that_is_not_whole_or_not_short_is_none(inside, said):
    with listening(answer(said)) as port, pytest.raises(posting.Refused):
        asked(port)


def test_an_answer_that_drips_is_read_only_so_long(inside):
    def drip(connection):
        heard_by(connection)
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            for _ in range(1000):
                connection.sendall(b"x")
                if over.wait(0.05):
                    return
        except OSError:
            return

    over = threading.Event()
    with listening(drip) as port:
        with pytest.raises(TimeoutError):
            asked(port, seconds=0.3, most=10_000)
        over.set()


def test_nothing_inside_is_asked(settings):
    settings.HOOK_NETWORKS = []
    with pytest.raises(posting.NotAllowed):
        posting.ask("https://10.0.0.1/", headers={}, most=10, seconds=1.0)
