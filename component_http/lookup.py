"""What a call's path names, or the refusal."""

from __future__ import annotations

from shared import contract
from shared.model import Tenant, TenantId
from shared.ports import Ports


def the_tenant(ports: Ports, tenant_id: str) -> Tenant:
    """Read anew. Raises Invalid (404) when there is none."""
    found = None
    if contract.is_tenant_id(tenant_id):
        found = ports.tenants.get(TenantId(tenant_id), fresh=True)
    if found is None:
        raise contract.refusal("not_found")
    return found
