"""How settings are read from the environment: flags, numbers, secrets, and where data is kept."""

import atexit
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
PRODUCTION = os.environ.get("CHARTSEAL_ENV", "development") == "production"
TESTING = "pytest" in sys.modules


def _data_dir() -> Path:
    """Return DATA_DIR, by default var/. A test process gets its own, for witness and mail are not to be shared."""
    if TESTING:
        folder = Path(tempfile.mkdtemp(prefix="chartseal-tests-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        (folder / "static").mkdir()
        return folder
    folder = Path(os.environ.get("DATA_DIR", BASE_DIR / "var"))
    if not PRODUCTION:
        folder.mkdir(parents=True, exist_ok=True)
    return folder


DATA_DIR = _data_dir()


def flag(name: str, default: bool = False) -> bool:
    return os.environ.get(name, str(default)).lower() in {"1", "true", "yes", "on"}


def count(name: str) -> int:
    """Return a whole number from 0 on; 0 where nothing is set."""
    told = os.environ.get(name, "").strip() or "0"
    if not (told.isascii() and told.isdigit()):
        raise ImproperlyConfigured(f"{name} is {told!r}. Set it to a whole number: 0, 1, 2 and so on.")
    return int(told)


def names(name: str) -> list[str]:
    """Return what stands between commas, without the spaces around it."""
    return [part.strip() for part in os.environ.get(name, "").split(",") if part.strip()]


def secret(name: str) -> str:
    """Return a secret from NAME or the file NAME_FILE names; development makes one and keeps it in DATA_DIR.

    Nothing but spaces is no secret. Raises ImproperlyConfigured, also for a file that is empty or cannot be read.
    """
    if (value := os.environ.get(name, "")).strip():
        return value
    if path := os.environ.get(f"{name}_FILE", "").strip():
        return _secret_in(Path(path), named_by=f"{name}_FILE")
    if PRODUCTION:
        raise ImproperlyConfigured(f"{name} is not set. Set it, or {name}_FILE, before starting in production.")
    return development_secret(DATA_DIR / "secrets" / name.lower())


def _secret_in(path: Path, *, named_by: str) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as problem:
        raise ImproperlyConfigured(f"{named_by} names a file that cannot be read: {type(problem).__name__}.") from None
    if not text:
        raise ImproperlyConfigured(f"{named_by} names a file that is empty. Put the secret into it.")
    return text


KEY_BYTES = 32
_HOW_TO_MAKE_ONE = 'python3 -c "import secrets; print(secrets.token_hex(32))"'


def key(name: str, *, optional: bool = False) -> bytes:
    """Return a key of 32 bytes from its 64 hex digits; b"" for an optional one that only another program has.

    Raises ImproperlyConfigured for anything shorter, longer or else, and never says what stood there.
    """
    text = given(name) if optional else secret(name)
    if optional and not text:
        return b""
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != KEY_BYTES:
        raise ImproperlyConfigured(
            f"{name} is not a key of 64 hex digits. Look whether the one you made was copied whole. "
            f"For a new installation make one with: {_HOW_TO_MAKE_ONE}"
        )
    return found


def keyholders_key() -> bytes:
    """Return the keyholder's key for a program that is the keyholder; in development for one that has none to ask."""
    found = key("KEYHOLDER_FILE_KEY", optional=True)
    if found or PRODUCTION or os.environ.get("KEYHOLDER_SOCKET"):
        return found
    return bytes.fromhex(development_secret(DATA_DIR / "secrets" / "keyholder_file_key"))


def development_secret(path: Path) -> str:
    """Return the secret kept at path, made on first use; two processes that start at once agree on one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(os.urandom(32).hex(), encoding="utf-8")
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text(encoding="utf-8")


def given(name: str) -> str:
    """Return a secret that only one program has, from NAME or the file NAME_FILE names; empty for all the others."""
    told = os.environ.get(name, "") + os.environ.get(f"{name}_FILE", "")
    return secret(name) if told.strip() else ""


def require_apart() -> None:
    """Raise ImproperlyConfigured where a server or worker in production has the keyholder's key in its environment."""
    names = ("KEYHOLDER_FILE_KEY", "KEYHOLDER_FILE_KEY_FILE", "KEYHOLDER_PKCS11_PIN", "KEYHOLDER_PKCS11_PIN_FILE")
    if PRODUCTION and (found := [name for name in names if os.environ.get(name)]):
        raise ImproperlyConfigured(
            f"{found[0]} is the keyholder's alone. Give it to run_keyholder and to nothing else."
        )


def broker(redis_url: str) -> tuple[str, dict[str, object]]:
    """Return the workers' broker and its options. Where deploy/run.py found no Redis, files carry the doorbell."""
    if redis_url:
        return redis_url, {"visibility_timeout": 60, "unacked_restore_interval": 10, "unacked_restore_throttle": 1}
    if TESTING:
        return "memory://", {}
    folder = DATA_DIR / "broker"
    for each in (folder, folder / "control"):
        each.mkdir(parents=True, exist_ok=True)
    kept: dict[str, object] = {
        "data_folder_in": str(folder),
        "data_folder_out": str(folder),
        "control_folder": str(folder / "control"),
    }
    return "filesystem://", kept


def needed(name: str) -> str:
    """Return what production cannot guess; development has a default for it."""
    value = os.environ.get(name, "")
    if PRODUCTION and not value:
        raise ImproperlyConfigured(f"{name} is not set. deploy/.env.example says what belongs there.")
    return value


@dataclass(frozen=True)
class Payments:
    """How money for visits is moved. Amounts are in a currency's smallest unit."""

    way: str = "desk"
    stripe_key: str = ""
    stripe_webhook_secrets: tuple[str, ...] = ()  # two while one takes the other's place
    stripe_api: str = ""  # empty for Stripe's own
    alone: int = 20_000  # up to here one person at the desk waives or gives back; above it a second one agrees
    escrow_unit: int = 10**9  # wei that stand for one smallest unit in the contract
    escrow_arbiter: str = ""
    escrow_payee: str = ""


WAYS_TO_PAY = ("desk", "stripe", "escrow")


def payments() -> Payments:
    """Return how money for visits is moved. Raises ImproperlyConfigured for a way that is configured by half."""
    secrets = tuple(part for part in given("STRIPE_WEBHOOK_SECRET").replace(",", " ").split() if part)
    asked = Payments(
        way=os.environ.get("PAYMENT_WAY", "") or "desk",
        stripe_key=given("STRIPE_KEY"),
        stripe_webhook_secrets=secrets,
        stripe_api=os.environ.get("STRIPE_API", "").rstrip("/"),
        alone=count("REFUND_ALONE_UP_TO") or Payments.alone,
        escrow_unit=count("ESCROW_UNIT_WEI") or Payments.escrow_unit,
        escrow_arbiter=os.environ.get("ESCROW_ARBITER", ""),
        escrow_payee=os.environ.get("ESCROW_PAYEE", ""),
    )
    if asked.way not in WAYS_TO_PAY:
        raise ImproperlyConfigured(f"PAYMENT_WAY is {asked.way!r}. Set it to one of {', '.join(WAYS_TO_PAY)}.")
    if asked.way == "stripe" and not asked.stripe_key:
        raise ImproperlyConfigured("PAYMENT_WAY is stripe, and STRIPE_KEY is not set. docs/operators.md says how.")
    if asked.stripe_key and not secrets:
        raise ImproperlyConfigured(
            "STRIPE_KEY is set, and STRIPE_WEBHOOK_SECRET is not: nobody would hear of payments."
        )
    if PRODUCTION and asked.stripe_api and not asked.stripe_api.startswith("https://"):
        raise ImproperlyConfigured("STRIPE_API is not an https:// address. Leave it out to use Stripe's own.")
    if PRODUCTION and asked.way == "escrow" and not (asked.escrow_arbiter and asked.escrow_payee):
        raise ImproperlyConfigured(
            "PAYMENT_WAY is escrow. Set ESCROW_ARBITER and ESCROW_PAYEE, two addresses on chain."
        )
    return asked


@dataclass(frozen=True)
class Reminding:
    """How many hours before a visit its patient is reminded, and what carries text messages."""

    hours: tuple[int, ...] = (168, 72, 24)
    sms_url: str = ""  # empty: into files under DATA_DIR/sms
    sms_token: str = ""


LONGEST_AHEAD = 24 * 60  # hours


def reminding() -> Reminding:
    """Return when people are reminded. Raises ImproperlyConfigured for what is no list of hours, or no https."""
    told = os.environ.get("REMINDER_HOURS", "").replace(",", " ").split() or [str(each) for each in Reminding.hours]
    if not all(part.isascii() and part.isdigit() and 1 <= int(part) <= LONGEST_AHEAD for part in told):
        raise ImproperlyConfigured("REMINDER_HOURS is not hours before a visit, such as 168,72,24.")
    url = os.environ.get("SMS_URL", "")
    if PRODUCTION and url and not url.startswith("https://"):
        raise ImproperlyConfigured("SMS_URL is not an https:// address. Leave it out to keep texts in files.")
    return Reminding(
        hours=tuple(sorted({int(part) for part in told}, reverse=True)), sms_url=url, sms_token=given("SMS_TOKEN")
    )


VIDEO_FOR_DEVELOPMENT = "https://meet.jit.si"


def video() -> str:
    """Return the address below which rooms for visits by video open; empty where nobody talks by video.

    Production has none of its own accord: who runs such a service sees who talks when, which is theirs to choose.
    Raises ImproperlyConfigured for what is no https address, or has more in it than a host, a port and a path.
    """
    url = os.environ.get("VIDEO_URL", "" if PRODUCTION else VIDEO_FOR_DEVELOPMENT).strip().rstrip("/")
    parts = urlsplit(url)
    plain = parts.scheme == "https" and parts.hostname and "@" not in parts.netloc
    if url and (not plain or parts.query or parts.fragment):
        raise ImproperlyConfigured(
            "VIDEO_URL is not an https:// address of a Jitsi server, such as https://meet.example."
        )
    return url
