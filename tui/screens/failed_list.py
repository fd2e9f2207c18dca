"""The failed images: select them, send them round again, or accept them as they are."""

from __future__ import annotations

from dataclasses import dataclass

from textual import work

from engine import formatting
from engine.ledger.filters import Selection
from tui.actions.registry import Scope, bindings
from tui.connection import engine_commands
from tui.connection.engine_commands import EngineCommand
from tui.connection.poller import CommandAnswered
from tui.screens.dialogs import ConfirmDialog, ReasonDialog
from tui.screens.image_list import ImageList
from tui.state.view import View
from tui.terminal_text import Keep, fit
from tui.widgets.image_columns import FAILED_COLUMNS, Column, name_of


@dataclass(frozen=True)
class ChosenImages:
    """What `r` and `a` are about."""

    ids: tuple[int, ...]
    unseen: int = 0
    """Selected images among them that the list does not show."""


class FailedList(ImageList):
    """What is selected stays so until the engine has taken the order that it was selected for."""

    PLACE = Scope.FAILED
    BINDINGS = bindings(Scope.FAILED)
    HEADING = "Failures"
    EMPTY = "No image has failed here."
    SAYS_STATE = False

    _under_way: EngineCommand | None = None
    """Given, and not answered yet."""

    @property
    def _columns(self) -> tuple[Column, ...]:
        return FAILED_COLUMNS

    def _account(self, view: View) -> object:
        return (view.snapshot.totals.failed, view.snapshot.failures_by_cause) if view.snapshot else None

    def action_select(self) -> None:
        self.paged_list.toggle()
        self._caption()

    def action_select_all(self) -> None:
        if self.paged_list.selected:
            self._select(set())
        else:
            self._select_all()

    @work(exclusive=True, group="select")
    async def _select_all(self) -> None:
        query = self.images
        ids = await self.ask(lambda reader: reader.ids(**query.limits))
        if ids is not None and query == self.images:
            self._select(set(ids))

    def _select(self, ids: set[int]) -> None:
        self.paged_list.selected = ids
        self._unseen = 0
        self.paged_list.redraw()
        self._caption()

    # -- orders ----

    def _order(self, command: EngineCommand) -> None:
        self._under_way = command
        self.typed_app.send_command(command)

    def answered(self, answer: CommandAnswered) -> None:
        if answer.command is self._under_way:
            self._under_way = None
            if answer.reply is not None:
                self._select(set())
        super().answered(answer)

    def _may_act(self, what: str) -> bool:
        if not self.paged_list.total and not self.paged_list.selected:
            self.typed_app.show_message(f"There is nothing to {what}.", good=False)
            return False
        if self._under_way is not None:
            self.typed_app.show_message("The last order has not been answered yet.", good=False)
            return False
        return self.typed_app.may_change()

    async def _chosen(self) -> ChosenImages | None:
        """The selected images that can still be acted on, or the one under the cursor.

        The ledger is asked: what is shown may have changed a moment ago."""
        row, query, selected = self.paged_list.current, self.images, frozenset(self.paged_list.selected)
        if not selected:
            return ChosenImages((row.id,)) if row is not None else None
        left = await self.ask(lambda reader: reader.ids(state=query.state, among=selected))
        seen = await self.ask(lambda reader: reader.ids(**query.limits, among=selected))
        if left is None or seen is None:
            return None
        return ChosenImages(tuple(left), len(left) - len(seen))

    @work(exclusive=True, group="question")
    async def action_requeue(self) -> None:
        if not self._may_act("requeue"):
            return
        chosen = await self._chosen()
        if chosen is None:
            return
        if not chosen.ids:
            self.typed_app.show_message("None of the selected images has failed any more.", good=False)
            return
        if chosen.unseen:
            question = ConfirmDialog(
                f"Send {formatting.counted(len(chosen.ids), 'image')} round again?",
                [f"{self._unseen_fact(chosen)} To leave these out, choose No; then A unselects all."],
                "requeue",
            )
            if not await self.app.push_screen_wait(question):
                return
        self._order(engine_commands.requeue(Selection(ids=chosen.ids)))

    def _unseen_fact(self, chosen: ChosenImages) -> str:
        is_one = chosen.unseen == 1
        what = ", ".join(self._limits())
        because = f" (the list shows only: {what})" if what else ""
        selected = f"{'is' if is_one else 'are'} selected but not shown{because}."
        return f"{formatting.integer(chosen.unseen)} of them {selected}"

    @work(exclusive=True, group="question")
    async def action_requeue_all(self) -> None:
        if not self._may_act("requeue"):
            return
        total, query = self.paged_list.total, self.images
        if not total:
            self.typed_app.show_message("There is nothing to requeue.", good=False)
            return
        what = ", ".join(self._limits()) or "every batch and every cause"
        question = ConfirmDialog(
            f"Send {formatting.counted(total, 'image')} round again?",
            [f"All failed images shown: {what}.", "What is not mended will fail again."],
            "requeue",
        )
        if await self.app.push_screen_wait(question):
            whole = not (query.batch or query.cause or query.text)
            selection = Selection(batch=query.batch, cause=query.cause, text=query.text, all=whole)
            self._order(engine_commands.requeue(selection))

    def _limits(self) -> list[str]:
        query = self.images
        limits = [f"batch {query.batch}" if query.batch else "", query.cause or ""]
        return [limit for limit in [*limits, f"with “{query.text}”" if query.text else ""] if limit]

    @work(exclusive=True, group="question")
    async def action_accept(self) -> None:
        if not self._may_act("accept"):
            return
        row = self.paged_list.current
        chosen = await self._chosen()
        if chosen is None:
            return
        if not chosen.ids:
            self.typed_app.show_message("None of the selected images has failed any more.", good=False)
            return
        question = accept_question(
            len(chosen.ids), name_of(row) if row and not self.paged_list.selected else ""
        )
        facts = [self._unseen_fact(chosen)] if chosen.unseen else []
        reason = await self.app.push_screen_wait(ReasonDialog(question, facts))
        if reason:
            self._order(engine_commands.accept(chosen.ids, reason))


def accept_question(count: int, name: str = "") -> str:
    """`name` where it is one image, under the cursor."""
    if count != 1:
        return f"Accept {formatting.counted(count, 'image')} as they are, without JPEGs?"
    return f"Accept {fit(name, 40, Keep.BOTH) or '1 image'} as it is, without a JPEG?"
