"""What belongs to research in the world of the doors: studies of a researcher's, what is asked, who joined."""

from collections.abc import Mapping

from django.contrib.auth.models import Permission

from ehr import clock
from ehr.accounts.models import User
from research.models import (
    CohortCount,
    Due,
    FigureRun,
    Payout,
    PrivateQuestion,
    Question,
    Recall,
    Release,
    Result,
    SetAside,
    Unusual,
)
from tests.people import Person
from tests.research import figures_made, studying
from tests.research.studying import Committee

WHY = "Why do you need the results of so many years"


def of(sharer: Person) -> dict[str, object]:
    """Return a researcher's studies: one that somebody joined, one they may join, one that waits; and the question."""
    who = studying.researcher(f"Researcher {sharer.user.name[0]}")
    joined = studying.opened(who, _board())
    waiting = studying.waiting(who, title="Work and sleep")
    question = Question.objects.create(study=waiting, by=_board().first, text=WHY)
    release = Release.objects.create(study=joined, asked_by=who.user)
    return {
        "researcher": who,
        "study": joined,
        "open_study": studying.opened(who, _board(), title="Food and sleep"),
        "waiting_study": waiting,
        "question": question,
        "draft_study": studying.drafted(who, title="Noise and sleep"),
        "joined": studying.join(sharer, joined),
        "release": release,
        "due": _due(release, sharer),
        "count": CohortCount.objects.create(
            study=joined, asked_by=who.user, criteria={"version": 1, "who": {"sex": ["female"]}}, digest=bytes(32)
        ),
        "asked": PrivateQuestion.objects.create(
            study=joined, asked_by=who.user, question={"kind": "count", "among": ""}, digest=bytes(32), price=5_000_000
        ),
        **_figures(who),
        "recall": Recall.objects.create(release=release, due_at=clock.now(), digest=bytes(32)),
        "found": Result.objects.create(study=joined, by=who.user, title="Found", plain="That sleep matters."),
        "unusual": Unusual.objects.create(by=who.user, why="burst", first=clock.now(), last=clock.now(), count=30),
        "payout": Payout.objects.create(
            institution=joined.institution, currency="CAD", total=0, made_by=_board().first
        ),
    }


def places(has: dict) -> dict[str, Mapping[str, object]]:
    """Return what fills the addresses of a researcher's pages."""
    waiting, study = has["waiting_study"].pk, has["study"].pk
    return {
        "researcher": {
            "study": study,
            "press": "close",
            **{name: has[name].pk for name in ("release", "recall", "count", "asked", "run")},
        },
        "researcher:answer": {"study": waiting, "question": has["question"].pk},
        "researcher:figures": {"study": has["figures_study"].pk},
        "researcher:figures-file": {"study": has["figures_study"].pk},
        "researcher:change": {"study": has["draft_study"].pk},
    }


def rows(has: dict) -> dict[str, object]:
    """Return the rows of the desk's lists about research."""
    return {
        "research_study": has["waiting_study"],
        "research_recall": has["recall"],
        "research_payout": has["payout"],
        "research_result": has["found"],
        "research_figurerun": has["figures_study"],
        "research_unusual": has["unusual"],
    }


def _due(release: Release, who: Person) -> Due:
    """Return what somebody is due by the contract, on its way there."""
    made = SetAside.objects.create(release=release, root=bytes(32), unit=1, total=500, padded=0)
    return Due.objects.create(
        release=release,
        patient=who.patient,
        amount=500,
        currency="CAD",
        way=Due.Way.CONTRACT,
        set_aside=made,
        claimant=f"0x{release.pk.hex}00000000",
        ephemeral=bytes(33),
        key_version_id=who.keyring.version_id,
    )


def _figures(who: Person) -> dict[str, object]:
    """Return a study for figures of a population, and a run of it that waits."""
    study = studying.opened(who, _board(), **figures_made.asked(title="How many sleep well"))
    today = clock.now().date()
    return {
        "figures_study": study,
        "run": FigureRun.objects.create(study=study, month=today.replace(day=1), first=today, last=today),
    }


def _board() -> Committee:
    """Return the committee, which is the same for everybody."""
    decides = Permission.objects.get(codename="decide_study", content_type__app_label="research")
    known = list(User.objects.filter(user_permissions=decides).order_by("joined_at", "pk")[:3])
    return Committee(*known) if known else studying.committee()
