"""What the demo shows of people's dealings with each other, so that whoever starts it sees more than empty pages."""

import pytest
from django.core.management import CommandError, call_command

from consent.models import AccessRequest, Assignment, Grant, Referral
from consent.sharing import referrals, requests
from ehr import clock
from ehr.accounts.models import User
from ehr.words import Category
from patients.models import Patient
from providers import team_queries
from tests import people

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo(settings, tmp_path):
    """Return the first patient of a small demo."""
    people.prepare_ground()
    settings.DATA_DIR = tmp_path
    call_command("demo", patients=2, verbosity=0)
    return Patient.objects.get(user__email="patient1@demo.example")


def test_one_request_and_one_referral_wait_for_the_first_patient(demo):
    [request] = requests.open_requests(demo)
    assert request.reader.name == "Dr Omar Haddad"
    [referral] = Referral.objects.filter(patient=demo)
    assert (referral.to.name, referrals.state(referral)) == ("Dr Jan Novák", "proposed")


def test_a_care_team_sees_one_part_of_the_last_year_and_no_more(demo):
    [grant] = Grant.objects.filter(reader__team__isnull=False)
    assert (grant.patient, grant.reader.name, grant.categories) == (demo, "Family practice", [Category.LABS])
    assert grant.record_from is not None
    names = {one.name for one in team_queries.members(grant.reader.team, clock.now())}
    assert names == {"Dr Mei Lee", "Nora Quinn"}


def test_its_nurse_looks_after_the_first_patient(demo):
    [assignment] = Assignment.objects.all()
    assert (assignment.patient, assignment.reader.name) == (demo, "Nora Quinn")


def test_somebody_without_e_mail_signs_in_by_name_and_shares_with_a_doctor(demo, settings):
    [unmailed] = User.objects.filter(email=None)
    assert Grant.objects.filter(patient__user=unmailed, reader__name="Dr Mei Lee").count() == 1
    assert unmailed.sign_in_name in (settings.DATA_DIR / "demo.txt").read_text()


def test_a_second_demo_changes_nothing(demo):
    before = [model.objects.count() for model in (User, Grant, AccessRequest, Referral, Assignment)]
    with pytest.raises(CommandError):
        call_command("demo", patients=2, verbosity=0)
    assert [model.objects.count() for model in (User, Grant, AccessRequest, Referral, Assignment)] == before
