"""Lives a day in the product with marked words, as a program of its own: `python -m tests.privacy.planting FOLDER`.

Everything goes through the doors people use: pages, verbs, an import, workers' tasks. What was planted is written to
FOLDER/markers.json, beside the data folder. It ends without closing anything, so that the write-ahead log stays.
"""

import base64
import contextlib
import json
import logging
import os
import re
import sys
import uuid
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ehr.settings")

import django

django.setup()

from django.conf import settings  # noqa: E402 - Django is set up first
from django.core.files.uploadedfile import SimpleUploadedFile  # noqa: E402
from django.core.mail import EmailMessage  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import reverse  # noqa: E402
from django_otp.oath import totp  # noqa: E402

from audit import cases, log  # noqa: E402
from audit import tasks as audit_tasks  # noqa: E402
from consent import access  # noqa: E402
from consent import tasks as consent_tasks  # noqa: E402
from consent.models import GrantParcel  # noqa: E402
from consent.sharing import arrivals, questions  # noqa: E402
from ehr import clock  # noqa: E402
from ehr.accounts import keyrings, links, second_factor  # noqa: E402
from ehr.accounts.models import Link, Reader, User  # noqa: E402
from ehr.celery import app as celery  # noqa: E402
from ehr.chain import transactions  # noqa: E402
from ehr.desk.roles import DeskRole, ensure_desk_roles  # noqa: E402
from ehr.intake.operations import receive_bundle  # noqa: E402
from ehr.notices import tasks as notice_tasks  # noqa: E402
from ehr.portals.patient import adding  # noqa: E402
from ehr.r4 import bundles  # noqa: E402
from ehr.words import Action, Category  # noqa: E402
from patients.models import Patient  # noqa: E402
from providers import credentials  # noqa: E402
from tests import people  # noqa: E402
from tests.privacy import visiting  # noqa: E402
from tests.security.world import browser_of, staff  # noqa: E402

ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
HEALTH_CARD = "urn:health-card"
FILE_BYTES = b"%PDF-1.7\n" + b"Vombatscan page one. " * 40
EVIDENCE_BYTES = b"%PDF-1.7\n" + b"Echidnadiploma. " * 40


class Day:
    """What was planted so far, by what it is."""

    def __init__(self) -> None:
        self.words: dict[str, str] = {}
        self.keys: dict[str, bytes] = {}
        self.controls: dict[str, str] = {}

    def word(self, name: str, word: str) -> str:
        self.words[name] = word
        return word


def post(browser: Client, page: str, /, *args: object, status: int = 302, **fields: object) -> str:
    """Send a form, see that it was taken, and return what came back."""
    answer = browser.post(reverse(page, args=args), fields)
    if answer.status_code != status:
        raise AssertionError(f"{page} answered {answer.status_code}: {answer.content.decode()[-3000:]}")
    return answer.content.decode()


# --- Accounts ------------------------------------------------------------------------------------
def sign_up(day: Day, browser: Client) -> User:
    """Sign up at the front door, prove the address, begin a record, write the recovery code down."""
    told = {
        "name": "Ana Costa",
        "email": "ana@example.org",
        "passphrase": day.word("passphrase", "wallaby four plain words"),
    }
    post(browser, "front:sign-up", **told)
    link = Link.objects.get(kind=Link.Kind.VERIFY)
    post(browser, "front:verify", links.token(link), passphrase=told["passphrase"])
    number = day.word("health card number", "QUOLL-4711-0815")
    identity = {"name": "Ana Costa", "birth_date": "1984-05-03", "sex": "female", "number": number}
    post(browser, "front:begin", **identity, system="http://hl7.org/fhir/sid/us-ssn")
    page = browser.get(reverse("front:recovery-code")).content.decode()
    groups = re.findall(r"<code>([0-9A-Z]{4})</code>", page)
    day.word("recovery code", "-".join(groups))
    day.word("recovery code, unspaced", "".join(groups))
    asked = re.findall(r'name="group_(\d)"', browser.get(reverse("front:recovery-confirm")).content.decode())
    post(browser, "front:recovery-confirm", **{f"group_{one}": groups[int(one) - 1] for one in asked})
    return User.objects.get(email=told["email"])


