"""Lost keys come back after a wait that everybody hears of, by two shares, and are replaced at once."""

import itertools
from datetime import timedelta

import pytest
import time_machine
from django.db import IntegrityError, transaction

from audit import queries as audit
from audit.models import Event
from ehr import clock
from ehr.accounts import attempts, guardians, keyrings, links, lost_keys, operations, queries, recovery, tasks
from ehr.accounts.models import (
    GivenShare,
    Keyring,
    KeyVersion,
    Letter,
    Link,
    PastKeys,
    Recovery,
    Share,
    SharePair,
)
from ehr.crypto import sealing, signing
from tests.accounts.conftest import HOME, NEW, PASSPHRASE, Way, checker, reset

pytestmark = [pytest.mark.django_db, pytest.mark.point(3)]
WAIT = timedelta(hours=48)


def later(**more):
    return time_machine.travel(clock.now() + WAIT + timedelta(**more or {"seconds": 1}), tick=False)


def actions() -> list[str]:
    return [audit.facts(event.pk)["action"] for event in Event.objects.order_by("pk")]


def letters_to(user) -> list[str]:
    return list(Letter.objects.filter(user=user).order_by("pk").values_list("kind", flat=True))


def by_guardian(begun: Way, guarded, bob) -> None:
    guardians.hand_over(guarded, by=bob.user, keyring=bob.keyring, spoken=begun.letters)


@pytest.mark.security
def test_letters_that_a_stranger_asks_for_do_not_keep_her_from_beginning(alice, guarded):
    reset(alice)
    for number in range(attempts.LIMITS["letter"].account - 1):
        recovery.ask_for_reset(email="alice@example.org", address=f"203.0.113.{number}")
    assert lost_keys.start(user=alice.user, address=HOME)


# --- Two of three, after the wait ----------------------------------------------------------------
@pytest.mark.parametrize("pair", list(itertools.combinations(("paper", "institution", "guardian"), 2)), ids="+".join)
def test_any_two_shares_bring_the_keys_back_after_the_wait(alice, bob, code, guarded, begun, pair):
    sealed = sealing.seal(
        bytes(KeyVersion.objects.get(pk=alice.keyring.version_id).kem_public), b"a lockbox", info=b"grant"
    )
    if "institution" in pair:
        begun.by_institution()
    if "guardian" in pair:
        by_guardian(begun, guarded, bob)
    with later():
        back = begun.finish(code if "paper" in pair else "")
    assert back.keyring.version_number == 2
    assert back.keyring.open_seal(sealed, info=b"grant") == b"a lockbox"
    assert back.keyring.past(alice.keyring.version_id).sign(b"x") == alice.keyring.sign(b"x")
    assert queries.in_step(back.user)


@pytest.mark.security
@pytest.mark.parametrize("only", ["paper", "institution", "guardian"])
def test_one_share_brings_nothing_back_however_long_one_waits(alice, bob, code, guarded, begun, only):
    if only == "institution":
        begun.by_institution()
    if only == "guardian":
        by_guardian(begun, guarded, bob)
    with later(days=20), pytest.raises(operations.Refused):
        begun.finish(code if only == "paper" else "")
    assert KeyVersion.objects.filter(reader__user=alice.user).count() == 1


@pytest.mark.security
def test_the_institutions_share_and_the_whole_database_restore_nothing(alice, begun, custodian):
    """What the keyholder gives, tried as both halves of each pair there is."""
    begun.by_institution()
    with later():
        with pytest.raises(operations.Refused, match="One share opens nothing"):
            begun.finish()
        with pytest.raises(operations.Refused, match="do not open"):
            begun.finish(recovery.new_code())


@pytest.mark.security
def test_nothing_opens_before_forty_eight_hours_and_it_does_one_second_after(alice, code, begun):
    begun.by_institution()
    ready = begun.recovery.started_at + WAIT
    with time_machine.travel(ready - timedelta(seconds=1), tick=False), pytest.raises(operations.Refused, match="wait"):
        begun.finish(code)
    with time_machine.travel(ready + timedelta(seconds=1), tick=False):
        assert begun.finish(code).keyring


