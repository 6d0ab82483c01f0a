"""Production starts whole or not at all."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from ehr import environment

ROOT = Path(settings.BASE_DIR)
SECRETS = ["SECRET_KEY", "INDEX_KEY", "STORAGE_KEY", "LOG_SIGNING_KEY", "CHAIN_RELAYER_KEY", "SMART_SIGNING_KEY"]
KEYS = SECRETS[1:]
PLACES = ["ALLOWED_HOSTS", "SITE_URL", "DATABASE_URL", "REDIS_URL", "CHAIN_URL"]
DEPLOY = ROOT / "deploy"
EXAMPLES = (".env.example", "keyholder.env.example")
KEYHOLDERS_OWN = [f"KEYHOLDER_{name}{way}" for name in ("FILE_KEY", "PKCS11_PIN") for way in ("", "_FILE")]


@pytest.mark.point(2)
@pytest.mark.security
def test_django_finds_nothing_to_say_about_a_production_start(production, manage, tmp_path):
    # Some checks ask the database for its features; a file answers as well as a server.
    production["DATABASE_URL"] = f"sqlite:///{tmp_path / 'check.sqlite3'}"
    done = manage(production, "check", "--deploy", "--fail-level", "WARNING")
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


@pytest.mark.point(2)
@pytest.mark.security
@pytest.mark.parametrize("missing", SECRETS + PLACES)
def test_production_does_not_start_without(missing, production, settings_of):
    del production[missing]
    refused = settings_of(production)
    assert refused.returncode != 0
    assert f"{missing} is not set" in refused.stderr


@pytest.mark.security
@pytest.mark.parametrize("told", ["true", "-1", "1.5", "10.0.0.0/8"])
def test_production_does_not_guess_how_many_proxies_to_believe(told, production, settings_of):
    refused = settings_of({**production, "TRUST_PROXY": told})
    assert refused.returncode != 0
    assert "Set it to a whole number" in refused.stderr


def test_a_secret_may_come_from_a_file(production, settings_of, tmp_path):
    secret = tmp_path / "index-key"
    secret.write_text(production.pop("INDEX_KEY") + "\n")
    assert settings_of({**production, "INDEX_KEY_FILE": str(secret)}).returncode == 0


@pytest.mark.security
@pytest.mark.parametrize("told", [" ", "ab", "zz" * 32, "01" * 31, "01" * 33])
@pytest.mark.parametrize("name", [*KEYS, "KEYHOLDER_FILE_KEY"])
def test_a_key_is_32_bytes_or_none(name, told, monkeypatch):
    monkeypatch.setenv(name, told)
    monkeypatch.setattr(environment, "PRODUCTION", True)
    with pytest.raises(ImproperlyConfigured, match=f"{name} is not") as refused:
        environment.key(name)
    assert told.isspace() or told not in str(refused.value)


@pytest.mark.security
@pytest.mark.parametrize("name", KEYS)
def test_production_does_not_start_with_a_short(name, production, settings_of):
    refused = settings_of({**production, name: "ab"})
    assert f"{name} is not a key of 64 hex digits" in refused.stderr
    assert "token_hex(32)" in refused.stderr


@pytest.mark.security
@pytest.mark.parametrize(("content", "says"), [("\n", "is empty"), (None, "cannot be read")], ids=["empty", "missing"])
@pytest.mark.parametrize("name", SECRETS)
def test_a_file_without_a_secret_is_none(name, content, says, monkeypatch, tmp_path):
    path = tmp_path / "secret"
    if content is not None:
        path.write_text(content)
    monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(f"{name}_FILE", str(path))
    with pytest.raises(ImproperlyConfigured, match=f"{name}_FILE names a file that {says}"):
        environment.secret(name)


def test_who_is_not_the_keyholder_starts_without_its_key(monkeypatch):
    for name in ("KEYHOLDER_FILE_KEY", "KEYHOLDER_FILE_KEY_FILE"):
        monkeypatch.setenv(name, "")
    monkeypatch.setattr(environment, "PRODUCTION", True)
    assert environment.keyholders_key() == b""


def test_spaces_between_names_are_no_part_of_them(monkeypatch):
    monkeypatch.setenv("ALLOWED_HOSTS", "ehr.example, www.ehr.example ,")
    assert environment.names("ALLOWED_HOSTS") == ["ehr.example", "www.ehr.example"]


def test_production_makes_no_secret_of_its_own(production, settings_of, tmp_path):
    settings_of(production)
    assert not (tmp_path / "secrets").exists()


def test_every_secret_settings_read_is_tested_here():
    text = (ROOT / "ehr/settings.py").read_text(encoding="utf-8")
    assert re.findall(r"\b(?:secret|key)\(\"([A-Z_]+)\"\)", text) == SECRETS


@pytest.mark.security
@pytest.mark.parametrize("name", KEYHOLDERS_OWN)
@pytest.mark.parametrize("program", ["ehr.wsgi", "ehr.celery"])
def test_no_server_or_worker_starts_with_what_is_the_keyholder_s_alone(name, program, production, settings_of):
    assert settings_of(production, f"import {program}").returncode == 0
    refused = settings_of({**production, name: "05" * 32}, f"import {program}")
    assert refused.returncode != 0
    assert f"{name} is the keyholder's alone" in refused.stderr


def test_only_the_keyholder_s_unit_reads_its_secrets():
    units = {unit.stem: unit.read_text(encoding="utf-8") for unit in DEPLOY.glob("systemd/*.service")}
    assert [name for name, text in units.items() if "keyholder.env" in text] == ["chartseal-keyholder"]
    users = {name: re.findall(r"^User=(.+)$", text, flags=re.MULTILINE) for name, text in units.items()}
    assert [name for name, user in users.items() if user == users["chartseal-keyholder"]] == ["chartseal-keyholder"]
    compose = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    assert compose.count("env_file: [.env, keyholder.env]") == compose.count("keyholder.env]") == 1
    assert set(KEYHOLDERS_OWN) & set(example()) == set()


# Where settings are read from the environment.
SETTINGS = [ROOT / "ehr" / name for name in ("settings.py", "environment.py", "study_rules.py")]
SET, SET_OR_SHOWN = r"^([A-Z][A-Z0-9_]+)=(.*)$", r"^(?:# )?([A-Z][A-Z0-9_]+)=(.*)$"


def example(pattern=SET, *files):
    """Return the names and values of deploy/.env.example, or of other such files."""
    text = "\n".join((DEPLOY / file).read_text(encoding="utf-8") for file in files or [".env.example"])
    return dict(re.findall(pattern, text, flags=re.MULTILINE))


def test_the_example_environment_names_everything_production_asks_for():
    assert set(SECRETS + PLACES) <= set(example())


def test_the_example_environment_names_everything_the_settings_read():
    text = "".join(one.read_text(encoding="utf-8") for one in SETTINGS)
    readers = "environ\\.get|secret|key|given|names|needed|flag|count|at_least|at_most"
    read = set(re.findall(rf"(?:{readers})\(\s*\"([A-Z][A-Z0-9_]+)\"", text))
    # The ports are `make run`'s, and where static files are gathered is the image's.
    assert read - set(example(SET_OR_SHOWN, *EXAMPLES)) == {"PORT", "CHAIN_PORT", "STATIC_ROOT"}


def test_the_example_environment_names_nothing_that_nobody_reads():
    readers = [*SETTINGS, *(path for path in DEPLOY.rglob("*") if path.suffix and path.is_file())]
    text = "".join(path.read_text(encoding="utf-8") for path in readers if path.suffix in {".py", ".yaml", ".service"})
    assert [name for name in example(SET_OR_SHOWN, *EXAMPLES) if name not in text] == []


def test_the_example_environment_holds_no_secret_that_works():
    assert {example()[name] for name in SECRETS} == {""}
    own = example(SET, "keyholder.env.example")
    assert {own[name] for name in KEYHOLDERS_OWN if name in own} == {""}


def test_a_server_prepares_tables_escrow_and_contracts_by_itself():
    web, contracts = ((DEPLOY / f"systemd/chartseal-{name}.service").read_text() for name in ("web", "contracts"))
    preparation = (DEPLOY / "prepare.py").read_text(encoding="utf-8")
    assert re.search(r"^ExecStartPre=\S+ deploy/prepare.py$", web, flags=re.MULTILINE)
    assert all(f'call_command("{command}"' in preparation for command in ("migrate", "open_escrow", "collectstatic"))
    assert re.search(r"^ExecStart=\S+ manage.py deploy_contracts$", contracts, flags=re.MULTILINE)
    assert "chartseal-contracts.service" in (DEPLOY / "systemd/chartseal.target").read_text(encoding="utf-8")
    compose = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    assert all(f"manage.py{between}{command}" in compose for between, command in [
        (" ", "migrate"), ('", "', "run_keyholder"), ('", "', "deploy_contracts"),
    ])  # fmt: skip


def test_cookies_travel_over_tls_only_and_no_script_reads_them(production, settings_of):
    wanted = [
        "s.SESSION_COOKIE_SECURE", "s.CSRF_COOKIE_SECURE", "s.SESSION_COOKIE_HTTPONLY", "s.SECURE_SSL_REDIRECT",
        "s.SECURE_HSTS_SECONDS >= 31536000", "s.DEBUG is False",
    ]  # fmt: skip
    assert settings_of(production, f"from ehr import settings as s; assert {' and '.join(wanted)}").returncode == 0
