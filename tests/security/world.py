"""A small world with everybody who might come to a page, and something of Ana's behind every address.

Ana shares with Dr Lee, Ben with Dr Wu; Dr Stranger is in good standing and let in by nobody; Dr Old's licence is over.
"""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from guardian.shortcuts import assign_perm

from audit import checkpoints, log, sequencer
from audit.models import Anchor, Checkpoint
from consent import access, emergency
from consent.models import Emergency, GrantTemplate
from consent.sharing import arrivals, questions
from consent.sharing import teams as sharing_teams
from consent.sharing.asking import ask
from ehr import clock
from ehr.accounts import keyrings, letters, stored
from ehr.accounts.models import AuthenticatorApp, Letter, Recovery, User
from ehr.chain import transactions
from ehr.desk import operations as desk
from ehr.desk.roles import DeskRole
from ehr.frame import sessions
from ehr.frame.drafting import draft
from ehr.notices.models import Digest, Hook, HookParcel, Mail, Notice
from ehr.words import Action, Category
from patients.models import Identifier
from patients.operations import source_signer
from providers import teams
from providers.models import Credential, Evidence, Institution, Membership, Team
from providers.roles import Role
from research.queries import researcher_of
from tests import people
from tests.security import belongings, bills, let_in, programs, researching, sent, visiting, visits
from tests.security.addresses import addresses, nothing

VISITORS = (
    "anonymous",
    "unverified",
    "patient",
    "other patient",
    "who acts for the patient",
    "clinician without standing",
    "clinician without grant",
    "clinician with grant",
    "front desk",
    "researcher",
    "staff with one factor",
    "staff",
)
# What is Ana's own, and would tell about her if it stood in an address.
TELLING = ("Ana", "Costa", "Okoro", "Mei", "Wu Jin", "Stranger", "example.org", "1984", "HC-77-4321")
PICTURE = b"\x89PNG picture"
RESULTS = "http://terminology.hl7.org/CodeSystem/observation-category"
WORDS = ("Glucose", "Asthma", "headache", "swollen knee")


# --- People and what is theirs -------------------------------------------------------------------
@dataclass
class World:
    """Browsers by visitor, and for each address what stands in it when it is about Ana, or about Ben."""

    browsers: dict[str, Client]
    of_ana: dict[str, Mapping[str, object]] = field(repr=False)
    of_ben: dict[str, Mapping[str, object]] = field(repr=False)
    tokens: dict[str, str] = field(default_factory=dict, repr=False)  # of the programs that visitors let in

    def address(self, name: str, *, bens: bool = False, **instead: object) -> str:
        """Return an address filled in with what is Ana's, or Ben's."""
        known = {**self.named_in(name, bens=bens), **instead}
        wanted = addresses()[name]
        return reverse(name, kwargs={one: known[one] if one in known else nothing(name, one) for one in wanted})

    def named_in(self, name: str, *, bens: bool = False) -> Mapping[str, object]:
        """Return what there is of Ana, or of Ben, that an address can name, by parameter."""
        places = self.of_ben if bens else self.of_ana
        return {**places.get(name.partition(":")[0], {}), **places.get(name, {})}

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Let nothing that happens inside last, neither in storage nor in the browsers' cookies."""
        cookies = {who: {name: morsel.value for name, morsel in c.cookies.items()} for who, c in self.browsers.items()}
        point = transaction.atomic()
        # The log's commits are durable: they refuse any transaction around them but a test's.
        point._from_testcase = True
        with point:
            yield
            transaction.set_rollback(True)
        for who, browser in self.browsers.items():
            browser.cookies.clear()
            for name, value in cookies[who].items():
                browser.cookies[name] = value

    def ask(self, who: str, method: str, address: str, **more) -> HttpResponse:
        """Return the answer to one request that leaves nothing behind."""
        if address.startswith("/api/"):
            more["headers"] = more.get("headers", {}) | self.token_of(who)
        elif address.startswith("/fhir/") and who in self.tokens:
            more["headers"] = more.get("headers", {}) | {"Authorization": f"Bearer {self.tokens[who]}"}
        with self.unchanged():
            return self.browsers[who].generic(method, address, secure=False, **more)

    def token_of(self, who: str) -> dict[str, str]:
        """Return the header by which a program would speak for a visitor: both halves of their session."""
        cookies, names = self.browsers[who].cookies, (settings.SESSION_COOKIE_NAME, settings.KEYRING_COOKIE_NAME)
        halves = [cookies[name].value for name in names if name in cookies]
        return {"Authorization": "Bearer " + ".".join(["cs1", *halves])} if halves else {}