def test_the_wait_is_a_setting(alice, guarded, custodian, settings):
    settings.RECOVERY_DELAY = timedelta(hours=1)
    reset(alice)
    begun, _cookie = lost_keys.start(user=alice.user, address=HOME)
    assert begun.ready_at - begun.started_at == timedelta(hours=1)


@pytest.mark.security
def test_a_recovery_nobody_finished_within_thirty_days_is_over(alice, code, begun):
    begun.by_institution()
    with later(days=29):
        with pytest.raises(operations.Refused, match="given up"):
            begun.finish(code)
        assert queries.recovery_under_way(alice.user) is None


def test_what_was_given_up_is_tidied_away_with_the_key_it_was_handed_to(alice, code, begun):
    begun.by_institution()
    with later(days=29):
        tasks.tidy()
    assert not GivenShare.objects.exists()
    over = Recovery.objects.get()
    assert (over.cancelled_because, bytes(over.sealed_private)) == ("given-up", b"")
    assert actions()[-1] == "recovery.cancelled"


@pytest.mark.security
def test_a_wrong_code_is_refused_on_the_log_and_guessing_is_stopped(alice, code, begun):
    begun.by_institution()
    with later():
        for _try in range(attempts.LIMITS["recovery"].here):
            with pytest.raises(operations.Refused, match="do not open"):
                begun.finish(recovery.new_code())
        with pytest.raises(operations.Refused, match="too many"):
            begun.finish(code)
    assert actions().count("recovery.refused") == attempts.LIMITS["recovery"].here + 1


@pytest.mark.security
def test_shares_open_in_the_browser_where_it_began_and_in_no_other(alice, code, begun):
    begun.by_institution()
    with later():
        for cookie in ("", "x", sealing.new_key().hex()):
            assert lost_keys.spoken(begun.recovery, cookie) is None
            with pytest.raises(operations.Refused, match="browser"):
                Way(begun.recovery, cookie, begun.custodian).finish(code)


@pytest.mark.security
@pytest.mark.privacy
def test_what_is_stored_of_a_recovery_opens_no_share(alice, bob, guarded, begun):
    begun.by_institution()
    by_guardian(begun, guarded, bob)
    rows = b"".join(bytes(one.blob) for one in GivenShare.objects.all()) + bytes(begun.recovery.sealed_private)
    key = keyrings.shares.one_use_key(begun.recovery, begun.cookie)
    assert key.private not in rows
    for given in GivenShare.objects.all():
        info = keyrings.shares.handed_info(given.event_id)
        assert key.open_seal(bytes(given.blob), info=info) not in rows
        with pytest.raises(keyrings.CannotOpen):
            key.open_seal(bytes(given.blob), info=keyrings.shares.handed_info(begun.recovery.pk))


def test_a_weak_new_passphrase_is_not_taken(alice, code, begun):
    begun.by_institution()
    with later(), pytest.raises(operations.TooWeak):
        begun.finish(code, passphrase="alice moreau")


# --- Beginning -----------------------------------------------------------------------------------
def test_beginning_writes_to_the_person_and_to_their_guardian(alice, bob, begun):
    assert "recovery-started" in letters_to(alice.user)
    assert Letter.objects.get(kind="recovery-started").link.kind == Link.Kind.STOP
    assert "guardian-asked" in letters_to(bob.user)


@pytest.mark.security
def test_nobody_begins_whose_passphrase_opens_the_keys_or_who_has_no_two_shares(alice, bob, guarded):
    with pytest.raises(operations.Refused, match="opens your keys"):
        lost_keys.start(user=alice.user, address=HOME)
    reset(bob)
    with pytest.raises(operations.Refused, match="no two shares"):
        lost_keys.start(user=bob.user, address=HOME)


