"""People without e-mail: two of the staff, a paper in two halves, a sign-in name."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.db import IntegrityError, connection, transaction

from audit import queries as audit
from audit.models import Event, EventBody
from ehr import clock
from ehr.accounts import attempts, guardians, names, on_paper, operations, queries, recovery
from ehr.accounts.models import Letter, PaperCheck, PaperInvitation, PostalAddress, User
from tests.accounts.conftest import HOME, NEW, PASSPHRASE
from tests.accounts.papers import NUMBER, REACH, again, first_half, issuer, second_half, use

pytestmark = pytest.mark.django_db
AWAY = "198.51.100.7"


def lines(prefix: str) -> list[dict]:
    told = [audit.facts(event.pk) for event in Event.objects.order_by("pk")]
    return [one for one in told if one["action"].startswith(prefix)]


# --- The name ------------------------------------------------------------------------------------
def test_a_sign_in_name_can_be_said_and_is_never_part_of_the_persons_own():
    for _ in range(300):
        made = names.new(not_like="Mona Duarte")
        word, _dash, digits = made.partition("-")
        assert len(word) == len(digits) == 4
        assert word not in "mona duarte"
        assert not set(digits) & set("01")
        assert names.folded(made) == made


@pytest.mark.parametrize("typed", ["mona-4729", " Mona-4729 ", "MONA 4729", "mona4729", "mona–4729"])
def test_a_sign_in_name_is_found_however_it_is_typed(typed):
    assert names.folded(typed) == "mona-4729"


def test_a_name_and_an_address_are_never_mixed_up():
    assert names.folded("Mona-4729@Example.org") == "mona-4729@example.org"
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(name="X", sign_in_name="ana@example.org", password="!")


def test_whoever_has_neither_address_nor_name_is_no_account():
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(name="X", password="!")


def test_many_people_have_no_address_and_no_two_have_one_name():
    User.objects.create(name="X", sign_in_name="bako-2222", password="!")
    User.objects.create(name="Y", sign_in_name="bako-3333", password="!")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(name="Z", sign_in_name="bako-2222", password="!")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(name="Z", email="", sign_in_name="bako-4444", password="!")


# --- Two members of staff ------------------------------------------------------------------------
def test_a_paper_of_two_staff_lets_its_person_choose_a_passphrase_and_makes_their_keys(mona):
    assert mona.keyring is not None
    assert mona.user.is_proven
    assert mona.user.email is None
    signed_in = operations.sign_in(email=mona.user.sign_in_name, passphrase=PASSPHRASE, address=HOME)
    assert signed_in.keyring is not None


def test_a_paper_begun_twice_by_one_member_of_staff_is_one_with_a_new_half(iris, vera):
    older, newer = first_half(iris), first_half(iris)
    assert newer.invitation == older.invitation
    sheet = second_half(newer, vera)
    name = newer.invitation.user.sign_in_name
    with pytest.raises(operations.Refused):
        use((name, older.code, sheet.code))
    assert use((name, newer.code, sheet.code)).keyring
    assert first_half(iris).invitation != newer.invitation


@pytest.mark.security
def test_one_member_of_staff_is_not_two(iris):
    slip = first_half(iris)
    with pytest.raises(operations.Refused, match="second person"):
        second_half(slip, iris)
    with pytest.raises(IntegrityError), transaction.atomic():
        PaperCheck.objects.create(invitation=slip.invitation, by=iris, half=2, document="x", half_digest=b"x")


@pytest.mark.security
@pytest.mark.parametrize("there", [True, False])
def test_the_half_of_one_member_of_staff_opens_nothing(iris, vera, there):
    slip = first_half(iris)
    if there:
        second_half(slip, vera)
    for guess in (slip.code, "", "0000-0000"):
        with pytest.raises(operations.Refused, match="do not open"):
            use((slip.invitation.user.sign_in_name, slip.code, guess))


@pytest.mark.security
def test_a_third_member_of_staff_makes_no_other_half(iris, vera):
    slip = first_half(iris)
    second_half(slip, vera)
    with pytest.raises(operations.Refused, match="already"):
        second_half(slip, issuer("Third One"))


@pytest.mark.security
def test_the_second_sees_the_same_document(iris, vera):
    slip = first_half(iris)
    with pytest.raises(operations.Refused, match="another number"):
        on_paper.confirm(slip.invitation, document="passport", number="P-77 813", by=vera)
    assert [one["because"] for one in lines("paper.refused")] == ["other-number"]
    assert slip.invitation.checks.count() == 1


@pytest.mark.security
def test_a_half_of_somebody_who_works_here_no_longer_counts_for_nothing(paper, vera):
    User.objects.filter(pk=vera.pk).update(is_active=False)
    with pytest.raises(operations.Refused, match="do not open"):
        use(paper)


@pytest.mark.security
def test_whoever_has_no_such_duty_makes_no_paper(alice, iris):
    with pytest.raises(operations.Refused, match="role"):
        first_half(alice.user)
    slip = first_half(iris)
    for act in (lambda: second_half(slip, alice.user), lambda: on_paper.end(slip.invitation, by=alice.user)):
        with pytest.raises(operations.Refused, match="role"):
            act()


@pytest.mark.security
def test_nobody_confirms_themselves_nor_whom_they_guard(mona, iris, vera):
    issues = Permission.objects.get(codename="issue_paper")
    mona.user.user_permissions.add(issues)
    with pytest.raises(operations.Refused, match="own identity"):
        on_paper.invite_back(mona.user, document="x", number="1", by=User.objects.get(pk=mona.user.pk))
    asked = guardians.ask(user=mona.user, email=vera.email, address=HOME)
    assert asked.guardian_id == vera.pk
    with pytest.raises(operations.Refused, match="guardian"):
        on_paper.invite_back(mona.user, document="x", number="1", by=vera)


def test_a_lost_half_is_made_anew_by_who_made_it_and_the_one_before_is_void(paper, iris, vera):
    name, first, _second = paper
    invitation = PaperInvitation.objects.get()
    fresh = on_paper.hand_again(invitation, by=vera)
    assert fresh.complete
    with pytest.raises(operations.Refused):
        use(paper)
    with pytest.raises(operations.Refused, match="colleague"):
        on_paper.hand_again(invitation, by=issuer("Third One"))
    assert use((name, first, fresh.code)).keyring


def test_a_paper_that_got_lost_is_ended(paper, iris):
    on_paper.end(PaperInvitation.objects.get(), by=iris)
    with pytest.raises(operations.Refused, match="do not open"):
        use(paper)


# --- Using it ------------------------------------------------------------------------------------
@pytest.mark.security
def test_a_paper_works_once(paper):
    use(paper)
    with pytest.raises(operations.Refused, match="do not open"):
        use(paper, passphrase=NEW)


@pytest.mark.security
def test_of_two_who_use_a_paper_at_once_one_is_in(paper, monkeypatch):
    fits, inner = on_paper._fits, []

    def meanwhile(*told):
        right = fits(*told)
        if not inner:
            inner.append(None)
            inner[0] = use(paper, passphrase=NEW)
        return right

    monkeypatch.setattr(on_paper, "_fits", meanwhile)
    with pytest.raises(operations.Refused, match="has been used"):
        use(paper)
    user = inner[0].user
    assert operations.sign_in(email=user.sign_in_name, passphrase=NEW, address=HOME).keyring
    assert queries.keyring_of(user)


def test_a_paper_is_over_after_two_weeks(paper):
    with time_machine.travel(clock.now() + on_paper.LIFE, tick=False), pytest.raises(operations.Refused):
        use(paper)


@pytest.mark.security
def test_what_does_not_fit_is_told_in_the_same_words_known_name_or_not(paper):
    name, first, second = paper
    said = set()
    for wrong in ((name, first, "0000-0000"), (name, second, first), ("gone-2222", first, second), ("x@y.org", "", "")):
        with pytest.raises(operations.Refused) as told:
            use(wrong, address=AWAY)
        said.add(told.value.message)
    assert len(said) == 1


@pytest.mark.security
@pytest.mark.parametrize("name", ["known", "gone-2222"])
def test_guessing_at_a_paper_is_stopped_known_name_or_not(paper, name):
    name = paper[0] if name == "known" else name
    for _ in range(attempts.LIMITS["paper"].here):
        with pytest.raises(operations.Refused, match="do not open"):
            use((name, "0000-0000", "0000-0000"))
    with pytest.raises(operations.Refused, match="too many"):
        use((name, *paper[1:]))
    assert lines("paper.refused")[-1]["because"] == "too-many-tries"


@pytest.mark.security
def test_before_the_paper_is_used_nobody_signs_in_with_its_name(paper):
    for passphrase in ("", "!", PASSPHRASE):
        with pytest.raises(operations.Refused, match="do not match"):
            operations.sign_in(email=paper[0], passphrase=passphrase, address=HOME)


def test_a_passphrase_that_is_too_weak_leaves_the_paper_as_it_was(paper):
    with pytest.raises(operations.TooWeak):
        use(paper, passphrase="mona duarte!!")
    assert use(paper).keyring


@pytest.mark.privacy
def test_no_half_no_number_and_no_address_is_stored_in_clear(paper, mona):
    with connection.cursor() as cursor:
        stored = ""
        for model in (PaperInvitation, PaperCheck, PostalAddress, User, EventBody, Letter):
            cursor.execute(f"SELECT * FROM {model._meta.db_table}")
            stored += "\n".join(str(bytes(x) if isinstance(x, memoryview) else x) for row in cursor for x in row)
    for secret in (*paper[1:], paper[1].replace("-", ""), NUMBER, "p77812x", "Rua da Praia"):
        assert secret.casefold() not in stored.casefold()
    assert queries.postal_address(mona.user) == REACH


def test_who_saw_whom_and_who_used_it_is_on_the_log(paper, mona, iris, vera):
    told = [(one["action"], one["actor"]["id"]) for one in lines("paper.")]
    assert told == [("paper.checked", str(iris.pk)), ("paper.checked", str(vera.pk)), ("paper.used", str(mona.user.pk))]


def test_what_nobody_used_is_gone_and_its_account_with_it(paper, iris):
    on_paper.tidy()
    assert PaperInvitation.objects.exists()
    with time_machine.travel(clock.now() + on_paper.LIFE + timedelta(days=2), tick=False):
        on_paper.tidy()
    assert not PaperInvitation.objects.exists()
    assert not User.objects.filter(sign_in_name__isnull=False).exists()
    assert User.objects.filter(pk=iris.pk).exists()


def test_who_used_their_paper_stays(mona):
    with time_machine.travel(clock.now() + timedelta(days=90), tick=False):
        on_paper.tidy()
    assert User.objects.filter(pk=mona.user.pk).exists()


# --- A new passphrase ----------------------------------------------------------------------------
@pytest.mark.security
def test_a_new_paper_signs_in_and_never_unlocks(mona, iris, vera):
    epoch = mona.user.session_epoch
    back = use(again(mona.user, iris, vera), passphrase=NEW)
    assert back.keyring is None
    assert back.user.session_epoch > epoch
    signed_in = operations.sign_in(email=mona.user.sign_in_name, passphrase=NEW, address=HOME)
    assert signed_in.keyring is None
    assert not queries.in_step(signed_in.user)
    with pytest.raises(operations.Refused, match="opens no record"):
        operations.unlock(user=signed_in.user, passphrase=NEW, address=HOME)
    assert Letter.objects.filter(kind="passphrase-reset-on-paper", user=mona.user).count() == 1


def test_after_a_new_paper_the_passphrase_from_before_opens_the_keys(mona, iris, vera):
    use(again(mona.user, iris, vera), passphrase=NEW)
    user = User.objects.get(pk=mona.user.pk)
    assert recovery.unlock_with_old(user=user, old=PASSPHRASE, passphrase=NEW, address=HOME)


def test_a_newer_paper_ends_the_one_before(mona, iris, vera):
    older, newer = again(mona.user, iris, vera), again(mona.user, iris, vera)
    with pytest.raises(operations.Refused):
        use(older, passphrase=NEW)
    assert use(newer, passphrase=NEW).keyring is None


@pytest.mark.security
def test_no_paper_is_made_for_whoever_has_a_mailbox_or_works_here(alice, mona, iris, vera):
    with pytest.raises(operations.Refused, match="by e-mail"):
        on_paper.invite_back(alice.user, document="x", number="1", by=iris)
    User.objects.filter(pk=mona.user.pk).update(is_staff=True)
    with pytest.raises(operations.Refused, match="by e-mail"):
        on_paper.invite_back(mona.user, document="x", number="1", by=iris)


@pytest.mark.security
def test_a_suspended_account_uses_no_paper(mona, iris, vera):
    paper = again(mona.user, iris, vera)
    User.objects.filter(pk=mona.user.pk).update(is_active=False)
    with pytest.raises(operations.Refused, match="do not open"):
        use(paper, passphrase=NEW)


# --- Signing in by name --------------------------------------------------------------------------
@pytest.mark.security
def test_a_wrong_passphrase_for_a_name_is_told_like_one_for_nobody(mona):
    said = set()
    for typed in (mona.user.sign_in_name, "gone-2222", "nobody@example.org", "what is this"):
        with pytest.raises(operations.Refused) as told:
            operations.sign_in(email=typed, passphrase="not her words at all", address=AWAY)
        said.add(told.value.message)
    assert len(said) == 1


@pytest.mark.security
def test_every_try_costs_one_stretch_known_name_or_not(mona, monkeypatch):
    calls, stretch = [], operations.hashers.stretch
    monkeypatch.setattr(operations.hashers, "stretch", lambda *told: calls.append(told[1]) or stretch(*told))
    for typed in (mona.user.sign_in_name, "gone-2222", "nobody@example.org"):
        with pytest.raises(operations.Refused):
            operations.sign_in(email=typed, passphrase="not her words at all", address=AWAY)
    assert len(calls) == 3


@pytest.mark.security
@pytest.mark.parametrize("typed", ["name", "gone-2222"])
def test_guessing_at_a_name_is_stopped_however_it_is_typed(mona, typed):
    typed = mona.user.sign_in_name if typed == "name" else typed
    ways = [typed, typed.upper(), typed.replace("-", " "), typed.replace("-", ""), f" {typed}"]
    for way in ways:
        with pytest.raises(operations.Refused, match="do not match"):
            operations.sign_in(email=way, passphrase="not her words at all", address=AWAY)
    with pytest.raises(operations.Refused, match="too many"):
        operations.sign_in(email=typed, passphrase=PASSPHRASE, address=AWAY)


def test_somebody_without_e_mail_is_asked_to_be_a_guardian_by_name(alice, mona):
    asked = guardians.ask(user=alice.user, email=mona.user.sign_in_name.upper(), address=HOME)
    assert asked.guardian_id == mona.user.pk
    with pytest.raises(operations.Refused, match="own"):
        guardians.ask(user=mona.user, email=mona.user.sign_in_name, address=HOME)
