"""`manage.py deploy_contracts`: one result on stdout, a plain sentence where it cannot."""

import pytest
from django.core.management import CommandError, call_command

from ehr.chain import deployments


def test_it_prints_where_every_contract_stands(bare_chain, capsys):
    call_command("deploy_contracts")
    printed = capsys.readouterr().out
    assert [line.split()[0] for line in printed.splitlines()] == [
        "AccessToken",
        "AuditAnchor",
        "ProviderRegistry",
        "IdentityRegistry",
        "AppointmentEscrow",
        "ResearchRegistry",
    ]
    assert deployments.address("AccessToken") in printed
    call_command("deploy_contracts")
    assert capsys.readouterr().out == printed


def test_it_says_what_to_do_when_no_chain_answers(bare_chain):
    with bare_chain.down(), pytest.raises(CommandError, match=r"No chain answers at .* Start it with"):
        call_command("deploy_contracts", wait=0)


def test_it_refuses_an_admin_that_was_mistyped(bare_chain):
    with pytest.raises(CommandError, match="is not an address with its checksum"):
        call_command("deploy_contracts", admin="0x00000000000000000000000000000000000000aA")


def test_the_admin_may_come_from_the_settings(bare_chain, settings):
    settings.CHAIN_ADMIN = "0x00000000000000000000000000000000000000aA"
    with pytest.raises(CommandError, match="is not an address with its checksum"):
        call_command("deploy_contracts")


def test_a_chain_that_refuses_a_contract_is_told(bare_chain, monkeypatch):
    monkeypatch.setattr("ehr.chain.artifacts.Artifact.deployment", lambda *_: b"\xfe\x00")
    with pytest.raises(CommandError, match="AccessToken was refused by the chain"):
        call_command("deploy_contracts")
