"""Orders that were given before an engine could take them: while the app reaches for it, and while it starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tui.state.status import ConnectionState, EngineStatus

Give = Callable[[], object]
_STATUSES_BELIEVED_AFTER = 2
"""The status that is under way when the engine has started may still say that none runs."""


@dataclass(frozen=True)
class KeptOrder:
    name: str
    give: Give


class KeptOrders:
    def __init__(self) -> None:
        self._orders: list[KeptOrder] = []
        self._is_starting = False
        self._disbelieved = 0

    def must_wait(self, status: EngineStatus) -> bool:
        """Whether nobody knows yet what an order would meet."""
        if status.connection is ConnectionState.ENGINE:
            return False
        return status.connection is ConnectionState.WAITING or self._is_starting or self._disbelieved > 0

    @property
    def is_starting(self) -> bool:
        return self._is_starting

    def keep(self, name: str, give: Give) -> None:
        self._orders.append(KeptOrder(name, give))

    def start_sent(self) -> None:
        self._is_starting = True

    def start_answered(self, *, started: bool) -> list[str]:
        """Returns the names of the orders that nobody can take, because no engine has started."""
        self._is_starting = False
        if started:
            self._disbelieved = _STATUSES_BELIEVED_AFTER
            return []
        dropped, self._orders = [order.name for order in self._orders], []
        return dropped

    def status_arrived(self, status: EngineStatus) -> list[KeptOrder]:
        """Returns the orders that can be given now, in their order."""
        if status.connection is ConnectionState.ENGINE:
            self._disbelieved = 0
        elif self._disbelieved:
            self._disbelieved -= 1
        if self.must_wait(status):
            return []
        orders, self._orders = self._orders, []
        return orders