def second_step(day: Day, browser: Client, user: User) -> None:
    """Pair an app; the sheet of backup codes is on the page that answers."""
    browser.get(reverse("front:enrol"))
    secret = second_factor.enrolment(user).secret
    day.keys["TOTP secret"] = secret
    day.word("TOTP secret as text", base64.b32encode(secret).decode())
    page = post(browser, "front:enrol", code=f"{totp(secret):06d}", status=200)
    codes = re.findall(r"\b[0-9A-Z]{4}-[0-9A-Z]{4}\b", page)
    day.word("backup code", codes[0])
    day.word("backup code, unspaced", codes[1].replace("-", ""))


def mistakes(day: Day, user: User) -> None:
    """Type a wrong passphrase, an address nobody has, and change the passphrase."""
    stranger = Client()
    wrong = day.word("mistyped passphrase", "bandicoot typed in haste")
    post(stranger, "front:sign-in", email=user.email, passphrase=wrong, status=200)
    post(stranger, "front:forgotten", email=day.word("address nobody has", "numbat@nowhere.example"), status=200)


def change_passphrase(day: Day, browser: Client) -> None:
    new = day.word("new passphrase", "platypus seven longer words")
    post(browser, "front:passphrase", current=day.words["passphrase"], passphrase=new)


def session_keys(day: Day, browser: Client, person: people.Person) -> None:
    """The key of the session in the cookie, and the private keys it opens."""
    cookie = browser.cookies[settings.KEYRING_COOKIE_NAME].value
    day.word("session key's cookie", cookie)
    day.keys["session key"] = base64.urlsafe_b64decode(cookie + "=" * (-len(cookie) % 4))
    text = person.keyring._text
    day.keys |= {"KEM private key": text.kem[:64], "author key": text.author, "consent seed": text.consent_seed}
    day.keys |= {"stealth spend key": text.stealth_spend, "stealth view key": text.stealth_view}


