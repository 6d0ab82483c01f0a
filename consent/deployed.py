"""What consent reads of the chain: which contract holds the tokens, and who holds one."""

from eth_utils.address import to_checksum_address
from web3.exceptions import BadFunctionCallOutput, ContractLogicError

from consent.queries import NotSetUp
from ehr.chain import artifacts, client
from ehr.chain.models import Deployment
from ehr.chain.tokens import CONTRACT
from ehr.statements import Statement

_NEWEST = Statement(lambda: Deployment.objects.filter(name="AccessToken").order_by("-pk")[:1])


def token_contract() -> tuple[int, str]:
    """Return chain id and address of the newest AccessToken. Raises NotSetUp before `manage.py deploy_contracts`."""
    found = _NEWEST.rows()
    if not found:
        raise NotSetUp("The contracts are not on a chain yet. Run “manage.py deploy_contracts” once.")
    return found[0].chain_id, found[0].address


def token_owner(chain_id: int, contract: str, token: int) -> str | None:
    """Return who holds a token on chain, or None. Raises client.Unavailable, and NotSetUp on another chain."""
    if client.chain_id() != chain_id:
        raise NotSetUp("This grant lives on another chain than the one this server is set to. Set CHAIN_URL to it.")
    token_contract = client.web3().eth.contract(address=to_checksum_address(contract), abi=artifacts.load(CONTRACT).abi)
    try:
        return token_contract.functions.ownerOf(token).call()
    except ContractLogicError:
        return None
    except BadFunctionCallOutput as problem:
        raise client.Unavailable("AccessToken does not answer at its address.") from problem
