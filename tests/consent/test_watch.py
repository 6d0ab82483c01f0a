"""A mint or a burn on the chain that nobody made here raises an alarm, once; ours raise none."""

import json

import pytest
from django.conf import settings
from eth_account import Account

from audit.models import EventBody
from audit.queries import story
from consent import access, proofs, tasks, watch
from consent.models import FeedCursor, Grant, GrantParcel
from consent.sharing import grants
from ehr import clock
from ehr.chain import artifacts, client, deployments, tokens
from ehr.desk.roles import DeskRole, ensure_desk_roles
from ehr.notices import operations as notices
from ehr.notices.models import Notice
from ehr.words import Category
from tests import people

pytestmark = [pytest.mark.django_db, pytest.mark.contracts, pytest.mark.security]
STRANGER = b"\x09" * 32
HOLDER = "0x" + "7" * 40


@pytest.fixture
def two(chain):
    """Ana and Dr Lee, and an operator who watches, with the contracts on a running chain."""
    people.open_escrow()
    operator = people.account("Otto Operator", staff=True).user
    operator.groups.add(ensure_desk_roles()[DeskRole.OPERATOR])
    return people.patient("Ana Costa"), people.clinician("Mei Lee")


@pytest.fixture
def otto(two):
    return people.User.objects.get(name="Otto Operator")


def send(chain):
    GrantParcel.objects.update(due_at=clock.now())
    tasks.relay_grants()
    chain.settle()


def around_the_server(method: str, items: list) -> None:
    """Call the contract as anybody can who pays the fee; this server's tables know nothing of it."""
    payer = Account.from_key(settings.CHAIN_RELAYER_KEY)
    node = client.web3()
    contract = node.eth.contract(address=deployments.address("AccessToken"), abi=artifacts.load("AccessToken").abi)
    call = contract.functions[method](items).build_transaction(
        {"from": payer.address, "nonce": node.eth.get_transaction_count(payer.address), "gas": 900_000}
    )
    node.eth.send_raw_transaction(payer.sign_transaction(call).raw_transaction)


def domain():
    return tokens.domain(deployments.address("AccessToken"), client.chain_id())


def minted_by_a_stranger(holder: str = HOLDER) -> tokens.TokenGrant:
    shape = tokens.TokenGrant(holder, 1_700_000_000, 4_000_000_000, b"\x05" * 32)
    around_the_server("grant", [tokens.grant_item(shape, tokens.sign_grant(STRANGER, shape, domain()))])
    return shape


def alarms() -> list[dict]:
    bodies = [json.loads(bytes(row.payload)) for row in EventBody.objects.all()]
    return [body for body in bodies if body["action"] == "grant.unknown-token"]


def test_what_was_given_and_stopped_here_raises_no_alarm(chain, two, otto):
    ana, lee = two
    stays, goes = people.give(ana, lee, Category.LABS), people.give(ana, lee, Category.HISTORY)
    send(chain)
    grants.end(goes, keyring=ana.keyring, by=access.own_party(ana.patient))
    send(chain)
    assert watch.look() == 0
    assert alarms() == []
    assert not Notice.objects.filter(user=otto).exists()
    assert proofs.token_id(stays) != proofs.token_id(goes)


def test_a_burn_that_came_before_its_mint_raises_none(chain, two):
    ana, lee = two
    grant = people.give(ana, lee, Category.LABS)
    grants.end(grant, keyring=ana.keyring, by=access.own_party(ana.patient))
    GrantParcel.objects.filter(kind="mint").update(delivered_at=clock.now())
    send(chain)
    assert watch.look() == 0


def test_a_strangers_mint_raises_the_alarm_once(chain, two, otto):
    minted_by_a_stranger()
    assert [watch.look(), watch.look()] == [1, 0]
    (alarm,) = alarms()
    assert (alarm["subject"], alarm["grant"], alarm["because"]) == (None, None, "no-grant")
    assert (alarm["details"]["minted"], alarm["details"]["burnt"]) == (1, 0)
    assert alarm["details"]["transactions"][0].startswith("0x")
    assert [notice.kind for notice in Notice.objects.filter(user=otto)] == ["desk.unknown-token"]


def test_a_strangers_burn_is_one_too(chain, two):
    shape = tokens.TokenGrant(HOLDER, 1_700_000_000, 4_000_000_000, b"\x05" * 32)
    signer = Account.from_key(STRANGER).address
    token = tokens.token_id(signer, shape.struct_hash(), shape.reader)
    item = tokens.revoke_item(signer, shape, tokens.sign_revoke(STRANGER, token, domain()))
    around_the_server("revoke", [item])
    assert watch.look() == 1
    assert alarms()[0]["details"]["burnt"] == 1


