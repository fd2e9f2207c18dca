"""The failed images: a person selects them, requeues them, or accepts them without a JPEG."""

from __future__ import annotations

from dataclasses import dataclass

from textual import work

from engine import formatting
from engine.ledger.filters import ImageFilter, Selection
from tui.actions.registry import Scope, bindings
from tui.connection import engine_commands
from tui.connection.engine_commands import EngineCommand
from tui.connection.poller import CommandAnswered
from tui.screens.dialogs import ConfirmDialog, ReasonDialog, accept_question
from tui.screens.image_list import ImageList
from tui.state.view import View
from tui.widgets.image_columns import FAILED_COLUMNS, Column, name_of


@dataclass(frozen=True)
class ChosenImages:
    """The images that `r` and `a` apply to."""

    ids: tuple[int, ...]
    unlisted: int = 0
    """How many of them the list does not show."""


class FailedList(ImageList):
    """Selected images stay selected until the engine has taken the command that they were selected for."""

    SCOPE = Scope.FAILED
    BINDINGS = bindings(Scope.FAILED)
    HEADING = "Failures"
    EMPTY = "No failed image here."
    SHOWS_STATE = False

    _unanswered: EngineCommand | None = None
    """The command that was sent and is not answered yet."""

    @property
    def _columns(self) -> tuple[Column, ...]:
        return FAILED_COLUMNS

    def _account(self, view: View) -> object:
        return (view.snapshot.totals.failed, view.snapshot.failures_by_cause) if view.snapshot else None

    def action_select(self) -> None:
        self.paged_list.toggle()
        self._update_header()

    def action_select_all(self) -> None:
        if self.paged_list.selected:
            self._select(set())
        else:
            self._select_all()

    @work(exclusive=True, group="select")
    async def _select_all(self) -> None:
        query = self.image_query
        ids = await self.ask(lambda reader: reader.ids(query.filter))
        if ids is not None and query == self.image_query:
            self._select(set(ids))

    def _select(self, ids: set[int]) -> None:
        self.paged_list.selected = ids
        self._unlisted = 0
        self.paged_list.redraw()
        self._update_header()

    # -- commands ----

    def _send(self, command: EngineCommand) -> None:
        self._unanswered = command
        self.typed_app.send_command(command)

    def answered(self, answer: CommandAnswered) -> None:
        if answer.command is self._unanswered:
            self._unanswered = None
            if answer.reply is not None:
                self._select(set())
        super().answered(answer)

    def _may_act(self, what: str) -> bool:
        if not self.paged_list.total and not self.paged_list.selected:
            self.typed_app.show_message(f"There is nothing to {what}.", good=False)
            return False
        if self._unanswered is not None:
            self.typed_app.show_message("The engine has not answered the last command yet.", good=False)
            return False
        return self.typed_app.may_change()

    async def _chosen(self) -> ChosenImages | None:
        """The selected images that can still be requeued or accepted, or the one under the cursor; None if none is.

        The ledger is asked, because what is shown may have changed a moment ago."""
        row, query, selected = self.paged_list.current, self.image_query, frozenset(self.paged_list.selected)
        if not selected:
            return ChosenImages((row.id,)) if row is not None else None
        selectable = await self.ask(lambda reader: reader.ids(ImageFilter(state=query.state), among=selected))
        listed = await self.ask(lambda reader: reader.ids(query.filter, among=selected))
        if selectable is None or listed is None:
            return None
        if not selectable:
            self.typed_app.show_message("None of the selected images is failed any more.", good=False)
            return None
        return ChosenImages(tuple(selectable), len(selectable) - len(listed))

    @work(exclusive=True, group="question")
    async def action_requeue(self) -> None:
        if not self._may_act("requeue"):
            return
        chosen = await self._chosen()
        if chosen is None:
            return
        if chosen.unlisted:
            question = ConfirmDialog(
                f"Requeue {formatting.counted(len(chosen.ids), 'image')}?",
                [f"{self._unlisted_fact(chosen)} To leave these out, choose No; then A unselects all."],
                "requeue",
            )
            if not await self.app.push_screen_wait(question):
                return
        self._send(engine_commands.requeue(Selection(ids=chosen.ids)))

    def _unlisted_fact(self, chosen: ChosenImages) -> str:
        is_one = chosen.unlisted == 1
        what = ", ".join(self._filters())
        because = f" (the list shows only: {what})" if what else ""
        selected = f"{'is' if is_one else 'are'} selected but not shown{because}."
        return f"{formatting.integer(chosen.unlisted)} of them {selected}"

    @work(exclusive=True, group="question")
    async def action_requeue_all(self) -> None:
        if not self._may_act("requeue"):
            return
        total, query = self.paged_list.total, self.image_query
        if not total:
            self.typed_app.show_message("There is nothing to requeue.", good=False)
            return
        what = ", ".join(self._filters()) or "every batch and every cause"
        question = ConfirmDialog(
            f"Requeue {formatting.counted(total, 'image')}?",
            [f"All failed images shown: {what}.", "An image whose cause is not removed will fail again."],
            "requeue",
        )
        if await self.app.push_screen_wait(question):
            whole = not (query.batch or query.cause or query.text)
            selection = Selection(batch=query.batch, cause=query.cause, text=query.text, all=whole)
            self._send(engine_commands.requeue(selection))

    def _filters(self) -> list[str]:
        query = self.image_query
        filters = (
            f"batch {query.batch}" if query.batch else "",
            query.cause or "",
            f"with “{query.text}”" if query.text else "",
        )
        return [text for text in filters if text]

    @work(exclusive=True, group="question")
    async def action_accept(self) -> None:
        if not self._may_act("accept"):
            return
        row = self.paged_list.current
        chosen = await self._chosen()
        if chosen is None:
            return
        question = accept_question(
            len(chosen.ids), name_of(row) if row and not self.paged_list.selected else ""
        )
        facts = [self._unlisted_fact(chosen)] if chosen.unlisted else []
        reason = await self.app.push_screen_wait(ReasonDialog(question, facts))
        if reason:
            self._send(engine_commands.accept(chosen.ids, reason))