def browser_of(person: people.Person, *, second_step: bool = True, unlocked: bool = True, **client) -> Client:
    """Return a browser in which somebody is signed in."""
    browser = Client(raise_request_exception=False, **client)
    browser.force_login(person.user, backend=sessions.BACKEND)
    session = browser.session
    session[sessions.LIMITS] = "researcher" if researcher_of(person.user) else "patient"
    if second_step:
        app = AuthenticatorApp(user=person.user, name="app", confirmed=True)
        app.secret = b"12345678901234567890"
        app.save()
        session["otp_device_id"] = app.persistent_id
    if unlocked:
        browser.cookies[settings.KEYRING_COOKIE_NAME] = keyrings.to_session(session, person.keyring)
    session.save()
    return browser


def staff(name: str, *roles: DeskRole) -> people.Person:
    """Return a member of staff with desk roles."""
    made = people.account(name, staff=True)
    for role in roles:
        desk.give_role(made.user, role=role, by=None, reason="test")
    made.user = User.objects.get(pk=made.user.pk)
    return made


def _record(person: people.Person) -> dict[str, uuid.UUID]:
    """Put a result and a picture into somebody's record."""
    result = {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"system": RESULTS, "code": "laboratory"}]}],
        "code": {"text": WORDS[0]},
        "valueQuantity": {"value": 5.4, "unit": "mmol/L"},
    }
    picture = {
        "resourceType": "DocumentReference",
        "status": "current",
        "description": WORDS[3],
        "content": [{"attachment": {"contentType": "image/png", "size": len(PICTURE), "title": WORDS[3]}}],
    }
    entries = [draft(person.patient, result), draft(person.patient, picture, attachment=PICTURE)]
    access.add_own(person.patient, entries, keyring=person.keyring)
    return {"result": entries[0].logical_id, "picture": entries[1].logical_id}


def _shared(sharer: people.Person, reader: people.Person, officer: people.Person) -> dict[str, object]:
    """Let somebody see everything, be asked by them for more, ask about a line; return what came of it by name."""
    entries = _record(sharer)
    grant = people.give(sharer, reader, *Category, actions=(Action.READ, Action.WRITE))
    asking = ask(
        sharer.patient, reader=reader.user, keyring=reader.keyring, categories=["labs"], days=30, words=WORDS[2]
    )
    team = _team(sharer, reader, officer)
    more = belongings.of_consent(sharer, reader) | sent.of_feeds(sharer, officer) | belongings.handed_out(sharer)
    more |= researching.of(sharer)
    looked = log.record("chart.opened", actor=access.own_party(sharer.patient), subject=sharer.patient.pk)
    case = questions.ask(sharer.patient, event_id=looked.id, words=WORDS[3], keyring=sharer.keyring)
    again = log.record("chart.opened", actor=access.own_party(sharer.patient), subject=sharer.patient.pk)
    notice = Notice.objects.filter(user=sharer.user).latest("created_at")
    urgent = _urgent(sharer, reader)
    asked = {"grant": grant, "asking": asking, "case": case, "event": again, "notice": notice}
    return entries | team | asked | more | {"urgent": urgent}


def _urgent(sharer: people.Person, reader: people.Person) -> Emergency:
    """Let the reader open the sharer's record in an emergency, in a session that is none of these browsers'."""
    emergency.name_contact(sharer.patient, name="Rui Costa", email="rui@example.org")
    return emergency.break_glass(
        sharer.patient,
        reader=reader.user,
        keyring=reader.keyring,
        reason="unconscious",
        words=WORDS[2] * 9,
        attested=True,
        session_digest=b"elsewhere",
    ).emergency


def _team(sharer: people.Person, reader: people.Person, officer: people.Person) -> dict[str, uuid.UUID]:
    """Let a team that the reader leads see the results, and a nurse of it look after the sharer."""
    place = people.institution()
    assign_perm("administer_institution", officer.user, place)
    name = {"Mei Lee": "Cardiology"}.get(reader.user.name, "Surgery")
    team = teams.found_team(place, name=name, lead=reader.user.clinician, by=officer.user)
    nurse = people.clinician(f"Nurse of {name}", role=Role.NURSE)
    teams.add_member(team, clinician=nurse.user.clinician, by=reader.user)
    until = clock.now() + timedelta(days=7)
    people.give(sharer, people.Person(team.reader, None), Category.LABS)
    sharing_teams.assign(sharer.patient, team=team, nurse=nurse.user, ends=until, by=reader.user)
    return {"team": team.pk, "member": nurse.user.pk}


