"""What a study found: written by its researcher, read by the committee, then by everybody who took part."""

import uuid

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from audit import queries as audit
from ehr.desk.roles import DeskRole
from ehr.notices.models import Notice
from providers.rules import NotPossible
from research import joining, results
from research.models import Result
from research.results import Found, State
from tests import people
from tests.clinician.conftest import browser_of
from tests.research import studying
from tests.research.test_leaving_pages import page, staff
from tests.research.test_releases import board, rosa  # noqa: F401

pytestmark = pytest.mark.django_db

FOUND = Found("Sleep helps", "Who sleeps well takes fewer medicines against pain.", "https://journal.example/1")


@pytest.fixture
def study(board, rosa):  # noqa: F811
    return studying.opened(rosa, board)


@pytest.fixture
def handed_in(study, rosa):  # noqa: F811
    return results.hand_in(study, FOUND, by=rosa.user, once=uuid.uuid4())


def took_part(study, name="Ana Ruiz"):
    person = people.patient(name)
    return person, studying.join(person, study)


def lines(person):
    return [one for one in audit.story(person.patient.pk) if one.action == "research.published"]


def test_nobody_reads_it_before_the_committee_has(study, handed_in):
    ana, _part = took_part(study)
    assert list(results.shown_to(ana.patient)) == []
    assert lines(ana) == []


def test_once_it_is_shown_it_stands_on_the_list_of_everybody_who_took_part_and_of_nobody_else(
    study,
    handed_in,
    board,  # noqa: F811
    rosa,  # noqa: F811
):
    ana, _part = took_part(study)
    ben = people.patient("Ben Osei")
    results.show(handed_in, by=board.first, reason="Plain, and of no small group.")
    assert [one.title for one in results.shown_to(ana.patient)] == ["Sleep helps"]
    (line,) = lines(ana)
    assert (line.actor.name, line.details["reader_name"]) == ("Dr Rosa Klein", "Sleep and pain")
    assert (list(results.shown_to(ben.patient)), lines(ben)) == ([], [])


def test_who_withdrew_can_read_it_and_gets_no_message(study, handed_in, board):  # noqa: F811
    (ana, _a), (ben, part) = took_part(study), took_part(study, "Ben Osei")
    joining.withdraw(part, keyring=ben.keyring)
    results.show(handed_in, by=board.first, reason="Plain.")
    assert [results.shown_to(one.patient).count() for one in (ana, ben)] == [1, 1]
    assert [one.user.notices.filter(kind="study-found").count() for one in (ana, ben)] == [1, 0]


def test_somebody_who_joined_twice_finds_one_line_and_one_message(study, handed_in, board):  # noqa: F811
    ana, part = took_part(study)
    joining.withdraw(part, keyring=ana.keyring)
    studying.join(ana, study)
    results.show(handed_in, by=board.first, reason="Plain.")
    assert (len(lines(ana)), ana.user.notices.filter(kind="study-found").count()) == (1, 1)


def test_it_is_decided_once_by_somebody_of_the_committee_who_did_not_write_it(handed_in, board, rosa):  # noqa: F811
    for nobody in (rosa.user, people.clinician("Mei Lee").user):
        with pytest.raises(NotPossible):
            results.show(handed_in, by=nobody, reason="Mine.")
    with pytest.raises(NotPossible, match="few words"):
        results.show(handed_in, by=board.first, reason=" ")
    results.refuse(handed_in, by=board.first, reason="It names a group of four.")
    with pytest.raises(NotPossible, match="already"):
        results.show(handed_in, by=board.second, reason="Plain.")
    assert Notice.objects.filter(user=rosa.user, kind="study.result-refused").count() == 1


def test_a_member_who_wrote_it_does_not_decide_about_it(study, board):  # noqa: F811
    own = Result.objects.create(study=study, by=board.first, title="Mine", plain="Mine.")
    with pytest.raises(NotPossible, match="yourself"):
        results.show(own, by=board.first, reason="Mine.")


def test_of_a_study_that_never_opened_there_is_nothing_to_tell(rosa):  # noqa: F811
    with pytest.raises(NotPossible, match="not begun"):
        results.hand_in(studying.waiting(rosa), FOUND, by=rosa.user, once=uuid.uuid4())


@pytest.mark.parametrize("link", ["http://journal.example/1", "javascript:alert(1)", "journal.example"])
def test_a_link_that_is_not_https_is_not_taken(study, rosa, link):  # noqa: F811
    with pytest.raises(ValidationError):
        results.hand_in(study, Found("A", "B.", link), by=rosa.user, once=uuid.uuid4())
    assert not Result.objects.exists()


def test_sent_twice_it_is_handed_in_once(study, rosa):  # noqa: F811
    once = uuid.uuid4()
    assert results.hand_in(study, FOUND, by=rosa.user, once=once) == results.hand_in(
        study, FOUND, by=rosa.user, once=once
    )


def test_from_the_researcher_s_form_by_the_desk_to_the_patient_s_page(study, rosa, board):  # noqa: F811
    ana, _part = took_part(study)
    theirs, mine = browser_of(rosa), browser_of(ana)
    assert "Nothing yet" in page(mine, "patient:research-results")
    assert "Tell what it found" in page(theirs, "researcher:study", study.pk)
    address = reverse("researcher:results", args=[study.pk])
    wrong = theirs.post(address, {"once": uuid.uuid4(), "title": "A", "plain": "", "link": "http://x.example"})
    assert wrong.status_code == 422
    assert "with https:// in front" in wrong.content.decode()
    sent = {"once": uuid.uuid4(), "title": FOUND.title, "plain": FOUND.plain, "link": FOUND.link}
    assert "before the committee" in theirs.post(address, sent, follow=True).content.decode()
    desk = staff("Member Four", DeskRole.COMMITTEE)
    result = Result.objects.get()
    assert "Results to read before people do" in page(desk, "admin:index")
    acted = desk.post(reverse("admin:research_result_act", args=[result.pk, "show"]), {"show-reason": "Plain."})
    assert acted.status_code == 302
    result.refresh_from_db()
    assert result.state == State.SHOWN
    shown = page(mine, "patient:research-results")
    assert all(words in shown for words in (FOUND.title, FOUND.plain, FOUND.link, "Sleep and pain"))
    assert "Published what the study Sleep and pain found." in page(mine, "patient:research-uses")


def test_another_researcher_finds_no_page_of_it(study):
    other = browser_of(studying.researcher("Bo Ny"))
    page(other, "researcher:results", study.pk, status=404)
