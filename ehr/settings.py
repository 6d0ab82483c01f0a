"""Settings, all of them, from the environment and safe by default.

`CHARTSEAL_ENV=production` turns every development convenience off and refuses to start while a
secret is missing. Nothing here reads a file other than what an environment variable names.
"""

import os
from datetime import timedelta
from pathlib import Path

import dj_database_url
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from ehr.environment import (
    BASE_DIR,
    DATA_DIR,
    PRODUCTION,
    TESTING,
    broker,
    count,
    flag,
    given,
    key,
    keyholders_key,
    names,
    needed,
    payments,
    reminding,
    secret,
    video,
)
from ehr.rings import rings
from ehr.study_rules import *  # noqa: F403  what research may be told at most: RESEARCH_SMALL and others

# --- Secrets -------------------------------------------------------------------------------------
SECRET_KEY = secret("SECRET_KEY")
# Keys the HMACs of identifiers and e-mail look-ups, so that a stolen table cannot be searched.
INDEX_KEY = key("INDEX_KEY")
# Wraps what must be readable without a person: TOTP seeds, credential evidence.
STORAGE_KEY = key("STORAGE_KEY")
# Ed25519 seed that signs the log's checkpoints.
LOG_SIGNING_KEY = key("LOG_SIGNING_KEY")
# secp256k1 key of the account that pays fees on chain. It relays; it cannot consent.
CHAIN_RELAYER_KEY = key("CHAIN_RELAYER_KEY")
# Wraps the RSA key that signs what apps are told about who signed in.
SMART_SIGNING_KEY = key("SMART_SIGNING_KEY")

# --- Where it runs -------------------------------------------------------------------------------
DEBUG = False
PORT = int(os.environ.get("PORT", "8000"))
SITE_URL = needed("SITE_URL") or f"http://localhost:{PORT}"
ALLOWED_HOSTS = names("ALLOWED_HOSTS")
if not PRODUCTION:
    ALLOWED_HOSTS += ["localhost", "127.0.0.1", "[::1]", "testserver"]
elif not ALLOWED_HOSTS:
    raise ImproperlyConfigured("ALLOWED_HOSTS is not set. Name the hosts this site answers for, separated by commas.")
CSRF_TRUSTED_ORIGINS = [SITE_URL] if SITE_URL.startswith("https://") else []
ROOT_URLCONF = "ehr.urls"
WSGI_APPLICATION = "ehr.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "front:sign-in"

INSTALLED_APPS = [
    "ehr.desk.apps.DeskConfig",
    "ehr.desk.apps.DeskRoom",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "guardian",
    "django_otp",
    "oauth2_provider",
    "csp",
    "django_htmx",
    "ehr.outbox",
    "ehr.chain",
    "audit",
    "ehr.accounts",
    "ehr.notices",
    "providers",
    "patients",
    "consent",
    "appointments",
    "research",
    "ehr.catalogue",
    "ehr.intake",
    "ehr.rights",
    "ehr.frame",
    "ehr.smart",
    "ehr.fhir",
    "ehr.demo",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "ehr.frame.measures.Measured",
    "csp.middleware.CSPMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "ehr.fhir.middleware.Interface",
    "ehr.api.bearer.BearerSession",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "ehr.frame.middleware.SessionLimits",
    "ehr.frame.middleware.UnlockedKeyring",
    "ehr.frame.middleware.ReadersZone",
    "ehr.frame.acting.ActingFor",
    "ehr.frame.bedside.AtTheBedside",
    "ehr.frame.middleware.NoStore",
    "ehr.frame.middleware.PlainRefusals",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "ehr.frame.context.page",
            ],
        },
    },
]

# --- Storage -------------------------------------------------------------------------------------
DATABASE_URL = needed("DATABASE_URL")
DATABASES = {"default": dj_database_url.parse(DATABASE_URL or f"sqlite:///{DATA_DIR / 'chartseal.sqlite3'}")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        # FULL, for an acknowledged look must survive a power cut.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 0
    # After a restart of PostgreSQL the pool's old connections are noticed, not answered with a 500 each.
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"].setdefault("OPTIONS", {})
    # 0 means no pool: for a program that forks, or a pooler in front of the database.
    _pool = int(os.environ.get("DATABASE_POOL_MAX", "8"))
    if _pool and not TESTING:
        DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 1, "max_size": _pool, "timeout": 10}
        # Texts asked often are prepared, the log's at once. A pooler in front may not keep them.
        DATABASES["default"]["OPTIONS"]["prepare_threshold"] = 5
