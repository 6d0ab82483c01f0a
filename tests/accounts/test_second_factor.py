"""The second step: a code of the app once, a backup code once, nothing twice."""

from datetime import timedelta

import pytest
import time_machine
from django_otp.oath import totp

from ehr import clock
from ehr.accounts import operations, queries, second_factor, stored
from ehr.accounts.models import AuthenticatorApp, BackupCode
from tests.accounts.conftest import HOME

pytestmark = [pytest.mark.django_db, pytest.mark.point(3)]


def shown(app) -> str:
    return f"{totp(app.secret):06d}"


@pytest.fixture
def enrolled(alice):
    """Alice's app and her sheet of backup codes; the clock is a minute later, so that the app shows a new code."""
    start = clock.now()
    with time_machine.travel(start, tick=False):
        app, sheet = second_factor.enrol(user=alice.user, code=shown(second_factor.enrolment(alice.user)), address=HOME)
    with time_machine.travel(start + timedelta(minutes=1), tick=False):
        yield app, sheet


def test_the_code_the_app_shows_fits(alice, enrolled):
    assert second_factor.check(user=alice.user, code=shown(enrolled[0]), address=HOME) == enrolled[0]


@pytest.mark.security
def test_a_code_of_the_app_fits_once(alice, enrolled):
    second_factor.check(user=alice.user, code=shown(enrolled[0]), address=HOME)
    with pytest.raises(operations.Refused):
        second_factor.check(user=alice.user, code=shown(enrolled[0]), address=HOME)


@pytest.mark.security
def test_a_code_two_minutes_old_fits_no_more(alice, enrolled):
    old = shown(enrolled[0])
    with time_machine.travel(clock.now() + timedelta(minutes=2), tick=False), pytest.raises(operations.Refused):
        second_factor.check(user=alice.user, code=old, address=HOME)


@pytest.mark.security
def test_there_are_ten_backup_codes_and_each_fits_once(alice, enrolled):
    _app, sheet = enrolled
    assert len(sheet) == len(set(sheet)) == 10
    second_factor.check(user=alice.user, code=sheet[0], address=HOME)
    assert queries.backup_codes_left(alice.user) == 9
    with pytest.raises(operations.Refused):
        second_factor.check(user=alice.user, code=sheet[0], address=HOME)
    second_factor.check(user=alice.user, code=sheet[1].lower(), address=HOME)


@pytest.mark.security
def test_a_new_sheet_ends_the_one_before(alice, enrolled):
    fresh = second_factor.renew_backup_codes(user=alice.user)
    with pytest.raises(operations.Refused):
        second_factor.check(user=alice.user, code=enrolled[1][0], address=HOME)
    assert second_factor.check(user=alice.user, code=fresh[0], address=HOME)


@pytest.mark.security
def test_an_app_that_was_not_confirmed_counts_for_nothing(alice):
    waiting = second_factor.enrolment(alice.user)
    with pytest.raises(operations.Refused):
        second_factor.check(user=alice.user, code=shown(waiting), address=HOME)
    assert alice.user.second_factor_at is None


@pytest.mark.security
def test_guessing_codes_is_stopped(alice, enrolled):
    for _try in range(5):
        with pytest.raises(operations.Refused):
            second_factor.check(user=alice.user, code="ZZZZ-ZZZZ", address=HOME)
    with pytest.raises(operations.Refused, match="too many"):
        second_factor.check(user=alice.user, code=shown(enrolled[0]), address=HOME)


@pytest.mark.privacy
@pytest.mark.security
def test_neither_secret_nor_backup_codes_are_in_the_database(alice, enrolled):
    app, sheet = enrolled
    rows = repr(
        [
            {k: bytes(v) if isinstance(v, memoryview) else v for k, v in row.items()}
            for row in AuthenticatorApp.objects.values()
        ]
    )
    assert app.secret.hex() not in bytes(AuthenticatorApp.objects.get().sealed_secret).hex()
    assert repr(app.secret)[2:-1] not in rows
    held = [bytes(code.digest) for code in BackupCode.objects.all()]
    assert not any(
        code.encode() in digest or code.replace("-", "").encode() in digest for code in sheet for digest in held
    )


@pytest.mark.security
def test_a_secret_moved_to_another_person_is_not_read(alice, enrolled):
    bob = operations.open_account(email="bob@example.org", name="Bob Dahl", passphrase="what bob would say here")
    app = AuthenticatorApp.objects.get()
    app.user = bob.user
    with pytest.raises(stored.NotOurs):
        _ = app.secret


def test_the_picture_and_the_text_hold_the_same_secret_without_style_or_script(alice):
    app = second_factor.enrolment(alice.user)
    picture = second_factor.picture(app)
    assert picture.startswith("<svg")
    assert "style=" not in picture
    assert "<script" not in picture
    assert second_factor.enrolment(alice.user) == app


def test_the_second_step_can_be_given_up_again(alice, enrolled):
    second_factor.remove(user=alice.user)
    assert alice.user.second_factor_at is None
    assert not AuthenticatorApp.objects.exists()
