"""Reads about studies: who may propose one, who may join one, how many did, and where somebody's data went."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from audit import queries as audit
from audit.queries import Line
from ehr import clock
from ehr.accounts.models import User
from ehr.crypto import signing
from ehr.crypto.digests import joined
from ehr.words import Purpose
from patients.models import Patient
from providers.models import Institution
from providers.queries import institutions_open, standing
from providers.roles import Role
from research import words
from research.disclosure import Rules, shown
from research.models import Agreement, Joining, Question, Researcher, Run, Study, Vote
from research.models.work import Work

# How far back the page on uses looks: lines of one's own log, read in pieces.
_PIECE, _PIECES = 200, 25


def rules() -> Rules:
    """Return from how many people on a number is shown, and to what it is rounded, as the operator set it."""
    return Rules(settings.RESEARCH_SMALL, settings.RESEARCH_BASE)


# --- Researchers ---------------------------------------------------------------------------------
def researcher_of(user: User) -> Researcher | None:
    """Return the researcher a person registered as, or None. Being one opens nothing by itself."""
    rows = Researcher.objects.filter(clinician__user=user).select_related("clinician__user")
    return rows.first() if user.pk else None


@dataclass(frozen=True)
class Footing:
    """What stands between a researcher and a proposal: their licence and place, and the agreement."""

    vouched: bool
    message: str  # what is missing of licence or place of work, in words
    institution: Institution | None
    agreed: bool

    @property
    def ok(self) -> bool:
        return self.vouched and self.agreed


def footing(researcher: Researcher, at: datetime | None = None) -> Footing:
    """Return how a researcher stands at a moment. Nothing is cached: a suspension counts from the next question on."""
    seen = standing(researcher.clinician.user, at or clock.now())
    vouched = Role.RESEARCHER in seen.roles
    return Footing(vouched, "" if vouched else seen.message, seen.institution if vouched else None, agreed(researcher))


def agreement_message(researcher: Researcher, digest: bytes) -> bytes:
    """Return what a researcher signs: the text's digest, and as whom."""
    return joined(b"data-use-agreement/v1", digest, researcher.clinician.user_id.bytes)


def agreed(researcher: Researcher) -> bool:
    """Tell whether a researcher signed the present edition with a key of their own, and the row is as it was signed."""
    digest = words.agreement_digest()
    rows = Agreement.objects.filter(researcher=researcher, edition=words.EDITION).select_related("key_version__reader")
    found = rows.first()
    if found is None or bytes(found.digest) != digest:
        return False
    if found.key_version.reader.user_id != researcher.clinician.user_id:
        return False
    message = agreement_message(researcher, digest)
    return signing.verify(bytes(found.key_version.author_public), message, bytes(found.signature))


def places() -> QuerySet[Institution]:
    """Return the institutions a researcher may say they work at."""
    return institutions_open()


# --- Studies -------------------------------------------------------------------------------------
def own_studies(user: User) -> QuerySet[Study]:
    """Return a researcher's own studies, the newest first."""
    return Study.objects.of(user).select_related("institution")


def own_study(user: User, study_id: UUID) -> Study | None:
    """Return one of a researcher's own studies, or None for everybody else's."""
    return own_studies(user).filter(pk=study_id).select_related("researcher__clinician__user", "institution").first()


def questions(study: Study) -> QuerySet[Question]:
    """Return what the committee asked about a study, the first first."""
    return study.questions.select_related("by")


def votes(study: Study) -> list[Vote]:
    """Return what members of the committee decided on the terms as they stand."""
    if study.terms is None:
        return []
    return list(study.votes.filter(terms=bytes(study.terms)).select_related("by"))


def run_at(study: Study, at: datetime) -> Run | None:
    """Return the approved run by which a study's worker may read at a moment, the one that lasts longest; or None."""
    return study.runs.filter(until__gt=at).order_by("-until", "pk").first()


def how_many(study: Study) -> int | None:
    """Return how many take part, as may be told: rounded, and None for fewer than the smallest number shown."""
    return shown(Joining.objects.filter(study=study).standing(clock.now()).count(), rules())


def how_far(work: Work) -> int | None:
    """Return how far something is that opens everybody, in tens of percent: step by step it would tell how many there
    are, and so who joined or left. None while that is not known, and where too few take part for any number.
    """
    return work.done * 10 // work.total * 10 if work.total >= rules().small else None


# --- Joining -------------------------------------------------------------------------------------
def open_studies() -> QuerySet[Study]:
    """Return the studies that people may join now, the one that ends soonest first."""
    rows = Study.objects.open(clock.now()).filter(reader__keyring__isnull=False)
    return rows.select_related("institution", "reader").order_by("ends", "pk")


def open_study(study_id: UUID) -> Study | None:
    """Return one study that people may join now, or None for any other."""
    return open_studies().filter(pk=study_id).first()


def joined_by(patient: Patient) -> list[Joining]:
    """Return the studies that a patient takes part in now, the newest first."""
    rows = Joining.objects.filter(patient=patient).standing(clock.now())
    return list(rows.select_related("study__institution", "grant"))


def left_by(patient: Patient) -> list[Joining]:
    """Return the studies that a patient took part in before, the newest first."""
    over = Joining.objects.filter(patient=patient).exclude(pk__in=[one.pk for one in joined_by(patient)])
    return list(over.select_related("study__institution", "grant__ending"))


def joining_of(patient: Patient, joining_id: UUID) -> Joining | None:
    """Return one of a patient's own parts in studies, or None for anybody else's."""
    rows = Joining.objects.filter(patient=patient, pk=joining_id)
    return rows.select_related("study__institution", "grant__ending", "grant__reader").first()


def participants(study: Study) -> QuerySet[Joining]:
    """Return the parts that stand now, for a run: with patient and grant. The door decides on each once more."""
    rows = Joining.objects.filter(study=study).standing(clock.now())
    return rows.select_related("patient", "grant").order_by("pk")


def _is_use(line: Line) -> bool:
    """Tell whether a line is about research. A permission's own lines are told by those of joining and withdrawing."""
    return line.action in set(words.Act) or (line.purpose == Purpose.HRESCH and not line.action.startswith("grant."))


def uses(patient: Patient) -> list[Line]:
    """Return the lines of a patient's log about research, newest first, as far back as 5,000 lines."""
    found: list[Line] = []
    before: UUID | None = None
    for _piece in range(_PIECES):
        lines = audit.story(patient.pk, before=before, limit=_PIECE)
        found += [one for one in lines if _is_use(one)]
        if len(lines) < _PIECE:
            break
        before = lines[-1].event_id
    return found