@pytest.mark.security
def test_beginning_again_begins_the_wait_again_and_ends_the_first(alice, code, begun):
    begun.by_institution()
    with later():
        again = Way(*lost_keys.start(user=alice.user, address=HOME), begun.custodian)
        with pytest.raises(operations.Refused):
            begun.finish(code)
        with pytest.raises(operations.Refused, match="wait"):
            again.finish(code)
    assert not GivenShare.objects.exists()
    assert Recovery.objects.filter(cancelled_at=None).count() == 1


@pytest.mark.security
def test_two_recoveries_of_one_person_are_never_under_way(alice, begun):
    with pytest.raises(IntegrityError), transaction.atomic():
        Recovery.objects.create(
            user=alice.user, version=begun.recovery.version, public=b"", sealed_private=b"", ready_at=clock.now()
        )


# --- Stopping ------------------------------------------------------------------------------------
@pytest.mark.security
def test_the_link_in_the_letter_stops_it_once_and_for_all(alice, code, begun):
    begun.by_institution()
    token = links.token(Link.objects.get(kind="stop", used_at=None))
    assert lost_keys.stoppable(token) == begun.recovery
    assert lost_keys.stop_by_letter(token)
    assert not lost_keys.stop_by_letter(token)
    with later(), pytest.raises(operations.Refused, match="stopped"):
        begun.finish(code)
    assert not GivenShare.objects.exists()
    assert "recovery-cancelled" in letters_to(alice.user)


@pytest.mark.security
def test_a_stop_wins_over_an_end_that_has_begun(alice, code, begun, monkeypatch):
    """Stopped after the shares were opened and before anything was written: nothing is written."""
    begun.by_institution()
    restored = lost_keys._restored

    def stopped_meanwhile(*told):
        lost = restored(*told)
        assert lost_keys.stop(begun.recovery, by=queries.party(alice.user))
        return lost

    monkeypatch.setattr(lost_keys, "_restored", stopped_meanwhile)
    with later(), pytest.raises(operations.Refused, match="stopped"):
        begun.finish(code)
    assert KeyVersion.objects.filter(reader__user=alice.user).count() == 1


def test_what_is_finished_is_not_stopped(alice, code, begun):
    begun.by_institution()
    with later():
        begun.finish(code)
        assert not lost_keys.stop(begun.recovery, by=queries.party(alice.user))
        with pytest.raises(operations.Refused):
            begun.finish(code)


def test_finding_the_old_passphrase_ends_it(alice, begun):
    recovery.unlock_with_old(user=alice.user, old=PASSPHRASE, passphrase=NEW, address=HOME)
    assert queries.recovery_under_way(alice.user) is None


# --- Afterwards ----------------------------------------------------------------------------------
@pytest.mark.security
def test_the_lost_keys_are_void_and_nothing_stored_opens_them_or_the_new_ones_but_what_is_new(alice, code, begun):
    begun.by_institution()
    with later():
        back = begun.finish(code)
    assert not queries.is_theirs(alice.keyring, alice.user.pk)
    stored = queries.keyring_of(alice.user)
    assert stored.version_id == back.keyring.version_id
    fresh = KeyVersion.objects.get(pk=back.keyring.version_id)
    assert queries.is_logged(fresh)
    before = KeyVersion.objects.get(pk=alice.keyring.version_id)
    assert signing.verify(before.author_public, lost_keys.keyrings.opened.history.succession(fresh), fresh.signature)
    assert PastKeys.objects.filter(version=before, under=fresh).exists()


def test_the_shares_are_made_anew_and_the_paper_must_be_written_anew(alice, bob, code, guarded, begun):
    kept = {share.holder: bytes(share.blob) for share in Share.objects.exclude(blob=None)}
    begun.by_institution()
    with later():
        back = begun.finish(code)
        assert queries.shares_of(alice.user) == {"institution", "guardian"}
        assert not queries.has_recovery_code(alice.user)
        assert all(bytes(share.blob) != kept[share.holder] for share in Share.objects.all())
        assert list(SharePair.objects.values_list("of", "version")) == [
            ("institution+guardian", back.keyring.version_id)
        ]
        recovery.confirm(user=alice.user, keyring=back.keyring, code=recovery.new_code())
        assert SharePair.objects.count() == 3


