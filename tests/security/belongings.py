"""What else is somebody's own in the world of the doors: who acts for them, whom they keep out, what is under way."""

import uuid
from datetime import timedelta

from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from consent.delegates import naming, vouching
from consent.models import Delegation
from consent.sharing import blocks, bulk, incoming, referrals
from ehr import clock
from ehr.accounts.models import Guardian, PaperInvitation, PostalAddress, Recovery, User
from ehr.notices.models import Errand
from ehr.rights import health_links
from ehr.rights.models import Package, PackagePiece
from ehr.words import Category
from patients.models import Patient
from providers.roles import Role
from tests import people
from tests.consent import delegating
from tests.consent.test_incoming import HOSPITAL, consent, numbered

WHY = "Please look at this, it hurts for weeks"


def of_consent(sharer: people.Person, reader: people.Person) -> dict[str, object]:
    """Return, by what each is called in addresses, a block, a bulk act, a referral and a mandate of somebody's."""
    pest, other = people.clinician("Patrick Pest"), people.clinician("Olive Other", role=Role.SPECIALIST)
    spare = people.give(sharer, other, Category.LABS)
    referral = referrals.refer(
        sharer.patient,
        referrer=reader.user,
        keyring=reader.keyring,
        to=people.clinician("Sven Specialist", role=Role.SPECIALIST).user,
        categories=[Category.HISTORY],
        days=7,
        words=WHY,
    )
    mandate = people.mandate(sharer, reader)
    return {
        "block": blocks.block(sharer.patient, reader=pest.user, keyring=sharer.keyring).pk,
        "act": bulk.begin(sharer.patient, kind="end", items=[spare.pk], once=uuid.uuid4()).pk,
        "referral": referral.pk,
        "mandate": mandate.pk,
        "spare": spare.pk,
        "to": other.user.pk,
        "proposal": said_elsewhere(sharer, reader),
    }


def said_elsewhere(sharer: people.Person, reader: people.Person) -> uuid.UUID:
    """Return the draft of what another system says that somebody agreed to."""
    (draft,) = incoming.receive(sharer.patient, consent(numbered(reader)), source="City Hospital", by=HOSPITAL)
    return draft.pk


def handed_out(sharer: people.Person) -> dict[str, object]:
    """Return a link somebody handed out, and a file of their whole record that waits to be saved."""
    made = health_links.make(
        sharer.patient,
        keyring=sharer.keyring,
        categories=[Category.LABS],
        passcode="4711",
        lasts=timedelta(days=1),
        purpose=WHY,
    )
    at = clock.now()
    package = Package.objects.create(
        patient=sharer.patient, made_at=at, expires_at=at + timedelta(days=1), size=len(WHY), pieces_count=1
    )
    body = sharer.keyring.keep(WHY.encode(), label=f"package/{package.pk}/0")
    PackagePiece.objects.create(package=package, number=0, body=body)
    return {"link": made.link.pk, "package": package.pk}


def delegates_of(sharer: people.Person, reader: people.Person, has: dict[str, object]) -> people.Person:
    """Return who acts for somebody. `has` gets their delegation, a grant they gave, and what else they are asked."""
    acts = people.account("Dora Delegate")
    named = delegating.name(sharer, acts, rights=delegating.ALL, categories=tuple(Category))
    grant = delegating.let_in(sharer, acts, reader)
    asking = people.patient("Cara Cousin")
    offered = naming.ask(asking.patient, email=acts.user.email, terms=delegating.terms())
    has |= {"delegation": named.pk, "offered": offered.pk, "given": grant.pk, "acts": acts}
    return acts


def vouched_for(patient: Patient) -> Delegation:
    """Return a delegation that one verifier confirmed, of a record without its patient yet."""
    verifier = people.account("Vernon Verifier", staff=True)
    verifier.user.user_permissions.add(Permission.objects.get(codename="vouch_delegation"))
    return vouching.begin(
        patient,
        by=User.objects.get(pk=verifier.user.pk),
        keyring=verifier.keyring,
        email=people.account("Paul Parent").user.email,
        basis="carer",
        rights=["read"],
        categories=[Category.LABS],
        ends=clock.now() + timedelta(days=30),
        document="court-order",
    )


