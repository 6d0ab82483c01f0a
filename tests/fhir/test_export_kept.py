"""What an export leaves behind: nothing of a record on disk, nothing for others, nothing once it was ended."""

import pytest

from audit import queries as audit
from consent.access import own_party
from consent.models import Grant
from consent.sharing import grants
from ehr.fhir.bulk import exports, selecting
from ehr.fhir.models import Export
from ehr.words import Category
from tests import people
from tests.fhir.program import json, result, said
from tests.fhir.test_export import LATER, SEEN, begin, done, everything, place
from tests.fhir.twins import fill, plain

pytestmark = [pytest.mark.django_db, pytest.mark.security, pytest.mark.privacy]


def stop(person) -> None:
    for grant in Grant.objects.filter(patient=person.patient, ending=None):
        grants.end(grant, keyring=person.keyring, by=own_party(person.patient))


def acts(person) -> list[tuple[str, str]]:
    return [(line.action, line.outcome) for line in reversed(audit.story(person.patient.pk))]


def files(manifest: dict) -> list[str]:
    return [one["url"].partition("/fhir/")[2] for one in manifest["output"]]


@pytest.fixture
def reading(ana, own, lee, ward):
    """A clinician's program that may read Ana's and Ben's results, and both."""
    both = [ana, people.patient("Ben Okoro")]
    for person in both:
        own(person).make(result(person.patient))
        people.give(person, lee, *SEEN)
    return ward(lee), both


def test_nothing_of_a_record_is_kept(reading):
    program, both = reading
    everything(program, done(program))
    row = Export.objects.get()
    for person in both:
        assert str(person.patient.pk).encode() not in bytes(row.kept)
    assert b"Observation" not in bytes(row.kept)
    columns = {field.name for field in Export._meta.fields}
    assert columns == {"id", "client", "reader", "kept", "begun_at", "finished_at", "leased_until", "ends_at"}


def test_each_record_has_its_line_before_it_opens(reading):
    program, both = reading
    before = [len(acts(person)) for person in both]
    manifest = done(program)
    for person, many in zip(both, before, strict=True):
        assert acts(person)[many:] == [("record.searched", "allowed")]
    for address in files(manifest):
        program.get(address)
    for person, many in zip(both, before, strict=True):
        assert acts(person)[many + 1 :] == [("record.exported", "allowed")] * len(files(manifest))


def test_no_record_opens_whose_line_could_not_be_written(reading, monkeypatch):
    program, _both = reading
    address = files(done(program))[0]

    def fails(*_args, **_more):
        raise OSError

    monkeypatch.setattr("audit.log.rows.commit", fails)
    answer = program.get(address)
    assert answer.status_code == 500
    assert b"5.40" not in answer.content


def test_who_is_ended_while_it_is_counted_is_in_no_file(reading, monkeypatch):
    monkeypatch.setattr(exports, "AT_ONCE", 1)
    program, (ana, ben) = reading
    job = place(begin(program))
    program.get(job)
    stop(ben)
    found = everything(program, json(program.get(job)))
    assert [one["id"] for one in found["Patient"]] == [str(ana.patient.pk)]


def test_who_is_ended_after_it_was_counted_is_in_no_file(reading):
    program, (ana, ben) = reading
    addresses = files(done(program))
    stop(ben)
    for address in addresses:
        answer = program.get(address)
        assert answer.status_code == 200
        assert str(ben.patient.pk).encode() not in answer.content
        assert str(ana.patient.pk).encode() in answer.content
    stop(ana)
    for address in addresses:
        assert program.get(address).status_code == 404


def test_a_part_that_is_taken_back_is_in_no_file(reading):
    program, (ana, ben) = reading
    address = next(one for one in files(done(program)) if "Observation" in one)
    stop(ana)
    people.give(ana, people.clinician("Omar Haddad"), *SEEN)
    stop(ben)
    assert program.get(address).status_code == 404


def test_a_licence_that_is_over_ends_an_export(reading, lee):
    program, _both = reading
    manifest = done(program)
    lee.user.is_active = False
    lee.user.save(update_fields=["is_active"])
    for address in files(manifest):
        assert program.get(address).status_code == 404


def test_a_job_is_its_owners_alone(reading, ward, own):
    program, (ana, ben) = reading
    manifest = done(program)
    job = files(manifest)[0].rpartition("/")[0]
    other = people.clinician("Omar Haddad")
    people.give(ana, other, *SEEN)
    for stranger in (ward(other), own(ana), own(ben)):
        unknown = stranger.get("export-jobs/0b0e4a3c-9bd2-4b6d-8c0f-3a5f2a5d9f11")
        for address in (job, *files(manifest)):
            answer = stranger.get(address)
            assert (answer.status_code, said(answer)) == (404, said(unknown))
        assert stranger.ask("DELETE", job).status_code == 404
    assert program.get(job).status_code == 200


def test_a_job_is_not_there_for_a_token_of_other_scopes_or_another_patient(reading, ward, lee):
    program, (ana, _ben) = reading
    job = place(begin(program))
    assert program.get(job).status_code == 200
    assert ward(lee, scope="user/Observation.rs").get(job).status_code == 404
    assert ward(lee, patient=ana.patient).get(job).status_code == 404
    assert ward(lee).get(job).status_code == 200


