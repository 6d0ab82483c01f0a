"""Makes a release, in a worker: keys for the run, everybody's share, the table, the file, and one commit at the end.

Clear text is in this process's memory and nowhere else: DuckDB has no file and may not spill, and the one folder there
is holds the anonymous table alone, in memory where the machine has that. A worker that dies leaves nothing that counts.
"""

import os
import tempfile
import uuid
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from shutil import rmtree
from typing import Literal

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.models import KeyVersion, Reader
from ehr.chain import studies as chain
from ehr.crypto import sealing
from providers.rules import NotPossible
from research import marks, queries, snapshots
from research.anonymity import checker
from research.anonymity.demands import Unusable
from research.deidentify.problems import Refused
from research.deidentify.rules import Areas, Rules, areas_2000
from research.disclosure.differencing import margin
from research.flatten import running as flattening
from research.flatten.problems import ViewProblem
from research.leaving import crowds
from research.models import Inclusion, Joining, Release, ReleasePiece, Study
from research.release import files, tables, viewing
from research.release.asking import info
from research.release.files import About
from research.snapshots import Snapshot
from research.studies import running, work
from research.studies.proposing import log_study

State = Release.State
PIECE_BYTES = 1024 * 1024
_FOLDER = "chartseal-release-"
# How far it has come, as the page names it; a step ends before the next begins.
OPENING, FLATTENING, WRITING = "opening", "flattening", "writing"


def due() -> list[uuid.UUID]:
    """Return the releases that wait for a worker, those first that wait longest."""
    return work.due(Release)


def make(release_id: uuid.UUID) -> str:
    """Make one release and return the state it is in then. May run any number of times, and in two workers at once."""
    return work.carry(Release, release_id, _make_in_a_folder)


def _make_in_a_folder(release: Release) -> None:
    _tidy()
    folder = Path(tempfile.mkdtemp(prefix=f"{_FOLDER}{os.getpid()}-", dir=_in_memory()))
    try:
        _make(release, folder)
    except (ViewProblem, Refused, Unusable, checker.Refused) as problem:
        raise NotPossible(str(problem)) from problem
    finally:
        rmtree(folder, ignore_errors=True)


def _make(release: Release, folder: Path) -> None:
    study = release.study
    run, to = work.run_of(release.study), _recipient(release)
    keyring = running.keys_for(run)
    snapshot = snapshots.take(run, keyring=keyring, watch=work.watch(release, step=OPENING))
    fewest = queries.rules().small
    _require_many(release, snapshot, fewest, keyring.grant_key(b"differencing"))
    mark = marks.new()
    release.mark = marks.closed(release, mark)
    names = crowds.names(keyring, release)
    work.watch(release, step=FLATTENING)(0, 1)
    made = tables.make(
        study.views,
        flattening.documents(snapshot.documents),
        names=names,
        rules=Rules(clock.now().date(), dates=_dates(study), fewest=fewest, areas=_areas()),
        mark=mark,
        folder=folder,
        way="mondrian" if study.local_recoding else "full-domain",
    )
    work.watch(release, step=WRITING)(0, 1)
    content = files.packed(made, _about(release, snapshot, made.facts), folder)
    present = set(made.frame[tables.PERSON].to_list())
    included = [one for one in snapshot.joinings if names.person(str(one.patient_id)) in present]
    _put_down(release, content, included, made, to)


def _dates(study: Study) -> Literal["years", "shifted"]:
    """Return how dates leave: as years, unless the study's terms name an expert's determination."""
    return "shifted" if study.determination else "years"


def _areas() -> Areas:
    """Return the three-digit ZIP areas of few people, as the operator set them after a census."""
    if settings.RESEARCH_ZIP_CENSUS is None:
        return areas_2000()
    return Areas(settings.RESEARCH_ZIP_CENSUS, settings.RESEARCH_ZIP_SPARSE)


# --- What is asked before ------------------------------------------------------------------------
def _recipient(release: Release) -> KeyVersion:
    """Return the keys that the file is sealed to, which must be those that the log knows."""
    version = accounts.present_version(Reader.objects.get(user=release.asked_by_id))
    if not accounts.is_present(version):
        raise NotPossible(_("Your keys are not those that the log knows. Tell the privacy officer."))
    return version


