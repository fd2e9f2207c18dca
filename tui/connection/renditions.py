"""Small renditions for a page, made by other processes, awaited without a thread that keeps the app from leaving."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

from engine.config import Config
from engine.failures import one_line
from engine.renditions.maker import RenditionMaker
from engine.renditions.request import NoRendition, Original, Rendition


class Renditions:
    """Of one page; `stop` when nobody looks any more."""

    def __init__(self) -> None:
        self._maker = RenditionMaker()

    async def make(self, config: Config, original: Original, longest_side: int) -> Rendition | NoRendition:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Rendition | NoRendition] = loop.create_future()

        def tell(made: Rendition | NoRendition) -> None:
            if not answer.done():
                answer.set_result(made)

        def make() -> None:
            try:
                made = self._maker.make(config, original, longest_side)
            except OSError as error:  # no process can be started
                made = NoRendition(one_line(f"no process could draw it: {error.strerror}"))
            with suppress(RuntimeError):  # the app has left
                loop.call_soon_threadsafe(tell, made)

        threading.Thread(target=make, name="rendition", daemon=True).start()
        return await answer

    def stop(self) -> None:
        self._maker.stop()