def unmailed() -> dict[str, object]:
    """Return, by the list of the desk, what there is about somebody without e-mail: paper, address, errand."""
    name = {"name": "Mona Duarte", "password": "!", "vouched_at": clock.now()}
    mona, _new = User.objects.get_or_create(sign_in_name="bako-2345", defaults=name)
    reach = PostalAddress.objects.filter(user=mona).first() or PostalAddress(user=mona)
    reach.text = "Rua da Praia 4"
    reach.save()
    over = clock.now() + timedelta(days=14)
    paper = {"kind": PaperInvitation.Kind.BACK, "document_digest": b"", "expires_at": over}
    return {
        "accounts_paperinvitation": PaperInvitation.objects.get_or_create(user=mona, defaults=paper)[0],
        "accounts_postaladdress": reach,
        "notices_errand": Errand.objects.get_or_create(
            key="mona", defaults={"user": mona, "kind": "emergency-access", "due_at": over}
        )[0],
    }


def begin_acting(browser: Client, delegation: uuid.UUID) -> None:
    """Act for somebody in a browser from now on."""
    browser.post(reverse("patient:acting-begin", args=[delegation]))


def draft_of_sharing(browser: Client, reader: people.Person) -> uuid.UUID:
    """Begin to let somebody in, acting for the patient, as far as the sentence; return the draft."""
    where = browser.post(
        reverse("patient:acting-share-with", args=[reader.user.pk]), {"ordinary": ["labs"], "days": "7"}
    )["Location"]
    return uuid.UUID(where.rstrip("/").split("/")[-1])


def ward(guardian: people.Person) -> Guardian:
    """Return for whom somebody keeps a share: a person who is getting lost keys back."""
    kept = Guardian.objects.filter(guardian=guardian.user).first()
    if kept is None:
        ward = people.account("Wanda Ward")
        Recovery.objects.create(
            user=ward.user,
            version_id=ward.keyring.version_id,
            public=b"",
            sealed_private=b"",
            ready_at=clock.now() + timedelta(days=2),
        )
        kept = Guardian.objects.create(user=ward.user, guardian=guardian.user, asked=guardian.user.email)
    return kept


def drafts_of(browser: Client, has: dict) -> dict[str, dict[str, object]]:
    """Begin, in a patient's browser, to end many, to mandate and to move; return the drafts by address."""
    many = _after(browser.post(reverse("patient:end-many"), {"do": "end", "item": [str(has["spare"])]}))
    mandate = _after(
        browser.post(
            reverse("patient:mandate-new", args=[has["grant"].pk]),
            {"ordinary": ["labs"], "roles": [str(Role.SPECIALIST)], "days": "30", "span": "month"},
        )
    )
    change = _after(
        browser.post(reverse("patient:change", args=[has["grant"].pk]), {"ordinary": ["labs"], "span": "same"})
    )
    study = reverse("patient:research-study", args=[has["open_study"].pk])
    joining = _after(browser.post(study, {"ordinary": ["labs"]}))
    place = people.institution()
    move = _after(browser.post(reverse("patient:move"), {"place": str(place.pk)}))
    page = browser.get(reverse("patient:move-what", args=[move]))
    held = [one.pk for one in page.context["held"]]
    browser.post(reverse("patient:move-what", args=[move]), {str(pk): "move" for pk in held})
    moving = {name: {"draft": move} for name in ("patient:move-what", "patient:move-confirm", "patient:move-done")}
    return {
        "patient:bulk-confirm": {"draft": many},
        "patient:mandate-confirm": {"draft": mandate},
        "patient:change-confirm": {"draft": change},
        "patient:research-join": {"draft": joining},
        "patient:move-to": {"draft": move, "grant": has["grant"].pk},
    } | moving


def _after(answer) -> uuid.UUID:
    """Return the draft that a form led to."""
    return next(uuid.UUID(part) for part in reversed(answer["Location"].split("/")) if len(part) == 36)