# An event must be committed before a key is used, so a request is never one transaction.
DATABASES["default"]["ATOMIC_REQUESTS"] = False
CLOCK_COMPARE_WITH_DATABASE = not TESTING
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
REDIS_URL = needed("REDIS_URL")

# Django would write larger files to a temporary folder, in clear, before anything could seal them.
FILE_UPLOAD_HANDLERS = ["ehr.frame.uploads.InMemory"]

STATIC_URL = "/static/"
STATIC_ROOT = Path(os.environ.get("STATIC_ROOT", DATA_DIR / "static"))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": DATA_DIR / "files"}},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if TESTING
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# --- People --------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = ["ehr.accounts.backends.Passphrase", "guardian.backends.ObjectPermissionBackend"]
PASSWORD_HASHERS = ["ehr.accounts.hashers.SignInHasher"]
# Argon2id: memory in KiB, passes, lanes. The tests turn it down; nothing else may.
ARGON2_MEMORY_KIB = 64 * 1024 if not TESTING else 64
ARGON2_PASSES = 3 if not TESTING else 1
ARGON2_LANES = 4 if not TESTING else 1
GUARDIAN_MONKEY_PATCH_USER = False
ANONYMOUS_USER_NAME = None
OTP_TOTP_ISSUER = "Chartseal"
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_NAME = "__Host-session"
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = "__Host-csrf"
CSRF_COOKIE_SECURE = True
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "ehr.frame.refusals.csrf"
KEYRING_COOKIE_NAME = "__Host-keyring"
RECOVERY_COOKIE_NAME = "__Host-recovery"
# How long lost keys wait before two shares open them, so that their owner can stop somebody else.
RECOVERY_DELAY = timedelta(hours=int(os.environ.get("RECOVERY_DELAY_HOURS", "48")))
# Idle and absolute limits of a session, by what the person may reach.
SESSION_LIMITS = {
    "patient": (timedelta(minutes=30), timedelta(hours=12)),
    "clinician": (timedelta(minutes=15), timedelta(hours=12)),
    "researcher": (timedelta(minutes=15), timedelta(hours=8)),
    "staff": (timedelta(minutes=10), timedelta(hours=8)),
}
SESSION_COOKIE_AGE = int(timedelta(hours=12).total_seconds())

# --- Headers -------------------------------------------------------------------------------------
SECURE_SSL_REDIRECT = PRODUCTION and not flag("TLS_ELSEWHERE")
# Probes come over plain http from inside, and are told nothing worth a lock.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
# How many proxies stand in front, the last of which sets X-Forwarded-Proto itself: 0 believes no such header. Each adds
# to X-Forwarded-For whom it answered, so it is the entry that many from the right that a client could not write.
TRUST_PROXY = count("TRUST_PROXY")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUST_PROXY else None
SECURE_HSTS_SECONDS = 63_072_000 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "font-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "manifest-src": [SELF],
    }
}
PERMISSIONS_POLICY: dict[str, list[str]] = {
    feature: [] for feature in ("camera", "microphone", "geolocation", "payment", "usb", "interest-cohort")
}

# --- Providers -----------------------------------------------------------------------------------
# Where a licence is confirmed each night; empty means that no register can be asked and the verifier's word stands.
CREDENTIAL_CHECK_URL = os.environ.get("CREDENTIAL_CHECK_URL", "")

# --- Visits --------------------------------------------------------------------------------------
PAYMENTS, REMINDING, VIDEO_URL = payments(), reminding(), video()  # a visit by video needs an address; empty: none

# --- Help ----------------------------------------------------------------------------------------
# The telephone number at the foot of every page, where the same can be done by speaking; empty shows none.
HELP_LINE = os.environ.get("HELP_LINE", "")