def _places(sharer: people.Person, reader: people.Person, has: dict, drafts: dict) -> dict[str, Mapping]:
    """Return what fills each parameter, by portal or by address."""
    clinician = {
        "patient": sharer.patient.pk,
        "logical_id": has["result"],
        "request_id": has["asking"].pk,
        "section": "results",
        "kind": "problem",
        "team": has["team"],
        "member": has["member"],
        "referral": has["referral"],
        "to": has["to"],
        **visiting.own_time(reader),
    }
    patient = {
        "part": "labs",
        "reading": "weight",
        "entry": has["picture"],
        "reader": reader.user.pk,
        "asking": has["asking"].pk,
        "draft": drafts[""],
        "device": has["device"],
        "block": has["block"],
        "proposal": has["proposal"],
        "act": has["act"],
        "referral": has["referral"],
        "mandate": has["mandate"],
        "delegation": has["delegation"],
        "what": "weight",
        "grant": has["grant"].pk,
        "event": has["event"].id,
        "which": has["urgent"].pk,
        "link": has["link"],
        "offered": has["open_study"].pk,
        "joined": has["joined"].pk,
        "due": has["due"].pk,
        "package": has["package"],
        **bills.of(sharer, reader),
    }
    seen = visits.of(sharer, reader, has["acts"])
    patient |= {name: seen[name] for name in ("schedule", "kind", "visit", "hold", "waiting", "offer", "policy")}
    credential = Credential.objects.get(clinician__user=reader.user)
    rows = {
        "consent_claim": has.get("claim"),
        "consent_emergency": has["urgent"],
        "consent_delegation": has.get("vouched"),
        "consent_contactparcel": has["urgent"].contact_parcels.first(),
        "consent_granttemplate": GrantTemplate.objects.get_or_create(
            name="A visit", defaults={"categories": ["labs"], "actions": ["read"], "purpose": "TREAT", "days": 7}
        )[0],
        "patients_patient": has.get("waiting"),
        "patients_identifier": Identifier.objects.filter(patient=sharer.patient).first(),
        "audit_case": has["case"],
        "providers_credential": credential,
        "audit_anchor": Anchor.objects.first(),
        "chain_transaction": has.get("transaction"),
        "notices_mail": Mail.objects.filter(notice__user=sharer.user).first(),
        "notices_digest": Digest.objects.get_or_create(user=sharer.user, key=f"{sharer.user.pk}", kind="daily")[0],
        **has["rows"],
        **belongings.unmailed(),
        **visiting.rows(reader),
        "notices_hook": Hook.objects.first(),
        "notices_hookparcel": HookParcel.objects.first(),
        "accounts_letter": Letter.objects.filter(user=sharer.user).first(),
        "accounts_recovery": Recovery.objects.get(user=belongings.ward(sharer).user),
        **researching.rows(has),
        "accounts_user": sharer.user,
        "smart_app": let_in.app(),
        "providers_institution": Institution.objects.first(),
        "providers_team": Team.objects.get(pk=has["team"]),
        "providers_membership": Membership.objects.filter(clinician__user=reader.user).first(),
    }
    names = [name for name in addresses() if name.startswith("admin:")]
    desk_rows = {
        name: {"pk": rows[name.removeprefix("admin:").rpartition("_")[0]].pk, "act": "end"}
        for name in names
        if "pk" in addresses()[name]
    }
    api = {
        "patient": sharer.patient.pk,
        "entry": has["result"],
        "grant": has["grant"].pk,
        "asked": has["asking"].pk,
        "event": has["event"].id,
        "institution": Institution.objects.first().pk,
        "credential": credential.pk,
        "appointment": seen["visit"],
        **{name: seen[name] for name in ("schedule", "kind", "hold")},
        "address": "no/such/address/here",
    }
    front = {"token": "no-such-token", "handle": "no-such-handle", "ticket": "no-such-ticket"}
    front |= {"notice_id": has["notice"].pk, "asked_id": belongings.ward(sharer).pk}
    others = {
        "clinician:file": {"logical_id": has["picture"]},
        **visits.buttons(seen),
        "clinician:prescription-correct": {"dispensed": has["picture"]},
        "patient:team": {"reader": has["team"]},
        "patient:acting-answer": {"delegation": has["offered"]},
        "patient:acting-share-stop": {"grant": has["given"]},
        "patient:acting-share-confirm": {"draft": drafts["acting"]},
        "patient:not-mine": {"entry": has["sent"]},
        **researching.places(has),
    }
    begun = {name: one for name, one in drafts.items() if ":" in name}
    portals = {"clinician": clinician, "patient": patient, "front": front, "api": api, "frontdesk": seen}
    return portals | desk_rows | others | begun | programs.places(sharer, has["result"])


