"""Systems of institutions at the desk: set up with a secret that is shown once, renewed, stopped, and watched."""

import base64
import re

import pytest
from django.urls import reverse

from ehr import clock
from ehr.desk.roles import DeskRole
from ehr.notices import operations
from ehr.notices.models import Digest, Hook, HookParcel
from tests.desk.conftest import session_of, staff

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.desk.addresses"), pytest.mark.point(9)]
URL = "https://hooks.example.org/chartseal"
NEW = "admin:notices_hook_add"
SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=")


@pytest.fixture
def verifier(ward):
    return session_of(staff("Vega Cho", DeskRole.VERIFIER))


@pytest.fixture
def operator(ward):
    return session_of(staff("Otto Zed", DeskRole.OPERATOR))


def set_up(client, ward, url=URL):
    return client.post(reverse(NEW), {"institution": ward.hospital.pk, "url": url})


def row_page(client, hook) -> str:
    return client.get(reverse("admin:notices_hook_change", args=[hook.pk])).content.decode()


def act(client, hook, name):
    return client.post(reverse("admin:notices_hook_act", args=[hook.pk, name]))


def test_a_system_is_set_up_and_its_secret_is_shown_this_once(ward, verifier):
    shown = SECRET.search(set_up(verifier, ward).content.decode())[0]
    hook = Hook.objects.get()
    assert (hook.institution, hook.url, hook.enabled) == (ward.hospital.pk, URL, True)
    pages = [row_page(verifier, hook), verifier.get(reverse("admin:notices_hook_changelist")).content.decode()]
    for page in pages:
        assert not SECRET.search(page)
        assert ward.hospital.name in page
    assert base64.b64decode(shown.removeprefix("whsec_")) not in bytes(hook.sealed_secret)


@pytest.mark.parametrize("url", ["http://hooks.example.org/", "https://10.0.0.1/", "https://u:p@hooks.example.org/"])
def test_an_address_that_will_not_do_is_said_and_nothing_is_set_up(ward, verifier, url):
    reply = set_up(verifier, ward, url)
    assert reply.status_code == 422
    assert "begins with https://" in reply.content.decode()
    assert not Hook.objects.exists()


def test_a_secret_is_renewed_and_shown_once(ward, verifier):
    first = SECRET.search(set_up(verifier, ward).content.decode())[0]
    hook = Hook.objects.get()
    second = SECRET.search(act(verifier, hook, "renew").content.decode())[0]
    assert second != first
    assert not SECRET.search(row_page(verifier, hook))


def test_a_system_is_stopped_and_no_act_is_left(ward, verifier):
    set_up(verifier, ward)
    hook = Hook.objects.get()
    assert act(verifier, hook, "stop").status_code == 302
    hook.refresh_from_db()
    assert not hook.enabled
    assert act(verifier, hook, "renew").status_code == 404
    assert "stopped" in row_page(verifier, hook)


@pytest.mark.security
def test_only_who_manages_institutions_sees_their_systems(ward, everybody):
    set_up(everybody["verifier"], ward)
    hook = Hook.objects.get()
    for name in ("staff without role", "privacy officer", "identity checker", "operator", "institution administrator"):
        client = everybody[name]
        assert client.get(reverse(NEW)).status_code == 404, name
        assert client.get(reverse("admin:notices_hook_change", args=[hook.pk])).status_code == 404, name
        assert act(client, hook, "stop").status_code == 404, name


def test_what_did_not_reach_a_system_is_seen_by_operators_by_kind_and_place(ward, verifier, operator):
    set_up(verifier, ward)
    operations.tell_institution(ward.hospital.pk, "emergency-access", key="1")
    HookParcel.objects.update(attempts=30, gave_up_at=clock.now(), last_problem="Refused")
    assert "Messages to systems given up" in operator.get(reverse("admin:index")).content.decode()
    page = operator.get(reverse("admin:notices_hookparcel_change", args=[HookParcel.objects.get().pk])).content.decode()
    for said in ("emergency-access", "Refused", ward.hospital.name):
        assert said in page


def test_a_digest_that_waits_is_seen_by_operators_without_whose_it_is(ward, operator):
    person = ward.lee.user
    Digest.objects.create(user=person, key="1", kind="daily")
    page = operator.get(reverse("admin:notices_digest_change", args=[Digest.objects.get().pk])).content.decode()
    assert "daily" in page
    assert person.name not in page
    assert person.email not in page
