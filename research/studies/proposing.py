"""What a researcher asks: written, changed, proposed, taken back, answered for. Each verb logs beside its change."""

import json
import secrets
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from audit import log
from audit.models import Event
from ehr import clock
from ehr.accounts import stored
from ehr.accounts.models import User
from ehr.crypto.digests import joined
from ehr.notices import operations as notices
from ehr.notices.operations import News
from ehr.r4 import text as exact
from ehr.words import Category, Purpose
from providers.queries import party
from providers.rules import NotPossible
from research import queries
from research.measures.definitions import DEFINITIONS, needs
from research.models import EthicsApproval, Question, Researcher, Study
from research.studies.states import Verb, after
from research.words import Act

LONGEST = timedelta(days=5 * 366)
SHORTEST = timedelta(days=7)
FILE_BYTES = 5 * 1024 * 1024
VIEWS_BYTES = 256 * 1024
MOST_VIEWS = 20
_KINDS = {b"%PDF-": "application/pdf", b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
LABEL = "ethics-approval"


@dataclass(frozen=True)
class Asked:
    """What a study asks. `pay` is in minor units of the currency, for each person and release."""

    title: str
    purpose: str
    plain: str
    categories: tuple[str, ...]
    views: tuple[dict, ...]
    commercial: bool
    ends: datetime
    pay: int
    currency: str
    ethics_body: str
    ethics_reference: str
    unit: int = 0  # wei for one minor unit of the pay, where the contract pays; 0: the institution pays from a file
    determination: str = ""  # by which expert days may leave, moved for each person; empty where years alone do
    local_recoding: bool = False  # spans of different width in one column, and nobody left out; else columns as a whole
    measures: tuple[str, ...] = ()  # of a study for figures of a population: then it has no views and pays nothing


def read_views(text: str) -> tuple[dict, ...]:
    """Return view definitions from JSON: one, or a list of them. Raises NotPossible for what is none.

    Whether each can be run is found out where they are; here they are only what somebody handed in.
    """
    too_many = _("Hand in 1 to 20 views, 256 kB at most.")
    if len(text.encode(errors="replace")) > VIEWS_BYTES:
        raise NotPossible(too_many)
    try:
        exact.check(text)
        told = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise NotPossible(_("The views are not JSON. Paste one ViewDefinition, or a list of them.")) from problem
    views = told if isinstance(told, list) else [told]
    if not 1 <= len(views) <= MOST_VIEWS:
        raise NotPossible(too_many)
    if not all(isinstance(one, dict) and one.get("resource") and one.get("select") for one in views):
        raise NotPossible(_("Each view names a “resource” and what it selects (“select”), as in SQL on FHIR."))
    return tuple(views)


def draft(researcher: Researcher, asked: Asked, *, ethics: bytes, by: User, once: uuid.UUID | None = None) -> Study:
    """Write a study down, for nobody but its researcher yet. The same `once` again returns what was made first.

    Raises NotPossible where licence, place or agreement are missing, or something asked is out of bounds.
    """
    institution = _standing(researcher, by)
    _check(asked)
    media_type = _media_type(ethics)
    with transaction.atomic():
        Researcher.objects.select_for_update().get(pk=researcher.pk)
        if once and (existing := Study.objects.of(by).filter(pk=once).first()):
            return existing
        study = Study(
            id=once or uuid.uuid4(),
            researcher=researcher,
            institution=institution,
            proposer=by,
            salt=secrets.token_bytes(32),
            **_columns(asked),
        )
        study.full_clean(exclude=["salt"], validate_constraints=False)
        study.save(force_insert=True)
        _keep(study, ethics, media_type)
        _log("study.drafted", study, by)
    return study


def change(study: Study, asked: Asked, *, ethics: bytes | None, by: User) -> Study:
    """Write a study anew before it is proposed; without `ethics` the document stays. Raises NotPossible."""
    _standing(study.researcher, by)
    _check(asked)
    media_type = _media_type(ethics) if ethics else ""
    with transaction.atomic():
        study = locked(study)
        _check_own(study, by)
        study.state = after(study, Verb.CHANGE)
        for name, value in _columns(asked).items():
            setattr(study, name, value)
        study.full_clean(exclude=["salt"], validate_constraints=False)
        study.save()
        if ethics:
            EthicsApproval.objects.filter(study=study).delete()
            _keep(study, ethics, media_type)
        _log("study.changed", study, by)
    return study


def propose(study: Study, *, by: User) -> Study:
    """Put a study before the committee. From now on its terms are fixed, by their digest. Raises NotPossible."""
    _standing(study.researcher, by)
    with transaction.atomic():
        study = locked(study)
        _check_own(study, by)
        study.state = after(study, Verb.PROPOSE)
        if study.ends - clock.now() < SHORTEST:
            raise NotPossible(_("The study ends too soon. Give it a week at least, then propose it."))
        study.salt, study.proposed_at = secrets.token_bytes(32), clock.now()
        study.terms = terms(study)
        study.save(update_fields=["state", "salt", "terms", "proposed_at"])
        _log("study.proposed", study, by)
        _tell_committee(study, "desk.study-waiting")
    return study


def take_back(study: Study, *, by: User) -> Study:
    """Take a study back from the committee, to change it. Approvals of the terms before count no more."""
    with transaction.atomic():
        study = locked(study)
        _check_own(study, by)
        if study.second_approver_id is not None:
            raise NotPossible(
                _("Two members of the committee have approved it already. Close it instead, once it is open.")
            )
        study.state = after(study, Verb.TAKE_BACK)
        study.terms = study.proposed_at = study.first_approver = None
        study.save(update_fields=["state", "terms", "proposed_at", "first_approver"])
        _log("study.taken-back", study, by)
    return study


def answer(question: Question, *, text: str, by: User) -> Question:
    """Answer what the committee asked; with the last answer the study waits for them again. Raises NotPossible."""
    if not text.strip():
        raise NotPossible(_("Write an answer first."))
    with transaction.atomic():
        study = locked(question.study)
        _check_own(study, by)
        changed = Question.objects.filter(pk=question.pk, study=study, answered_at__isnull=True)
        state = after(study, Verb.ANSWER)
        if not changed.update(answer=text.strip(), answered_at=clock.now()):
            raise NotPossible(_("This question is answered already."))
        if not study.questions.filter(answered_at__isnull=True).exists():
            study.state = state
            study.save(update_fields=["state"])
            _tell_committee(study, "desk.study-waiting", once=str(question.pk))
        _log("study.answered", study, by)
    question.refresh_from_db()
    return question


def open_ethics(study: Study, *, by: User) -> tuple[bytes, str]:
    """Return the ethics board's document and its media type, to the committee and its researcher; logged before.

    Call it outside a transaction. Raises NotPossible for others, NotOurs for an altered document.
    """
    if by.pk != study.proposer_id and not (by.is_active and by.has_perm("research.decide_study")):
        raise NotPossible(_("Only the committee opens this document."))
    log.record("study.ethics-opened", actor=party(by), subject=None, details={"study": str(study.pk)})
    kept = study.ethics
    return stored.take_out(bytes(kept.sealed), about=study.pk.bytes, label=LABEL), kept.media_type


# --- Terms ---------------------------------------------------------------------------------------
def terms(study: Study) -> bytes:
    """Return 32 bytes that fix what a study asks, salted: what is approved, joined and put on chain."""
    asked = {name: getattr(study, name) for name in Asked.__dataclass_fields__}
    asked["ends"] = study.ends.isoformat()
    # Terms that were fixed before there was a choice say nothing of it, and stay what they are.
    for choice in ("unit", "measures", "determination", "local_recoding"):
        if not asked[choice]:
            del asked[choice]
    said = json.dumps(asked, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    parts = [study.pk.bytes, bytes(study.salt), study.institution_id.bytes, study.proposer_id.bytes]
    return sha256(joined(b"study-terms/v1", *parts, bytes(study.ethics.digest), said.encode())).digest()


def intact(study: Study) -> bool:
    """Tell whether a study's row says what was proposed."""
    return study.terms is not None and bytes(study.terms) == terms(study)


def _columns(asked: Asked) -> dict[str, object]:
    found = asdict(asked)
    found["categories"] = [str(part) for part in Category if part in set(asked.categories)]
    found["views"] = list(asked.views)
    found["measures"] = sorted(asked.measures)
    found["ends"] = asked.ends.replace(microsecond=0)
    for name in ("title", "purpose", "plain", "ethics_body", "ethics_reference", "determination"):
        found[name] = found[name].strip()
    return found


def _check(asked: Asked) -> None:
    if not set(asked.categories) & set(Category):
        raise NotPossible(_("Choose at least one part of the record that the study needs."))
    if not SHORTEST <= asked.ends - clock.now() <= LONGEST:
        raise NotPossible(_("Choose an end between one week and five years from now."))
    if asked.pay < 0:
        raise NotPossible(_("Give the pay as an amount, or 0 for none."))
    if asked.unit and (not asked.pay or asked.unit != settings.RESEARCH_PAY_WEI.get(asked.currency)):
        raise NotPossible(_("The contract does not pay this here. Let the institution pay."))
    if asked.measures:
        _check_figures(asked)
    elif not asked.views:
        raise NotPossible(_("Hand in at least one view: without one no table can be made of the study."))


def _check_figures(asked: Asked) -> None:
    if not set(asked.measures) <= set(DEFINITIONS):
        raise NotPossible(_("One of these figures is not known here. Choose from the list."))
    if asked.views or asked.pay:
        raise NotPossible(_("No rows leave for figures, so there are no views and no pay for them. Leave them out."))
    if set(asked.categories) != needs(asked.measures):
        raise NotPossible(_("Ask for the parts that these figures need, all of them and no others."))


# --- Inside --------------------------------------------------------------------------------------
def locked(study: Study) -> Study:
    """Return the row as it is now, held until the transaction ends: whoever acts on it does so one after the other."""
    rows = Study.objects.select_for_update(of=("self",)).select_related("researcher__clinician__user")
    return rows.get(pk=study.pk)


def _standing(researcher: Researcher, by: User):
    """Return the institution for which somebody does research. Raises NotPossible with what is missing."""
    if by.pk != researcher.clinician.user_id:
        raise NotPossible(_("Only the researcher writes this. Ask them to do so."))
    found = queries.footing(researcher)
    if not found.vouched or found.institution is None:
        raise NotPossible(found.message or _("Your place of work is not confirmed yet."))
    if not found.agreed:
        raise NotPossible(_("Sign the data-use agreement first."))
    return found.institution


def _check_own(study: Study, by: User) -> None:
    if by.pk != study.researcher.clinician.user_id:
        raise NotPossible(_("Only the researcher writes this. Ask them to do so."))


def _media_type(document: bytes) -> str:
    if len(document) > FILE_BYTES:
        raise NotPossible(_("The approval is larger than 5 MB. Hand in a smaller scan."))
    for start, media_type in _KINDS.items():
        if document.startswith(start):
            return media_type
    raise NotPossible(_("The approval is neither a PDF nor a PNG or JPEG picture. Scan it as one of these."))


def _keep(study: Study, document: bytes, media_type: str) -> None:
    EthicsApproval.objects.create(
        study=study,
        media_type=media_type,
        sealed=stored.put_away(document, about=study.pk.bytes, label=LABEL),
        size=len(document),
        digest=sha256(document).digest(),
    )


def _log(action: str, study: Study, by: User | None, **details: object) -> Event:
    return log_study(action, study, by, **details)


def log_study(action: str, study: Study, by: User | None, **details: object) -> Event:
    """Write a study's line in the caller's transaction: which study, which terms, and whose it is."""
    said = {
        "study": str(study.pk),
        "terms": bytes(study.terms).hex() if study.terms else "",
        "proposer": str(study.proposer_id),
        "title": study.title,
        **details,
    }
    return log.append(action, actor=party(by) if by else log.SYSTEM, subject=None, outcome="done", details=said)


def log_people(act: Act, study: Study, people: Sequence[uuid.UUID], *, actor: log.Party, **details: object) -> None:
    """Write in the caller's transaction, on the list of each of these patients, what was done with their data for a
    study; `details` say which count, answer, release or other thing it was."""
    said = {"reader": str(study.reader_id), "reader_name": study.title, "study": str(study.pk), **details}
    log.append_page(act, actor=actor, subjects=people, outcome="done", purpose=Purpose.HRESCH, details=said)


def committee() -> Sequence[User]:
    """Return who decides about studies: active staff whose desk role includes it."""
    decides = {
        "groups__permissions__codename": "decide_study",
        "groups__permissions__content_type__app_label": "research",
    }
    return list(User.objects.filter(is_active=True, is_staff=True, **decides).distinct())


def _tell_committee(study: Study, kind: str, once: str = "") -> None:
    key = f"{kind}:{study.pk}:{bytes(study.terms or b'').hex()[:16]}:{once}"
    whom: Iterable[User] = (one for one in committee() if one.pk != study.proposer_id)
    notices.tell([News(one, kind, f"{key}:{one.pk}", study.pk) for one in whom])