def test_an_export_of_nobody_is_done_at_once(ward, ground):
    program = ward(people.clinician("Omar Haddad"))
    for _each in range(4):
        assert done(program)["output"] == []


def test_a_job_of_another_row_does_not_open(reading):
    program, _both = reading
    one, other = place(begin(program)), place(begin(program))
    first, second = Export.objects.get(pk=one.rpartition("/")[2]), Export.objects.get(pk=other.rpartition("/")[2])
    Export.objects.filter(pk=first.pk).update(kept=bytes(second.kept))
    assert program.get(one).status_code == 404


def test_a_process_that_dies_loses_nothing(reading, monkeypatch):
    monkeypatch.setattr(exports, "AT_ONCE", 1)
    program, _both = reading
    job = place(begin(program))
    assert program.get(job)["X-Progress"] == "1 of 2 records"
    real = selecting.choose

    def killed(*args, **more):
        real(*args, **more)
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(selecting, "choose", killed)
        patch.setattr(exports, "_free", lambda *_told: None)  # a process that is killed tidies nothing
        with pytest.raises(SystemExit):
            program.get(job)
    # Its lease still runs: whoever asks meanwhile is told to wait, and nothing is done twice.
    assert program.get(job)["X-Progress"] == "1 of 2 records"
    Export.objects.update(leased_until=None)
    answer = program.get(job)
    assert answer.status_code == 200
    assert len(everything(program, json(answer))["Patient"]) == 2


def test_a_question_that_fails_gives_the_job_back(reading, monkeypatch):
    program, _both = reading
    job = place(begin(program))
    with monkeypatch.context() as patch:
        patch.setattr(selecting, "choose", lambda *_args, **_more: 1 / 0)
        assert program.get(job).status_code == 500
    assert program.get(job).status_code == 200


def test_a_job_that_is_cancelled_meanwhile_stays_cancelled(reading, monkeypatch):
    program, _both = reading
    job = place(begin(program))
    real = selecting.choose

    def gone(*args, **more):
        Export.objects.all().delete()
        return real(*args, **more)

    monkeypatch.setattr(selecting, "choose", gone)
    assert program.get(job).status_code == 404
    assert not Export.objects.exists()


def test_a_kick_off_is_no_entry_of_a_bundle(reading):
    program, _both = reading
    answer = program.transact({"request": {"method": "GET", "url": "Patient/$export"}}, kind="batch")
    assert json(answer)["entry"][0]["response"]["status"].startswith("405")
    assert not Export.objects.exists()


# --- Hidden is absent ----------------------------------------------------------------------------
@pytest.fixture(params=["app", "ward"])
def pair(request, own, ground, app, ward, lee):
    """Two programs that may see the same of two people, of whom one holds more."""
    found = []
    for more in (True, False):
        person = people.patient("Ana Costa")
        fill(own(person), person, more=more)
        if request.param == "app":
            found.append(app(person, *SEEN))
        else:
            people.give(person, lee, *SEEN)
            found.append(ward(lee, scope="patient/*.cruds", patient=person.patient))
    return found


_ASKED = (
    "",
    "?_type=Condition,MolecularSequence",
    "?_type=MolecularSequence",
    "?_since=2020-01-01",
    "?_type=Observation&includeAssociatedData=RelevantProvenanceResources",
    "?_type=Condition&includeAssociatedData=LatestProvenanceResources",
    "?_typeFilter=Condition%3Fcode%3DF32.1",
    "?_type=Encounter&_typeFilter=Encounter%3F_has:Condition:encounter:code:missing%3Dfalse",
    "?_type=Condition&_typeFilter=Condition%3Fencounter:Encounter.reason-code%3DF32.1",
    "?_elements=id",
)


def test_what_is_hidden_is_in_no_file_count_or_status(pair):
    for path in (f"{level}/$export{asked}" for level in ("Patient", "Group/mine") for asked in _ASKED):
        jobs = [place(begin(program, path)) for program in pair]
        answers = [program.get(job) for program, job in zip(pair, jobs, strict=True)]
        assert plain(answers[0])[:2] == plain(answers[1])[:2], path
        assert _kept(answers[0]) == _kept(answers[1])
        manifests = [json(answer) for answer in answers]
        for what in ("output", "deleted", "error"):
            for one, other in zip(manifests[0][what], manifests[1][what], strict=True):
                got = [
                    program.get(told["url"].partition("/fhir/")[2])
                    for program, told in zip(pair, (one, other), strict=True)
                ]
                assert plain(got[0]) == plain(got[1]), (path, one["type"])
        for program, job in zip(pair, jobs, strict=True):
            assert program.ask("DELETE", job).status_code == 202


def _kept(answer) -> set[str]:
    return set(answer.headers)


def test_what_is_hidden_takes_no_more_steps(pair, monkeypatch):
    monkeypatch.setattr(exports, "AT_ONCE", 1)
    sizes = []
    for program in pair:
        job = place(begin(program))
        program.get(job)
        sizes.append(len(bytes(Export.objects.get(pk=job.rpartition("/")[2]).kept)))
    assert sizes[0] == sizes[1]


def test_what_is_asked_beyond_the_scopes_is_refused(ana, app):
    program = app(ana, Category.LABS, scope="patient/Observation.rs")
    assert begin(program, "Patient/$export?_type=Condition").status_code == 403
    assert [one["type"] for one in done(program)["output"]] == []
    assert LATER