def _draft_of(browser: Client, reader: people.Person) -> uuid.UUID:
    """Begin to let somebody in, as far as the sentence; return the draft."""
    where = browser.post(reverse("patient:begin", args=[reader.user.pk]))["Location"]
    browser.post(where, {"ordinary": ["labs"]})
    made = uuid.UUID(where.rstrip("/").split("/")[-2])
    browser.post(reverse("patient:share-until", args=[made]), {"span": "week"})
    return made


def build() -> World:
    """Make everybody, and everything that is theirs."""
    people.prepare_ground()
    officer = staff("Petra Ok", *DeskRole)
    ana, ben = people.patient("Ana Costa", identifier="HC-77-4321"), people.patient("Ben Okoro")
    lee, wu, stranger = (people.clinician(name) for name in ("Mei Lee", "Wu Jin", "Charles Stranger"))
    old = people.clinician("Edna Old", licence_until=people.LONG_AGO)
    unverified = people.account("Una New")
    User.objects.filter(pk=unverified.user.pk).update(email_verified_at=None)
    hers, his = _shared(ana, lee, officer), _shared(ben, wu, officer)
    with transaction.atomic():
        hers["transaction"] = his["transaction"] = transactions.queue(
            b"\x01" * 32, contract="AuditAnchor", method="anchor", args=[1, b"\x02" * 32, []]
        )
        letters.write(ana.user, "passphrase-changed", key="ana")
        letters.write(ben.user, "passphrase-changed", key="ben")
        waiting = arrivals.expect(name="Later", birth_date=ana.patient.birth_date, sex="", identifiers=[], source="x")
        note = {"resourceType": "Observation", "status": "final", "code": {"text": "Pulse"}, "valueString": "72"}
        access.receive(waiting, [draft(waiting, note)], source=source_signer("x"))
    hers["waiting"] = his["waiting"] = waiting
    _claim, code = arrivals.invite(waiting, by=officer.user)
    hers["claim"] = his["claim"] = arrivals.take_up(code, user=unverified.user)
    for credential in Credential.objects.all():
        sealed = stored.put_away(b"%PDF", about=credential.pk.bytes, label="credential-evidence")
        Evidence.objects.create(credential=credential, sealed=sealed, media_type="application/pdf", size=4)
    hook = Hook.objects.create(institution=Institution.objects.first().pk, url="https://x.example/", sealed_secret=b"")
    HookParcel.objects.create(hook=hook, key="hook", kind="emergency-access")
    while sequencer.sequence():
        pass
    signed = checkpoints.sign() or Checkpoint.objects.last()
    Anchor.objects.create(checkpoint=signed, from_size=0, digest=b"\x03" * 32)
    hers["vouched"] = his["vouched"] = belongings.vouched_for(waiting)
    dora, dirk = belongings.delegates_of(ana, lee, hers), belongings.delegates_of(ben, wu, his)
    browsers = {
        "anonymous": Client(raise_request_exception=False),
        "unverified": browser_of(unverified, second_step=False),
        "patient": browser_of(ana, second_step=False),
        "other patient": browser_of(ben, second_step=False),
        "who acts for the patient": browser_of(dora, second_step=False),
        "clinician without standing": browser_of(old),
        "clinician without grant": browser_of(stranger),
        "clinician with grant": browser_of(lee),
        "front desk": browser_of(people.clinician("Dee Dray", role=Role.FRONT_DESK)),
        "researcher": browser_of(hers["researcher"]),
        "staff with one factor": browser_of(staff("Uma One", *DeskRole), second_step=False),
        "staff": browser_of(officer),
    }
    drafts = {
        "patient": _drafts(browsers["patient"], browsers["who acts for the patient"], stranger, hers),
        "other patient": _drafts(browsers["other patient"], browser_of(dirk, second_step=False), stranger, his),
    }
    world = World(browsers, _places(ana, lee, hers, drafts["patient"]), _places(ben, wu, his, drafts["other patient"]))
    clock.now()
    let_in.by_both(world, ana, ben)
    programs.let_in(let_in.app(), world, "clinician with grant")
    return world


def _drafts(patients: Client, delegates: Client, reader: people.Person, has: dict) -> dict[str, object]:
    """Begin what a patient, and who acts for them, may have on its way; return the drafts, by address or by kind."""
    begun = {"": _draft_of(patients, reader)} | belongings.drafts_of(patients, has)
    belongings.begin_acting(delegates, has["delegation"])
    return begun | {"acting": belongings.draft_of_sharing(delegates, reader)}
