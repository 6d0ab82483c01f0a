"""What a researcher does about a release: asks, watches, cancels, fetches once. Nothing heavy is loaded here."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from ehr import clock
from ehr.accounts.keyrings import CannotOpen, OpenKeyring
from ehr.accounts.models import User
from ehr.crypto.digests import joined
from providers.rules import NotPossible
from research.compensation.accruing import accrue
from research.leaving.attesting import overdue
from research.models import Inclusion, Joining, Release, ReleasePiece, Study
from research.release import twin, viewing
from research.studies import work
from research.studies.proposing import log_people, log_study, party
from research.words import Act

# How long a file waits for its recipient.
KEPT = timedelta(days=14)
State = Release.State


def ask(study: Study, *, by: User) -> Release:
    """Ask for a release of a study of one's own; while one is being made, that one is returned.

    Raises NotPossible where the study is not open, nobody let it run, or who asks may not do research now.
    """
    with transaction.atomic():
        study = Study.objects.select_for_update(of=("self",)).get(pk=study.pk)
        work.require_own(study, by)
        under_way = Release.objects.filter(study=study, state__in=[State.ASKED, State.RUNNING]).first()
        if under_way:
            return under_way
        work.run_of(study)
        if overdue(study):
            raise NotPossible(_("Something of an earlier release should be destroyed by now. Say first that it is."))
        if stops := viewing.problem(study.views):
            raise NotPossible(_("Its views do not make a table yet. %(problem)s") % {"problem": stops})
        release = Release.objects.create(study=study, asked_by=by)
        log_study("study.release-asked", study, by, release=str(release.pk))
    return release


def cancel(release: Release, *, by: User) -> Release:
    """Stop making a release; what was opened for it is gone with the worker's next look. Twice is once."""
    return work.cancel(release, by=by, what="release")


def synthetic(study: Study) -> bytes:
    """Return the synthetic twin of what will leave for a study, as a ZIP, whatever state the study is in.

    Raises NotPossible where its views make no table.
    """
    if stops := viewing.problem(study.views):
        raise NotPossible(_("Its views do not make a table yet. %(problem)s") % {"problem": stops})
    shifted = bool(study.determination)
    return twin.packed(twin.Dictionary(study.pk, study.title, study.views, shifted, clock.now().date()))


def releases(study: Study) -> QuerySet[Release]:
    """Return a study's releases, the newest first."""
    return Release.objects.filter(study=study)


def release_of(user: User, release_id: UUID) -> Release | None:
    """Return one of the releases of a researcher's own studies, or None for everybody else's."""
    rows = Release.objects.filter(pk=release_id, study__researcher__clinician__user=user)
    return rows.select_related("study__institution").first()


def fetch(release: Release, *, by: User, keyring: OpenKeyring | None) -> Iterator[bytes]:
    """Return a release's file in pieces, this once. The lines of everybody who is in it are committed first.

    Raises NotPossible where it was fetched, is not ready, or somebody in it withdrew since: then it is taken back.
    Call it outside a transaction.
    """
    first = _first_piece(release, keyring)
    with transaction.atomic():
        release = Release.objects.select_for_update(of=("self",)).select_related("study__reader").get(pk=release.pk)
        work.require_own(release.study, by)
        _require_ready(release)
        left = _somebody_left(release)
        if left:
            _take_back(release, _("Somebody who was in it withdrew. Ask for a new one."))
        else:
            release.state, release.ended_at = State.FETCHED, clock.now()
            release.save(update_fields=["state", "ended_at"])
            _log_fetched(release, by)
            accrue(release)
    if left or keyring is None:
        raise NotPossible(release.because)
    return _pieces(release, keyring, first)


def take_back_what_nobody_fetched() -> int:
    """Delete files that waited for 14 days, or hold somebody who withdrew; return how many. May run twice."""
    count = 0
    for one in Release.objects.filter(state=State.READY).values_list("pk", flat=True):
        with transaction.atomic():
            release = Release.objects.select_for_update(of=("self",)).get(pk=one)
            if release.state != State.READY:
                continue
            late = release.ended_at is not None and release.ended_at + KEPT <= clock.now()
            if late or _somebody_left(release):
                words = _("Nobody fetched it.") if late else _("Somebody who was in it withdrew. Ask for a new one.")
                _take_back(release, words)
                count += 1
    ReleasePiece.objects.filter(
        release__state=State.FETCHED, release__ended_at__lte=clock.now() - timedelta(hours=1)
    ).delete()
    return count


def info(release_id: UUID, number: int, pieces: int) -> bytes:
    """Return what a sealed piece is bound to: its release, its place, and how many there are."""
    return joined(b"release/v1", release_id.bytes, number.to_bytes(4, "big"), pieces.to_bytes(4, "big"))


def _first_piece(release: Release, keyring: OpenKeyring | None) -> bytes:
    """Open one piece before anything is written down: whose keys are locked has fetched nothing."""
    bodies = dict(release.pieces.values_list("number", "body"))
    if keyring is None or not bodies:
        raise NotPossible(_("It is not here any more, or your keys are locked. Sign in again, or ask for a new one."))
    try:
        return keyring.open_seal(bytes(bodies[0]), info=info(release.pk, 0, len(bodies)))
    except CannotOpen as problem:
        raise NotPossible(_("Your keys do not open it. Ask for a new one.")) from problem


def _pieces(release: Release, keyring: OpenKeyring, first: bytes) -> Iterator[bytes]:
    try:
        rows = release.pieces.order_by("number")
        count = rows.count()
        yield first
        for number in range(1, count):
            yield keyring.open_seal(bytes(rows.get(number=number).body), info=info(release.pk, number, count))
    finally:
        release.pieces.all().delete()


def _require_ready(release: Release) -> None:
    if release.state == State.FETCHED:
        raise NotPossible(_("It was fetched already, and is kept nowhere here. Ask for a new one."))
    if release.state != State.READY:
        raise NotPossible(_("It is not ready. Its page says how far it is."))


def _somebody_left(release: Release) -> bool:
    rows = Joining.objects.filter(inclusions__release=release)
    return rows.filter(Q(withdrawn_at__isnull=False) | Q(grant__ending__isnull=False)).exists()


def _take_back(release: Release, words: str) -> None:
    release.state, release.because = State.STOPPED, words
    release.save(update_fields=["state", "because"])
    release.pieces.all().delete()


def _log_fetched(release: Release, by: User) -> None:
    told = {"release": str(release.pk), "digest": bytes(release.digest or b"").hex()}
    subjects = Inclusion.objects.filter(release=release).values_list("joining__patient", flat=True)
    log_people(Act.RELEASED, release.study, list(subjects), actor=party(by), **told)
    log_study("study.release-fetched", release.study, by, **told)
