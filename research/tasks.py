"""What workers do for research. Each may run twice, and finds its work in the database."""

import logging

from celery import shared_task

from consent.escrow import NotReleased
from ehr import clock
from research import joining
from research.cohorts import counting
from research.compensation import following
from research.figures import asking as figures
from research.figures import making as figure_making
from research.leaving import telling
from research.models import Study
from research.private import answering
from research.release import asking, making
from research.studies import deciding
from research.studies.states import State
from research.watching import looking

logger = logging.getLogger(__name__)


@shared_task
def follow_joinings() -> int:
    """Note who is out of a study because their permission ended elsewhere, or it closed; return how many."""
    return joining.follow()


@shared_task
def relay_opt_ins() -> int:
    """Put due commitments into transactions, a batch each; return how many went."""
    return joining.relay()


@shared_task
def move_studies_on() -> int:
    """Open studies that two approved while the keyholder was away, and close those whose term is over."""
    count = 0
    for study in Study.objects.filter(state=State.WAITING, second_approver__isnull=False):
        try:
            count += deciding.finish(study).state == State.APPROVED
        except NotReleased as stopped:
            logger.warning("Study %s waits for its keys: %s", study.pk, stopped.because)
    over = Study.objects.filter(state__in=[State.APPROVED, State.PAUSED], ends__lte=clock.now())
    return count + sum(deciding.end(study) for study in over)


@shared_task
def make_releases() -> int:
    """Make what researchers asked for, one after another; return how many came to an end. May run twice."""
    return sum(bool(making.make(release)) for release in making.due())


@shared_task
def take_back_releases() -> int:
    """Delete files that nobody fetched in time, or that hold somebody who withdrew; return how many."""
    return asking.take_back_what_nobody_fetched()


@shared_task
def ask_back_what_left() -> int:
    """Ask recipients to destroy rows of people who withdrew, and flag what is overdue; return how many were asked."""
    asked = telling.tell()
    telling.flag()
    return asked


@shared_task
def follow_pay() -> int:
    """Note what became of pay through the contract; return of how many something is new."""
    return following.follow()


@shared_task
def watch_use() -> int:
    """Put unusual use by researchers before the privacy officer; return how much is new."""
    return looking.look()


@shared_task
def count_cohorts() -> int:
    """Count what researchers asked for, one after another; return how many came to an end. May run twice."""
    return sum(bool(counting.count(count)) for count in counting.due())


@shared_task
def answer_questions() -> int:
    """Answer private questions, one after another; return how many came to an end. May run twice."""
    return sum(bool(answering.answer(question)) for question in answering.due())


@shared_task
def ask_for_figures() -> int:
    """Ask for this month's figures of the studies that are for them; return how many are new. May run twice."""
    return figures.ask_all()


@shared_task
def make_figures() -> int:
    """Make figures of a population, one run after another; return how many came to an end. May run twice."""
    return sum(bool(figure_making.make(run)) for run in figure_making.due())