@pytest.mark.security
def test_a_second_loss_is_not_opened_by_the_first_ones_shares(alice, code, begun):
    begun.by_institution()
    with later():
        begun.finish(code)
        stored = queries.keyring_of(alice.user)
        old = {"paper": keyrings.shares.paper_share(code, stored.reader_id)}
        with pytest.raises(keyrings.CannotOpen):
            keyrings.shares.restore(stored, {**old, "institution": bytes(32), "guardian": bytes(32)})


@pytest.mark.security
def test_every_session_from_before_is_over(alice, code, begun, client):
    client.post("/sign-in/", {"email": "alice@example.org", "passphrase": NEW}, secure=True)
    assert client.get("/account/", secure=True).status_code == 200
    begun.by_institution()
    with later():
        begun.finish(code, passphrase="and eight other words now")
    assert client.get("/account/", secure=True).status_code == 302


def test_if_the_keys_were_renewed_meanwhile_nothing_is_put_in_their_place(alice, code, begun):
    begun.by_institution()
    with transaction.atomic():
        keyrings.succeed(Keyring.objects.get(reader__user=alice.user), alice.keyring)
    with later(), pytest.raises(operations.Refused):
        begun.finish(code)
    assert KeyVersion.objects.filter(reader__user=alice.user).count() == 2


def test_a_guardian_whose_stored_key_was_exchanged_keeps_nothing_and_holds_nothing_up(alice, bob, code, begun):
    KeyVersion.objects.filter(pk=bob.keyring.version_id).update(kem_public=sealing.generate_kem().public)
    begun.by_institution()
    with later():
        assert begun.finish(code).keyring
    assert queries.shares_of(alice.user) == {"institution"}


@pytest.mark.compliance
def test_every_step_is_on_the_log(alice, bob, code, guarded, begun):
    lost_keys.check(begun.recovery, by=checker("Ida Check"), document="passport", spoken=begun.letters)
    by_guardian(begun, guarded, bob)
    with later():
        begun.finish(code)
    steps = [action for action in actions() if action.startswith(("recovery.", "guardian.", "key.succ"))]
    assert steps == [
        "guardian.asked",
        "guardian.agreed",
        "guardian.entrusted",
        "recovery.started",
        "recovery.checked",
        "recovery.share-given",
        "key.succeeded",
        "recovery.finished",
    ]


@pytest.mark.privacy
def test_neither_code_nor_shares_nor_letters_are_on_the_log(alice, bob, code, guarded, begun):
    by_guardian(begun, guarded, bob)
    with later():
        begun.finish(code)
    told = "".join(str(audit.facts(event.pk)) for event in Event.objects.all())
    assert code not in told
    assert begun.letters not in told
    assert begun.cookie not in told


# --- Renewing, before anything is lost -----------------------------------------------------------
def test_keys_are_renewed_on_demand_for_the_passphrase(alice, code):
    fresh = lost_keys.renew(user=alice.user, passphrase=PASSPHRASE, address=HOME)
    assert fresh.version_number == 2
    assert operations.sign_in(email="alice@example.org", passphrase=PASSPHRASE, address=HOME).keyring
    assert "keys-renewed" in letters_to(alice.user)


@pytest.mark.security
def test_keys_are_not_renewed_with_another_passphrase_or_one_that_opens_nothing(alice, code):
    with pytest.raises(operations.Refused):
        lost_keys.renew(user=alice.user, passphrase="not her passphrase", address=HOME)
    reset(alice)
    with pytest.raises(operations.Refused, match="set anew"):
        lost_keys.renew(user=alice.user, passphrase=NEW, address=HOME)
    assert KeyVersion.objects.filter(reader__user=alice.user).count() == 1