# --- The keyholder -------------------------------------------------------------------------------
# The unix socket of the one process that holds the escrow's key. Without it nobody breaks the glass or claims a record
# in production; elsewhere the process that asks holds the key itself, as tests and tools do.
KEYHOLDER_SOCKET = os.environ.get("KEYHOLDER_SOCKET", "")
# Whom it answers besides itself: names of this machine's users, separated by commas.
KEYHOLDER_USERS = names("KEYHOLDER_USERS")
# What follows is the keyholder's own, and in no other program's environment: a key in a file, or one in a token.
KEYHOLDER_FILE_KEY = keyholders_key()
KEYHOLDER_PKCS11_MODULE = os.environ.get("KEYHOLDER_PKCS11_MODULE", "")  # the token's library, by its path
KEYHOLDER_PKCS11_TOKEN = os.environ.get("KEYHOLDER_PKCS11_TOKEN", "chartseal")
KEYHOLDER_PKCS11_KEY = os.environ.get("KEYHOLDER_PKCS11_KEY", "keyholder")
KEYHOLDER_PKCS11_PIN = given("KEYHOLDER_PKCS11_PIN")
# Releases that one person, and all together, get within an hour: no more than can be accounted for.
BREAK_GLASS_PER_HOUR = int(os.environ.get("BREAK_GLASS_PER_HOUR", "20"))
RELEASES_PER_HOUR = int(os.environ.get("RELEASES_PER_HOUR", "300"))
# Who may open a record in an emergency, by the values of `providers.roles.Role`.
BREAK_GLASS_ROLES = frozenset({"emergency", "primary-physician", "specialist"})

# --- Law -----------------------------------------------------------------------------------------
# Whether a patient's block by name, and "not even in an emergency" for a part, prevail over emergency access here.
BLOCKS_PREVAIL_IN_EMERGENCY = flag("BLOCKS_PREVAIL_IN_EMERGENCY")
OPT_OUTS_PREVAIL_IN_EMERGENCY = flag("OPT_OUTS_PREVAIL_IN_EMERGENCY")

LEGAL_COPY_YEARS = count("LEGAL_COPY_YEARS") or 10  # that a place which a patient leaves keeps what its people wrote
# When a parent's right to act for a child is over, and whose midnight counts for a child without an account.
MAJORITY_YEARS = count("MAJORITY_YEARS") or 18
MAJORITY_ZONE = os.environ.get("MAJORITY_ZONE", "UTC")

# --- Language and time ---------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# --- Mail ----------------------------------------------------------------------------------------
EMAIL_URL = os.environ.get("EMAIL_HOST", "")
EMAIL_HOST = os.environ.get("EMAIL_HOST", "localhost")
EMAIL_PORT = int(os.environ.get("EMAIL_PORT", "587"))
EMAIL_HOST_USER = os.environ.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = True
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = os.environ.get("DEFAULT_FROM_EMAIL", "Chartseal <no-reply@localhost>")
EMAIL_FILE_PATH = DATA_DIR / "mail"
EMAIL_BACKEND = (
    "django.core.mail.backends.smtp.EmailBackend" if EMAIL_URL else "django.core.mail.backends.filebased.EmailBackend"
)

# --- Notices -------------------------------------------------------------------------------------
# Live counters that one web process serves at once. Each holds one of its threads for up to 25 s; 0 means none.
NOTICE_STREAMS = int(os.environ.get("NOTICE_STREAMS", "2"))
# Networks besides the public one in which institutions' systems may be told: 10.20.0.0/16, separated by commas.
HOOK_NETWORKS = names("HOOK_NETWORKS")

# --- Chain ---------------------------------------------------------------------------------------
# Empty means the embedded chain, which `make run` starts on CHAIN_PORT.
CHAIN_PORT = int(os.environ.get("CHAIN_PORT", str(PORT + 545)))
CHAIN_URL = needed("CHAIN_URL") or f"http://127.0.0.1:{CHAIN_PORT}"
CHAIN_DATA = DATA_DIR / "chain.sqlite3"
# The address that gives and takes the registries' roles; empty means the relayer's. Read when contracts are deployed.
CHAIN_ADMIN = os.environ.get("CHAIN_ADMIN", "")

