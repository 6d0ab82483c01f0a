"""From a grant to its token and back, over the outbox, on the embedded chain."""

import json
import re
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from consent import access, deployed, proofs, tasks
from consent.models import GrantParcel
from consent.sharing import grants
from ehr import clock
from ehr.chain.models import Transaction
from ehr.words import Category, Purpose
from tests import people

pytestmark = [pytest.mark.django_db, pytest.mark.contracts]


@pytest.fixture
def two(chain):
    """Ana and Dr Lee, with the contracts on a running chain."""
    people.open_escrow()
    return people.patient("Ana Costa"), people.clinician("Mei Lee")


def due_now():
    GrantParcel.objects.update(due_at=clock.now())


def send(chain):
    due_now()
    tasks.relay_grants()
    chain.settle()


def owner(grant):
    return deployed.token_owner(grant.chain_id, grant.contract, proofs.token_id(grant))


def test_a_grant_becomes_a_token_of_a_one_time_holder(chain, two):
    grant = people.give(*two, Category.LABS)
    assert owner(grant) is None
    send(chain)
    assert owner(grant) == grant.holder


def test_ending_a_grant_burns_its_token_for_good(chain, two):
    ana, lee = two
    grant = people.give(ana, lee, Category.LABS)
    send(chain)
    grants.end(grant, keyring=ana.keyring, by=access.own_party(ana.patient))
    send(chain)
    assert owner(grant) is None
    GrantParcel.objects.filter(kind="mint").update(delivered_at=None, key="again")
    send(chain)
    assert owner(grant) is None


def test_a_burn_that_arrives_before_its_mint_still_counts(chain, two):
    ana, lee = two
    grant = people.give(ana, lee, Category.LABS)
    grants.end(grant, keyring=ana.keyring, by=access.own_party(ana.patient))
    mint = GrantParcel.objects.get(kind="mint")
    GrantParcel.objects.filter(pk=mint.pk).update(delivered_at=clock.now())
    send(chain)
    GrantParcel.objects.filter(pk=mint.pk).update(delivered_at=None)
    send(chain)
    assert owner(grant) is None


def test_a_relay_that_runs_twice_sends_once(chain, two):
    people.give(*two, Category.LABS)
    due_now()
    assert tasks.relay_grants() == 1
    assert tasks.relay_grants() == 0
    assert Transaction.objects.filter(contract="AccessToken", method="grant").count() == 1


@pytest.mark.point(8)
def test_with_the_chain_down_sharing_and_stopping_go_on_and_arrive_later_once(chain, two):
    ana, lee = two
    with chain.down():
        stays = people.give(ana, lee, Category.LABS)
        goes = people.give(ana, lee, Category.HISTORY)
        access.open_chart(ana.patient, reader=lee.user, keyring=lee.keyring, purpose=Purpose.TREAT)
        grants.end(goes, keyring=ana.keyring, by=access.own_party(ana.patient))
        due_now()
        tasks.relay_grants()
    chain.settle()
    assert owner(stays) == stays.holder
    assert owner(goes) is None


@pytest.mark.privacy
def test_calldata_holds_addresses_days_and_a_commitment_and_nothing_else(chain, two):
    ana, lee = two
    people.give(ana, lee, Category.LABS)
    due_now()
    tasks.relay_grants()
    data = bytes(Transaction.objects.get(contract="AccessToken", method="grant").calldata).hex()
    for secret in (ana.patient.pk.hex, lee.user.pk.hex, lee.user.reader.pk.hex, b"labs".hex()):
        assert secret not in data


def test_the_command_verifies_a_downloaded_grant_against_the_chain(chain, two, tmp_path):
    grant = people.give(*two, Category.LABS)
    send(chain)
    file = tmp_path / "grant.json"
    file.write_text(json.dumps(proofs.document(grant)))
    out = StringIO()
    call_command("verify_grant", file, stdout=out)
    assert "The chain holds this token" in out.getvalue()
    assert "FAILS" not in out.getvalue()


@pytest.mark.security
@pytest.mark.parametrize("text", ["[]", "null", '"x"', "1", "", "{}", "[" * 100_000, "\ud800"], ids=ascii)
def test_the_command_names_a_file_that_is_no_grant(chain, two, tmp_path, text):
    file = tmp_path / "grant.json"
    file.write_bytes(text.encode(errors="surrogatepass"))
    for how in ([], ["--offline"]):
        with pytest.raises(CommandError, match=r"grant\.json: (This file is not a grant|The file names contract None)"):
            call_command("verify_grant", file, *how, stdout=StringIO())


@pytest.mark.security
def test_the_command_names_what_does_not_hold(chain, two, tmp_path):
    paper = proofs.document(people.give(*two, Category.LABS))
    paper["terms"]["categories"] = ["genetic"]
    file = tmp_path / "grant.json"
    file.write_text(json.dumps(paper))
    with pytest.raises(CommandError, match=re.compile("signature, binding, token")):
        call_command("verify_grant", file, "--offline", stdout=StringIO())


@pytest.mark.security
def test_a_grant_for_another_chain_is_not_this_chain_s(chain, two, tmp_path):
    paper = proofs.document(people.give(*two, Category.LABS)) | {"chain_id": 1}
    file = tmp_path / "grant.json"
    file.write_text(json.dumps(paper))
    with pytest.raises(CommandError, match="another chain"):
        call_command("verify_grant", file, stdout=StringIO())


@pytest.mark.security
def test_a_grant_that_names_a_contract_of_its_own_is_not_asked_there(chain, two, tmp_path):
    paper = proofs.document(people.give(*two, Category.LABS)) | {"contract": "0x" + "5" * 40}
    file = tmp_path / "grant.json"
    file.write_text(json.dumps(paper))
    with pytest.raises(CommandError, match="names contract"):
        call_command("verify_grant", file, stdout=StringIO())


@pytest.mark.security
def test_another_key_than_the_patients_known_one_is_named(chain, two, tmp_path):
    file = tmp_path / "grant.json"
    file.write_text(json.dumps(proofs.document(people.give(*two, Category.LABS))))
    with pytest.raises(CommandError, match="patient"):
        call_command("verify_grant", file, "--offline", "--patient-key", "A" * 43 + "=", stdout=StringIO())


def test_tokens_leave_within_the_time_the_settings_allow(chain, two):
    grant = people.give(*two, Category.LABS)
    parcel = grant.parcels.get()
    waits = (parcel.due_at - parcel.created_at).total_seconds()
    assert -1 <= waits <= settings.GRANT_RELAY_DELAY_SECONDS + 1