# --- A record ------------------------------------------------------------------------------------
def bundle(day: Day, number: str) -> dict:
    """A bundle of somebody's record from elsewhere, marked in each of its resources."""
    narrative = f'<div xmlns="http://www.w3.org/1999/xhtml">{day.word("narrative", "Dingo narrative words")}</div>'
    ana = "urn:uuid:" + str(uuid.uuid4())
    told = {
        "patient": {
            "resourceType": "Patient",
            "identifier": [{"system": "http://hl7.org/fhir/sid/us-ssn", "value": number}],
            "name": [{"family": "Costa", "given": ["Ana"]}],
            "gender": "female",
            "birthDate": "1984-05-03",
            "telecom": [{"system": "phone", "value": day.word("telephone", "+61 555 0142 7788")}],
            "address": [{"line": [day.word("street", "9 Bilby Crescent")]}],
        },
        "diagnosis": {
            "resourceType": "Condition",
            "clinicalStatus": {"coding": [{"system": CLINICAL, "code": "active"}]},
            "code": {"text": day.word("diagnosis", "Quokkaitis gravis")},
            "text": {"status": "generated", "div": narrative},
            "subject": {"reference": ana},
        },
        "mental": {
            "resourceType": "Condition",
            "meta": {"security": [{"system": ACT, "code": "PSY"}]},
            "clinicalStatus": {"coding": [{"system": CLINICAL, "code": "active"}]},
            "code": {"text": day.word("mental-health diagnosis", "Potoroo melancholia")},
            "subject": {"reference": ana},
        },
        "genetic": {
            "resourceType": "Observation",
            "meta": {"security": [{"system": ACT, "code": "GDIS"}]},
            "status": "final",
            "code": {"text": day.word("genetic finding", "Glider-gene variant")},
            "subject": {"reference": ana},
        },
        "result": {
            "resourceType": "Observation",
            "status": "final",
            "category": [{"coding": [{"code": "laboratory"}]}],
            "code": {"text": day.word("laboratory test", "Serum kookaburrin")},
            "valueString": day.word("laboratory value", "seventeen emus per litre"),
            "subject": {"reference": ana},
        },
    }
    entries = [
        {
            "fullUrl": ana if name == "patient" else f"urn:uuid:{uuid.uuid4()}",
            "resource": resource,
            "request": {"method": "POST", "url": resource["resourceType"]},
        }
        for name, resource in told.items()
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def by_hand(day: Day, browser: Client) -> None:
    """A note and a file through the patient's pages, and a note whose storing fails halfway."""
    title, words = day.word("note title", "Cassowary at night"), day.word("note", "I dreamt of echidnas again")
    post(browser, "patient:add-note", title=title, words=words)
    file = SimpleUploadedFile(day.word("file name", "wombat-letter.pdf"), FILE_BYTES, content_type="application/pdf")
    post(browser, "patient:add-file", title=day.word("file title", "Letter of the taipan clinic"), file=file)
    day.word("file content", "Vombatscan page one")
    add_own = access.add_own

    def failing(*args, **kwargs):
        add_own(*args, **kwargs)
        raise RuntimeError("the disk is full")

    adding.access.add_own = failing
    try:
        lost = day.word("note that failed", "Thylacine seen at dusk")
        post(browser, "patient:add-note", title=lost, words=lost, status=500)
    finally:
        adding.access.add_own = add_own


def care(day: Day, ana: people.Person, lee: people.Person, patient_browser: Client) -> None:
    """A clinician reads, writes, takes back, asks for more; the patient answers and questions a line of the log."""
    browser = browser_of(lee)
    people.give(ana, lee, *Category, actions=(Action.READ, Action.WRITE))
    chart = reverse("clinician:chart", args=[ana.patient.pk])
    if day.words["diagnosis"] not in browser.get(chart).content.decode():
        raise AssertionError("The clinician does not see what was imported.")
    medicine = {"name": day.word("medicine", "Koalazepam 5 mg"), "how": day.word("dosage", "one leaf at bedtime")}
    once = uuid.uuid4()
    post(
        browser,
        "clinician:add",
        ana.patient.pk,
        "medicine",
        **medicine,
        why=day.word("reason", "possum unrest"),
        once=once,
    )
    why = day.word("why it was a mistake", "meant for the bandicoot")
    post(browser, "clinician:mistake", ana.patient.pk, once, version="1", reason=why)
    ask = {"ordinary": ["labs"], "days": "30", "reason": "For a second opinion", "once": uuid.uuid4()}
    post(
        browser, "clinician:ask", ana.patient.pk, **ask, words=day.word("request message", "May I see the numbat scans")
    )
    page = patient_browser.get(reverse("patient:answer", args=[ask["once"]])).content.decode()
    if day.words["request message"] not in page:
        raise AssertionError("The patient cannot read the request.")
    shown = patient_browser.post(reverse("patient:code")).content.decode()
    code = re.search(r"\b[0-9A-Z]{4}-[0-9A-Z]{4}\b", shown)[0]
    day.word("code shown in person", code)
    line = log.record("chart.opened", actor=access.own_party(ana.patient), subject=ana.patient.pk)
    post(patient_browser, "patient:ask", line.id, words=day.word("case words", "Who is this marsupial reader"))
    case = cases.Case.objects.get(event_id=line.id)
    officer = User.objects.get(name="Petra Ok")
    questions.answer(case, words=day.word("officer's answer", "It was the bettong ward"), by=officer)


def leaving(day: Day, browser: Client) -> None:
    """The record leaves: by a link for one visit, tried and opened; in a file of everything, which waits."""
    purpose = day.word("what a link is for", "Dentist at Wallaby Bay")
    asked = {"ordinary": ["history", "treatment"], "lasts": "day", "once": uuid.uuid4(), "purpose": purpose}
    page = post(browser, "patient:health-link-new", status=200, **asked)
    code = re.search(r"#shlink:/([\w-]+)", page)[1]
    payload = json.loads(base64.urlsafe_b64decode(code + "=" * (-len(code) % 4)))
    day.word("key of a link", payload["key"])
    day.keys["key of a link, raw"] = base64.urlsafe_b64decode(payload["key"] + "=")
    handle = day.word("secret of a link's address", payload["url"].rpartition("/")[2])
    told = {"recipient": day.word("name a recipient gave", "Dr Quollington"), "embeddedLengthMax": 1}
    for passcode in ("wrong", re.search(r'class="said">([\d ]+)<', page)[1].replace(" ", "")):
        body = json.dumps({**told, "passcode": passcode})
        answer = Client().post(reverse("front:health-link-manifest", args=[handle]), body, "application/json")
    file = answer.json()["files"][0]["location"]
    day.word("ticket for a link's file", file.rpartition("/")[2])
    Client().get(file.removeprefix(settings.SITE_URL))
    Client().get(file.removeprefix(settings.SITE_URL) + "x")
    post(browser, "patient:whole", passphrase=day.words["passphrase"], once=uuid.uuid4())


def office(day: Day, lee: people.Person) -> None:
    """A licence is handed in; a record that waits gets an invitation."""
    licence = credentials.Licence(
        role="specialist",
        number="TAS-99",
        issuing_body="College",
        country="CA",
        training="MD",
        expires_at=people.FAR_AHEAD,
    )
    credentials.submit_credential(lee.user.clinician, licence=licence, evidence=EVIDENCE_BYTES, by=lee.user)
    day.word("evidence", "Echidnadiploma")
    waiting = {"resourceType": "Patient", "birthDate": "1990-01-01", "name": [{"text": "Later"}], "id": "later"}
    entry = {
        "fullUrl": f"urn:uuid:{uuid.uuid4()}",
        "resource": waiting,
        "request": {"method": "POST", "url": "Patient"},
    }
    later = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    receive_bundle(bundles.document("later", later), source="Elsewhere")
    _claim, code = arrivals.invite(Patient.objects.get(name="Later"), by=User.objects.get(name="Petra Ok"))
    day.word("invitation code", code)
    day.word("invitation code, unspaced", code.replace("-", ""))


def work() -> None:
    """Let the workers do what waits, and ring for each task once, so that its message lies in the broker."""
    GrantParcel.objects.update(due_at=clock.now())
    audit_tasks.sequence()
    audit_tasks.checkpoint()
    consent_tasks.relay_grants()
    consent_tasks.tell_of_endings()
    notice_tasks.deliver()
    for ring in settings.CELERY_BEAT_SCHEDULE.values():
        celery.send_task(ring["task"])


def controls(day: Day) -> None:
    """Plant one word in clear at each place, for the search to show that it looks there."""
    said = {
        place: f"Control word of the {place}" for place in ("database", "log", "tasks", "mail", "calldata", "session")
    }
    Reader.objects.create(kind=Reader.Kind.SERVICE, name=said["database"])
    logging.getLogger("tests.privacy").debug("%s", said["log"])
    celery.send_task("audit.tasks.sequence", args=[said["tasks"]])
    EmailMessage(subject="A control", body=said["mail"], to=["control@example.org"]).send()
    root = said["calldata"].encode().ljust(32)[:32]
    transactions.queue(os.urandom(32), contract="AuditAnchor", method="anchor", args=[1, root, []])
    browser = Client()
    browser.get("/")
    session = browser.session
    session["control"] = said["session"] * 3
    session.save()
    day.controls = said | {"calldata": root.decode().strip()}


def main() -> None:
    folder = Path(sys.argv[1])
    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    people.prepare_ground()
    ensure_desk_roles()
    staff("Petra Ok", *DeskRole)
    day, browser = Day(), Client(raise_request_exception=False)
    user = sign_up(day, browser)
    keyring = keyrings.from_session(browser.session, browser.cookies[settings.KEYRING_COOKIE_NAME].value)
    ana = people.Person(user, keyring, Patient.objects.get(user=user))
    identifier = ana.patient.identifiers.get()
    identifier.verified_at = clock.now()
    identifier.save()
    receive_bundle(bundles.document("elsewhere.json", bundle(day, day.words["health card number"])), source="Elsewhere")
    by_hand(day, browser)
    lee = people.clinician("Mei Lee")
    care(day, ana, lee, browser)
    visiting.a_visit(day, lee, browser, browser_of(lee), post)
    leaving(day, browser)
    office(day, lee)
    second_step(day, browser, user)
    mistakes(day, user)
    change_passphrase(day, browser)
    session_keys(day, browser, ana)
    work()
    controls(day)
    keys = {name: base64.b64encode(key).decode() for name, key in day.keys.items()}
    told = {"words": day.words, "keys": keys, "controls": day.controls}
    (folder / "markers.json").write_text(json.dumps(told), encoding="utf-8")
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