def test_a_strangers_token_at_the_address_of_a_grant_is_an_alarm_and_the_grant_s_own_is_none(chain, two):
    ana, lee = two
    taken, fine = people.give(ana, lee, Category.LABS), people.give(ana, lee, Category.HISTORY)
    minted_by_a_stranger(taken.holder)
    assert watch.look() == 1
    assert fine.holder != taken.holder


def test_our_own_consent_that_somebody_else_relays_raises_none(chain, two):
    grant = people.give(*two, Category.LABS)
    signature = (bytes(grant.signature_r), bytes(grant.signature_vs))
    around_the_server("grant", [tokens.grant_item(proofs.token_grant(grant), signature)])
    assert watch.look() == 0


def test_a_grant_that_was_burnt_with_the_patients_key_but_not_here_is_on_the_patients_log(chain, two, otto):
    ana, lee = two
    grant = people.give(ana, lee, Category.LABS)
    send(chain)
    signature = tokens.sign_revoke(ana.keyring.grant_key(grant.pk.bytes), proofs.token_id(grant), proofs.domain(grant))
    around_the_server("revoke", [tokens.revoke_item(grant.signer, proofs.token_grant(grant), signature)])
    assert watch.look() == 1
    lines = [line for line in story(ana.patient.pk) if line.action == "grant.unknown-token"]
    assert [(line.grant, line.because) for line in lines] == [(grant.pk, "burnt-elsewhere")]
    assert Notice.objects.filter(user=otto, kind="desk.unknown-token").count() == 1


def test_a_token_whose_grant_this_database_has_lost_or_that_was_altered_is_an_alarm(chain, two):
    grant = people.give(*two, Category.LABS)
    send(chain)
    Grant.objects.filter(pk=grant.pk).update(ends=people.FAR_AHEAD)
    assert watch.look() == 1


def test_many_strange_tokens_are_one_line_and_one_notice_until_it_is_read(chain, two, otto):
    for number in range(3):
        minted_by_a_stranger("0x" + str(number + 1) * 40)
    assert watch.look() == 3
    minted_by_a_stranger()
    assert watch.look() == 1
    assert [alarm["details"]["minted"] for alarm in alarms()] == [3, 1]
    assert Notice.objects.filter(user=otto).count() == 1
    notices.read_all(user=otto)
    minted_by_a_stranger("0x" + "8" * 40)
    watch.look()
    assert Notice.objects.filter(user=otto).count() == 2


def test_what_is_not_final_is_looked_at_later(chain, two, monkeypatch):
    minted_by_a_stranger()
    with monkeypatch.context() as patched:
        latest = watch.indexer.heights().latest
        patched.setattr(watch.indexer, "heights", lambda: watch.indexer.Heights(latest, latest - 1))
        assert watch.look() == 0
    assert watch.look() == 1


def test_with_the_chain_down_nothing_is_passed_over(chain, two):
    minted_by_a_stranger()
    with chain.down():
        assert watch.look() == 0
    assert watch.look() == 1


def test_a_node_that_refuses_long_stretches_is_asked_for_shorter_ones(chain, two, monkeypatch):
    minted_by_a_stranger()
    real, asked = client.post, []

    def grudging(requests):
        if requests and requests[0][0] == "eth_getLogs":
            stretch = requests[0][1][0]
            blocks = int(stretch["toBlock"], 16) - int(stretch["fromBlock"], 16)
            asked.append(blocks)
            if blocks:
                return [client.Answer(message="query returned more than 10000 results")]
        return real(requests)

    monkeypatch.setattr(client, "post", grudging)
    assert watch.look() == 1
    assert max(asked) > 0


def test_a_worker_that_dies_after_looking_leaves_the_blocks_to_the_next(chain, two, monkeypatch):
    minted_by_a_stranger()

    def killed(*_args, **_facts):
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(watch, "_without_cause", killed)
        with pytest.raises(SystemExit):
            watch.look()
    assert watch.look() == 1


def test_the_place_reached_is_kept_for_each_contract(chain, two):
    watch.look()
    cursor = FeedCursor.objects.get(name__startswith="tokens:")
    assert cursor.next == watch.indexer.heights().final + 1
    assert len(cursor.name) <= 40