def _require_many(release: Release, snapshot: Snapshot, fewest: int, key: bytes) -> None:
    """Raise NotPossible for few people, or as many but for a few as before: the difference would tell of these."""
    if len(snapshot.joinings) < fewest:
        raise NotPossible(_("Too few people take part as yet. Nothing leaves of fewer than %(n)s.") % {"n": fewest})
    now = {one.patient_id for one in snapshot.joinings}
    before: dict[uuid.UUID, set] = {}
    # Of this study, or of another in the same hands.
    same = Q(release__study=release.study) | Q(release__asked_by=release.asked_by)
    rows = Inclusion.objects.filter(same, release__state=State.FETCHED)
    for earlier, patient in rows.values_list("release", "joining__patient"):
        before.setdefault(earlier, set()).add(patient)
    for earlier, people in before.items():
        if 0 < len(people ^ now) < margin(key, release.pk.bytes, earlier.bytes, queries.rules()):
            raise NotPossible(
                _(
                    "Almost the same people are in an earlier release of this study, or of yours, so the few others "
                    "would show. Wait for more."
                )
            )


# --- Putting it down -----------------------------------------------------------------------------
def _about(release: Release, snapshot: Snapshot, facts: dict) -> About:
    study = release.study
    return About(
        release=release.pk,
        study=study.pk,
        title=study.title,
        recipient=release.asked_by.name,
        institution=study.institution.name,
        made_at=clock.now(),
        views=tuple(study.views),
        terms=bytes(study.terms or b"").hex(),
        snapshot=snapshot.digest.hex(),
        ledger=tuple(str(one) for one in study.private_answers.order_by("answered_at").values_list("pk", flat=True)),
        facts=facts,
    )


def _put_down(release: Release, content: bytes, included: list[Joining], made: tables.Made, to: KeyVersion) -> None:
    """Write pieces, who is in it, digest and the way to the chain in one commit, if it is still this worker's."""
    digest = sha256(content).digest()
    cut = [content[start : start + PIECE_BYTES] for start in range(0, len(content), PIECE_BYTES)]
    sealed = [
        sealing.seal(bytes(to.kem_public), piece, info=info(release.pk, number, len(cut)))
        for number, piece in enumerate(cut)
    ]
    with transaction.atomic():
        row = work.mine(release).select_for_update(of=("self",)).first()
        if row is None:
            raise work.Given
        row.state, row.digest, row.size, row.people = State.READY, digest, len(content), len(included)
        row.facts, row.to, row.ended_at = made.facts, to, clock.now()
        row.mark = marks.closed(row, made.mark)
        row.save(update_fields=["state", "digest", "size", "people", "facts", "to", "ended_at", "mark"])
        ReleasePiece.objects.bulk_create(
            ReleasePiece(release=row, number=number, body=body) for number, body in enumerate(sealed)
        )
        Inclusion.objects.bulk_create(Inclusion(release=row, joining=one) for one in included)
        crowds.keep(row, _alike(made), release.study.reader)
        chain.release(release.study_id, digest)
        log_study("study.release-made", release.study, None, release=str(row.pk), digest=digest.hex())


def _alike(made: tables.Made) -> list[list[str]]:
    """Return the pseudonyms of the table in groups that nobody tells apart by what people can be recognised by."""
    quasi = [name for name, column in made.columns.items() if column.kind in viewing.QUASI]
    rows = made.frame.select(tables.PERSON, *quasi).iter_rows()
    return crowds.alike((person, tuple(seen)) for person, *seen in rows)


def _in_memory() -> str | None:
    """Return where a folder is in memory alone; None where the machine has no such place."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - made by mkdtemp, for this user alone


def _tidy() -> None:
    """Remove the folders of workers that died."""
    for folder in Path(_in_memory() or tempfile.gettempdir()).glob(f"{_FOLDER}*"):
        pid = folder.name.removeprefix(_FOLDER).partition("-")[0]
        if pid.isdigit() and not _lives(int(pid)):
            rmtree(folder, ignore_errors=True)


def _lives(pid: int) -> bool:
    with suppress(PermissionError):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
    return True
