"""What all screens have: the line that tells results, and the footer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widget import Widget

from tui import offers
from tui.actions import Place
from tui.host import Host
from tui.picture import banner, standing
from tui.view import View
from tui.widgets.caption import Caption
from tui.widgets.keys import Keys
from tui.widgets.told import Told


class Page(Screen[None]):
    """Subclasses give the body and say what to do with a new view."""

    PLACE: ClassVar[Place]
    AUTO_FOCUS = "Listing, Paper, Menu"

    @property
    def host(self) -> Host:
        return cast(Host, self.app)

    def body(self) -> Iterable[Widget]:
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        yield from self.body()
        yield Told(id="told")
        yield Keys(id="keys")

    @property
    def told(self) -> Told:
        return self.query_one("#told", Told)

    def show(self, view: View) -> None:
        """A new view has come, or this screen has."""
        for caption in self.query(Caption):
            caption.state(banner(view.picture, view.now))
        self.told.stand(standing(view.picture, read_only=view.read_only))
        self.show_keys()

    def show_keys(self) -> None:
        view = self.host.view
        hints = offers.footer(
            self.PLACE,
            view.picture,
            self.size.width,
            read_only=view.read_only,
            frozen=view.frozen_at is not None,
        )
        self.query_one("#keys", Keys).show(hints)

    def on_screen_resume(self) -> None:
        self.show(self.host.view)

    def on_resize(self) -> None:
        self.show_keys()
