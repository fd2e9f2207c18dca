"""The failed images: a person selects them, requeues them, or accepts them without a JPEG."""

from __future__ import annotations

from dataclasses import dataclass

from textual import work

from engine import formatting
from engine.ledger.filters import ImageFilter, Selection
from engine.ledger.orders import MOST_IDS
from engine.ledger.reader import LedgerReader
from engine.ledger.states import ImageState
from tui.actions.registry import Scope, bindings
from tui.connection import engine_commands
from tui.connection.engine_commands import EngineCommand
from tui.connection.ledger_thread import ImageQuery
from tui.connection.poller import CommandAnswered
from tui.screens.dialogs import QUESTIONS, ConfirmDialog, ReasonDialog, accept_question
from tui.screens.image_list import QueriedImages
from tui.state.view import View
from tui.widgets.image_columns import FAILED_COLUMNS, Column, name_of


@dataclass(frozen=True)
class ChosenImages:
    """The images that `r` and `a` apply to."""

    selection: Selection
    """As they are now, whatever happens to them later."""
    count: int
    unlisted: int = 0
    """How many of them the list does not show."""


class FailedList(QueriedImages):
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
        if not self.is_read:
            self.typed_app.show_message(f"{what}: the list is still being read; try again.", good=False)
            return False
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
        wanted = selected or frozenset([row.id] if row is not None else [])
        chosen = await self.ask(lambda reader: choose(reader, query, wanted))
        if chosen is not None and not chosen.count:
            which = "None of the selected images" if selected else "This image"
            self.typed_app.show_message(
                f"{which} is {'' if selected else 'not '}failed any more.", good=False
            )
            return None
        return chosen

    @work(exclusive=True, group=QUESTIONS)
    async def action_requeue(self) -> None:
        if not self._may_act("requeue"):
            return
        chosen = await self._chosen()
        if chosen is None:
            return
        if chosen.unlisted:
            question = ConfirmDialog(
                f"Requeue {formatting.counted(chosen.count, 'image')}?",
                [f"{self._unlisted_fact(chosen)} To leave these out, choose No; then A unselects all."],
                "requeue",
            )
            if not await self.app.push_screen_wait(question):
                return
        self._send(engine_commands.requeue(chosen.selection, chosen.count))

    def _unlisted_fact(self, chosen: ChosenImages) -> str:
        is_one = chosen.unlisted == 1
        what = ", ".join(self._filters())
        because = f" (the list shows only: {what})" if what else ""
        selected = f"{'is' if is_one else 'are'} selected but not shown{because}."
        return f"{formatting.integer(chosen.unlisted)} of them {selected}"

    @work(exclusive=True, group=QUESTIONS)
    async def action_requeue_all(self) -> None:
        if not self._may_act("requeue"):
            return
        query = self.image_query
        found = await self.ask(lambda reader: all_matching(reader, query))
        if found is None:
            return
        selection, total = found
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
            self._send(engine_commands.requeue(selection, total))

    def _filters(self) -> list[str]:
        query = self.image_query
        filters = (
            f"batch {query.batch}" if query.batch else "",
            query.cause or "",
            f"with “{query.text}”" if query.text else "",
        )
        return [text for text in filters if text]

    @work(exclusive=True, group=QUESTIONS)
    async def action_accept(self) -> None:
        if not self._may_act("accept"):
            return
        row = self.paged_list.current
        chosen = await self._chosen()
        if chosen is None:
            return
        question = accept_question(chosen.count, name_of(row) if row and not self.paged_list.selected else "")
        facts = [self._unlisted_fact(chosen)] if chosen.unlisted else []
        reason = await self.app.push_screen_wait(ReasonDialog(question, facts))
        if reason:
            self._send(engine_commands.accept(chosen.selection, reason, chosen.count))


def choose(reader: LedgerReader, query: ImageQuery, wanted: frozenset[int]) -> ChosenImages:
    """Those of these images that are failed now; all that the list shows by what it shows, so that one order does."""
    with reader.one_view():
        now = reader.last_event()
        failed = reader.ids(ImageFilter(state=ImageState.FAILED, until_event=now), among=wanted)
        listed = reader.ids(query.filter, among=wanted)
        selection = Selection(ids=tuple(failed), until_event=now)
        if len(failed) > MOST_IDS:
            all_shown, count = all_matching(reader, query)
            selection = all_shown if count == len(failed) == len(listed) else selection
    return ChosenImages(selection, len(failed), len(frozenset(failed) - frozenset(listed)))


def all_matching(reader: LedgerReader, query: ImageQuery) -> tuple[Selection, int]:
    """The failed images of the list as they are now, and how many they are."""
    whole = not (query.batch or query.cause or query.text)
    selection = Selection(
        batch=query.batch, cause=query.cause, text=query.text, all=whole, until_event=reader.last_event()
    )
    return selection, reader.selected(selection)
