"""Tenants as this process knows them, so that a webhook need not read its tenant each time."""

from __future__ import annotations

import time

from shared.model import Tenant, TenantId
from shared.store import Store

SERVES_S = 15.0


class Tenants:
    """Tenants read within the last seconds. What changes them calls ``forget``."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[TenantId, tuple[float, Tenant]] = {}

    def get(self, tenant: TenantId, *, fresh: bool = False) -> Tenant | None:
        """*fresh* reads it anew: before refusing anybody for what is remembered."""
        known = self._known.get(tenant)
        if known and not fresh and time.monotonic() - known[0] < SERVES_S:
            return known[1]
        held = self._store.tenant(tenant)
        if held is None:
            self.forget(tenant)
            return None
        self._known[tenant] = (time.monotonic(), held.value)
        return held.value

    def forget(self, tenant: TenantId) -> None:
        self._known.pop(tenant, None)
