"""Where the contracts stand. Known without asking the chain, so that a consent can be signed while it is down."""

from ehr.chain.models import Deployment


def find(name: str) -> Deployment | None:
    """Return where a contract stands, on the chain that was deployed to last; None before the first deployment."""
    return Deployment.objects.filter(name=name).order_by("-pk").first()


def address(name: str) -> str | None:
    """Return the checksum address of a contract, or None before it was deployed."""
    found = find(name)
    return found.address if found else None


def address_on(chain_id: int, name: str) -> str | None:
    """Return the checksum address of a contract on one chain, or None where it was not deployed."""
    return Deployment.objects.filter(chain_id=chain_id, name=name).values_list("address", flat=True).first()


def record(chain_id: int, name: str, address: str, block: int) -> Deployment:
    """Write down where a contract stands now."""
    row, _ = Deployment.objects.update_or_create(
        chain_id=chain_id, name=name, defaults={"address": address, "block": block}
    )
    return row