# A grant's token leaves at a random moment within this time, so that its hour on chain tells nothing.
GRANT_RELAY_DELAY_SECONDS = int(os.environ.get("GRANT_RELAY_DELAY_SECONDS", "3600" if PRODUCTION else "20"))

# --- The log -------------------------------------------------------------------------------------
LOG_ORIGIN = os.environ.get("LOG_ORIGIN", "chartseal.example/log")
# A second copy of each checkpoint, on other storage than the database in production.
LOG_WITNESS_PATH = Path(os.environ.get("LOG_WITNESS_PATH", DATA_DIR / "witness"))
LOG_CHECKPOINT_SECONDS = 10
LOG_ANCHOR_SECONDS = int(os.environ.get("LOG_ANCHOR_SECONDS", "60"))

# --- Workers -------------------------------------------------------------------------------------
CELERY_BROKER_URL, CELERY_BROKER_TRANSPORT_OPTIONS = broker(REDIS_URL)
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ALWAYS_EAGER = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_TIME_LIMIT = 300
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat")
CELERY_BEAT_SCHEDULE = rings(checkpoint=LOG_CHECKPOINT_SECONDS, anchor=LOG_ANCHOR_SECONDS)

# --- Measures ------------------------------------------------------------------------------------
# Who shows it as a bearer token may read /metrics; without it only this machine may, and in production nobody.
METRICS_TOKEN = os.environ.get("METRICS_TOKEN", "")

# --- Apps ----------------------------------------------------------------------------------------
OAUTH2_PROVIDER_APPLICATION_MODEL = "smart.App"
# Its own endpoints and tables are not in use; were they ever, they would keep to RFC 9700.
_COMPLIANT = (
    "IMPLICIT_GRANT", "PASSWORD_GRANT", "PKCE_METHOD", "ACCESS_TOKEN_TRANSPORT", "AUTHZ_RESPONSE_ISS", "TOKEN_STORAGE",
)  # fmt: skip
OAUTH2_PROVIDER = {f"COMPLIANT_BCP_RFC9700_{name}": True for name in _COMPLIANT} | {
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    "ALLOWED_REDIRECT_URI_SCHEMES": ["https"],
}
# How long an app of a clinician works on its own before they are asked again; at most 12.
CLINICIAN_APP_HOURS = min(count("CLINICIAN_APP_HOURS") or 12, 12)

# --- FHIR ----------------------------------------------------------------------------------------
FHIR_BODY_BYTES = (count("FHIR_BODY_MEGABYTES") or 32) * 1024**2  # of one request, unpacked
FHIR_BUNDLE_ENTRIES = count("FHIR_BUNDLE_ENTRIES") or 5_000
FHIR_RECORDS_AT_ONCE = count("FHIR_RECORDS_AT_ONCE") or 50  # that one search without a patient opens
FHIR_REQUESTS_PER_MINUTE = int(os.environ.get("FHIR_REQUESTS_PER_MINUTE", "3000"))  # of one client; 0 counts none

# --- Program output ------------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "ehr.frame.output.Line", "format": "{asctime} {levelname} {name}: {message}", "style": "{"}
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL", "INFO" if not TESTING else "WARNING")},
}
# Error reports carry neither local variables nor request bodies.
DEFAULT_EXCEPTION_REPORTER_FILTER = "ehr.frame.reports.NothingPersonal"
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["ehr.api.bearer.Bearer"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["ehr.api.shapes.ExactRenderer"],
    "DEFAULT_PARSER_CLASSES": ["ehr.api.shapes.ExactParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_METADATA_CLASS": None,  # what an address takes stands in the OpenAPI document; OPTIONS is answered 405
    "EXCEPTION_HANDLER": "ehr.api.refusals.handle",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Chartseal",
    "VERSION": "v1",
    "DESCRIPTION": "What FHIR has no words for: permissions, requests, licences, the log. Records as FHIR: /fhir/.",
    "SERVE_PUBLIC": True,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "ehr.api.schema.with_refusals"],
    "ENUM_NAME_OVERRIDES": {"Category": "ehr.words.Category", "OrdinaryCategory": "ehr.api.fields.ORDINARY"},
}
