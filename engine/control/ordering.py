"""Orders about many images, from a client's side: the engine takes them at once; how far they are can be asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from engine.control.client import EngineClient, NoEngine
from engine.control.requests import CountReply, GetOrder, LedgerRequest, in_parts
from engine.control.snapshot import OrderSnapshot
from engine.failures import UserError
from engine.formatting import counted, integer

Progress = Callable[[int, int], None]
"""Takes how many images were looked at, of how many."""

_REST = "the others were not ordered any more: give the command again"
_ASK_FIRST_S, _ASK_EVERY_S = 0.01, 0.2


class OrderLeft(NoEngine):
    """The engine took the order and is not there any more, or is silent; the message says what becomes of it."""


class OrderInterrupted(KeyboardInterrupt):
    """A person does not wait any longer for an order that the engine has taken; the message says what becomes of it."""


def no_progress(seen: int, images: int) -> None:
    pass


def order(client: EngineClient, request: LedgerRequest, progress: Progress = no_progress) -> CountReply:
    """Waits until the engine has done what is asked. Raises Refused, OrderLeft, NoEngine before the order is taken,
    OrderInterrupted, and UserError for an order that ended early."""
    parts = in_parts(request)
    taken: list[OrderSnapshot] = []
    with _saying_what_becomes(taken, len(parts)):
        taken.extend(client.ask(part).order for part in parts)
        _wait(client, taken, progress)
    _check(taken)
    return CountReply(count=sum(order.changed for order in taken))


def wait_for(client: EngineClient, order: OrderSnapshot, progress: Progress = no_progress) -> None:
    """Until the engine has done it. Raises OrderLeft, OrderInterrupted, and UserError for an order that ended early."""
    taken = [order]
    with _saying_what_becomes(taken, 1):
        _wait(client, taken, progress)
    _check(taken)


def wait_until_idle(client: EngineClient, progress: Progress = no_progress) -> None:
    """Until no order is in hand."""
    while orders := client.snapshot().orders:
        progress(sum(order.seen for order in orders), sum(order.images for order in orders))
        time.sleep(_ASK_EVERY_S)


@contextmanager
def _saying_what_becomes(taken: Sequence[OrderSnapshot], parts: int) -> Iterator[None]:
    """Of what the engine has taken, when the wait for it ends early."""
    try:
        yield
    except NoEngine as error:
        if not taken:
            raise
        rest = "" if len(taken) == parts else f"; {_REST}"
        becomes = (
            f"The order is taken ({_so_far(taken)}), and the engine that runs next goes on with it{rest}"
        )
        raise OrderLeft(f"{error}. {becomes}") from error
    except KeyboardInterrupt as interrupt:
        if not taken:
            raise
        rest = "`photostat status` shows how far it is" if len(taken) == parts else _REST
        becomes = f"The engine goes on with the order ({_so_far(taken)}); {rest}."
        raise OrderInterrupted(becomes) from interrupt


def _check(taken: Sequence[OrderSnapshot]) -> None:
    problem = next((order.problem for order in taken if order.problem), None)
    if problem is not None:
        raise UserError(f"{problem} ({_so_far(taken)})")


def _wait(client: EngineClient, taken: list[OrderSnapshot], progress: Progress) -> None:
    """Until all have ended; keeps in `taken` how far each is."""
    images, pause_s = sum(order.images for order in taken), _ASK_FIRST_S
    for number, order in enumerate(taken):
        while order.ended is None:
            time.sleep(pause_s)
            pause_s = min(_ASK_EVERY_S, 2 * pause_s)
            order = taken[number] = client.ask(GetOrder(order.id)).order
            progress(sum(order.seen for order in taken), images)


def _so_far(taken: Sequence[OrderSnapshot]) -> str:
    seen, images = (sum(getattr(order, key) for order in taken) for key in ("seen", "images"))
    changed = sum(order.changed for order in taken)
    return f"{integer(seen)} of {counted(images, 'image')} looked at, {integer(changed)} changed so far"
