"""What a researcher does about a private question: asks, watches, cancels. Nothing heavy is loaded here.

A question is refused before anybody's record is opened where it was asked too often, or costs more than is left. Asked
again of the same day's records it has the answer that was given, and costs nothing; so it has of an earlier day's,
unless it is to be asked anew. That its records have not changed meanwhile is never a reason: it would tell that.
"""

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from audit import log
from ehr import clock
from ehr.accounts.models import User
from ehr.words import Category
from providers.rules import NotPossible
from research import budget, criteria
from research.budget import Budget, Locked, Spent
from research.criteria.parts import parts_for
from research.models import PrivateQuestion, Study
from research.private.questions import Kind, Question, question
from research.private.variables import DICTIONARY, described
from research.studies import work
from research.studies.proposing import log_study, party

State = PrivateQuestion.State
LEAST = 2  # nano-rho: a mean pays two halves


def ask(
    study: Study,
    kind: Kind,
    name: str = "",
    *,
    price: int,
    by: User,
    among: Mapping[str, object] | None = None,
    percent: int = 50,
    anew: bool = False,
) -> PrivateQuestion:
    """Ask for a count, or of a variable of the data dictionary, at a price in nano-rho: answered, or under way.

    `among` is the criteria of the people that are meant, as a document; without, everybody who takes part. Raises
    criteria.NotUnderstood and NotDescribed for what cannot be asked; budget.Locked for what was asked too often and
    budget.Spent for what is too dear, and NotPossible where the study may not ask this, or not now. These three are on
    the log; call it outside a transaction.
    """
    if price < LEAST:
        raise ValueError("A private answer costs at least two nano-rho.")
    people = criteria.read(among) if among is not None else None
    asked = question(
        kind, name, dictionary=DICTIONARY, among=criteria.digest(people) if people else b"", percent=percent
    )
    try:
        return _ask(study, asked, people, price=price, anew=anew, by=by)
    except (Locked, Spent, NotPossible) as refusal:
        refused(study, asked.digest, price, refusal, by=by)
        raise


def cancel(row: PrivateQuestion, *, by: User) -> PrivateQuestion:
    """Stop a question that is under way; it costs nothing then. Twice is once, and what is answered stays so."""
    return work.cancel(row, by=by, what="question")


def refused(study: Study, digest: bytes, price: int, refusal: Exception, *, by: User) -> None:
    """Write down that a question was refused, and why; the rules of unusual use read it."""
    because = {Locked: "asked-too-often", Spent: "budget-spent"}.get(type(refusal), "not-allowed")
    details = {"study": str(study.pk), "digest": digest.hex(), "nano_rho": price}
    log.record(
        "study.question-refused", actor=party(by), subject=None, outcome="refused", because=because, details=details
    )


def spent_words(price: int, left: Budget) -> str:
    """Say what is left of a study's budget, what a question costs, and what to do."""
    if left.left < LEAST:
        return _(
            "This study has spent all it may in private questions. The answers you have stay here, and cost nothing."
        )
    words = _(
        "This question costs %(cost)s of what the study may spend, and %(left)s is left. Ask more roughly, or read "
        "the answers you have: they cost nothing."
    )
    return words % {"cost": left.words(price), "left": left.words(left.left)}


# --- Reading -------------------------------------------------------------------------------------
def questions(study: Study) -> QuerySet[PrivateQuestion]:
    """Return what was asked in a study, the newest first."""
    return study.private_questions.select_related("answer")


def question_of(user: User, question_id: UUID) -> PrivateQuestion | None:
    """Return one of the questions of a researcher's own studies, or None for everybody else's."""
    rows = PrivateQuestion.objects.filter(pk=question_id, study__researcher__clinician__user=user)
    return rows.select_related("study", "answer").first()


def parts_asked(asked: Question, people: criteria.Criteria | None) -> frozenset[Category]:
    """Return the parts of a record that an answer depends on; none for how many take part."""
    parts = parts_for(people) if people else frozenset()
    return parts | {described(asked.variable).part} if asked.variable else parts


# --- Inside --------------------------------------------------------------------------------------
def _ask(
    study: Study, asked: Question, people: criteria.Criteria | None, *, price: int, anew: bool, by: User
) -> PrivateQuestion:
    with transaction.atomic():
        # No key of it changes: an answer that is being paid for may refer to the study meanwhile.
        study = Study.objects.select_for_update(of=("self",), no_key=True).get(pk=study.pk)
        work.require_own(study, by)
        work.run_of(study)
        if not parts_asked(asked, people) <= set(study.categories):
            raise NotPossible(
                _("This asks for parts of the record that were not approved for the study. Leave them out.")
            )
        budget.note_asking(study, asked.digest, by=by)
        if known := _known(study, asked.digest, price, anew=anew):
            return known
        # Under the study's row, so that what is promised to others counts as spent.
        left = budget.left_of_study(study).left - budget.promised(study)
        if price > left:
            raise Spent(left)
        row = PrivateQuestion.objects.create(
            study=study,
            asked_by=by,
            question=asked.written(),
            criteria=criteria.written(people) if people else None,
            digest=asked.digest,
            price=price,
        )
        log_study("study.question-asked", study, by, question=str(row.pk), digest=asked.digest.hex(), nano_rho=price)
    return row


def _known(study: Study, digest: bytes, price: int, *, anew: bool) -> PrivateQuestion | None:
    """Return this question as it is under way, or was answered, at least as finely; anew: from today's records."""
    rows = PrivateQuestion.objects.filter(study=study, digest=digest, price__gte=price)
    if under_way := rows.filter(state__in=work.UNDER_WAY).order_by("-price").first():
        return under_way
    ready = rows.filter(state=State.READY).order_by("-answer__as_of", "-price")
    return (ready.filter(answer__as_of=clock.now().date()) if anew else ready).first()
