"""Every form and program that says what a person or a place is called refuses a name that hides something."""

import pytest
from django.core.exceptions import ValidationError

from ehr.api.providers import Registering
from ehr.desk.forms import NewInstitution
from ehr.desk.papers import NewPaper
from ehr.desk.teams import NewTeam
from ehr.desk.visiting import NewPlace
from ehr.portals.clinician.licences import RegisterForm as Clinician
from ehr.portals.front.forms import Details, Identity, SignUp
from ehr.portals.patient.emergencies import ContactForm
from ehr.portals.researcher.forms import RegisterForm as Researcher

pytestmark = [pytest.mark.django_db, pytest.mark.security]
HIDES = "Ana\u202eatsoC"
FORMS = [
    (SignUp, "name"),
    (Details, "name"),
    (Identity, "name"),
    (NewPaper, "name"),
    (ContactForm, "name"),
    (Clinician, "professional_name"),
    (Clinician, "title"),
    (Researcher, "professional_name"),
    (Researcher, "title"),
    (NewInstitution, "name"),
    (NewTeam, "name"),
    (NewPlace, "name"),
]


@pytest.mark.parametrize(("form", "field"), FORMS, ids=[f"{form.__module__}.{field}" for form, field in FORMS])
def test_a_form_refuses_it(form, field):
    taken = form.base_fields[field]
    assert taken.clean("Ana Costa") == "Ana Costa"
    with pytest.raises(ValidationError, match="cannot be seen"):
        taken.clean(HIDES)


def test_the_page_says_so_at_the_name():
    told = Details({"name": HIDES, "time_zone": "UTC", "language": "en"})
    assert list(told.errors) == ["name"]


@pytest.mark.parametrize("field", ["title", "professional_name"])
def test_a_program_that_registers_somebody_is_refused_too(field):
    told = Registering(data={field: HIDES})
    assert not told.is_valid()
    assert "cannot be seen" in str(told.errors[field])
