"""The actions of lists and of the pages that are opened from them: images, events, hosts, the help."""

from __future__ import annotations

from tui.actions.action import Action, Precondition, Scope

_LISTS = (Scope.LIST, Scope.FAILED)
_IMAGES = (Scope.LIST, Scope.FAILED, Scope.DETAIL)
_PAGED = (*_LISTS, Scope.EVENTS)
_TEXTS = (Scope.DETAIL, Scope.HELP, Scope.HOST)

PAGE_ACTIONS: tuple[Action, ...] = (
    Action(
        "drain_host",
        "D",
        "drain host",
        "Let this host finish what it has, and leave, after a confirmation; the run goes on without it",
        (Scope.HOST,),
        changes=True,
        requires=Precondition.HOSTS,
        rank=18,
    ),
    Action(
        "forget_host",
        "F",
        "forget host",
        "Void the invitation of this host, after a confirmation; if it is still there, it goes at once",
        (Scope.HOST,),
        changes=True,
        requires=Precondition.HOSTS,
        rank=19,
    ),
    Action(
        "next_host(1)",
        "tab,n",
        "next host",
        "The next host",
        (Scope.HOST,),
        requires=Precondition.HOSTS,
        rank=17,
    ),
    Action(
        "next_host(-1)",
        "shift+tab,N",
        "previous host",
        "The one before",
        (Scope.HOST,),
        requires=Precondition.HOSTS,
    ),
    Action(
        "open",
        "enter",
        "detail",
        "Everything known about this image: attempts, header, warnings",
        _PAGED,
        rank=19,
        by_widget=True,
    ),
    Action("move(-1)", "up,k", "up", "Up", (Scope.DASHBOARD, *_PAGED, *_TEXTS), by_widget=True),
    Action("move(1)", "down,j", "down", "Down", (Scope.DASHBOARD, *_PAGED, *_TEXTS), by_widget=True),
    Action(
        "jump(-1)", "home,g", "first", "To the first", (Scope.DASHBOARD, *_PAGED, *_TEXTS), by_widget=True
    ),
    Action("jump(1)", "end,G", "last", "To the last", (Scope.DASHBOARD, *_PAGED, *_TEXTS), by_widget=True),
    Action(
        "page(-1)", "pageup,ctrl+b", "page up", "A page up", (*_PAGED, *_TEXTS, Scope.WORKERS), by_widget=True
    ),
    Action(
        "page(1)",
        "pagedown,ctrl+f",
        "page down",
        "A page down",
        (*_PAGED, *_TEXTS, Scope.WORKERS),
        by_widget=True,
    ),
    Action("page(1)", "space", "page down", "A page down, too", _TEXTS, by_widget=True),
    Action("select", "space", "select", "Select or unselect this row", (Scope.FAILED,), rank=14),
    Action("select_all", "A", "select all", "Select all rows shown, or none", (Scope.FAILED,), rank=18),
    Action(
        "filter",
        "slash",
        "filter",
        "Show only rows with these words in their name, path, barcode, record, message or host",
        (*_LISTS, Scope.EVENTS),
        rank=16,
    ),
    Action(
        "find",
        "slash",
        "find",
        "Find images by words in their name, path, barcode, record, message or host",
        (Scope.DASHBOARD, *_TEXTS),
    ),
    Action(
        "by_state",
        "t",
        "state",
        "Show only images in one state: the next, then all again",
        (Scope.LIST,),
        rank=17,
    ),
    Action(
        "notable",
        "n",
        "notable",
        "Show only what matters for the whole run: holds, pauses, orders, crashes, failures; or everything again",
        (Scope.EVENTS,),
        rank=17,
    ),
    Action("sort", "o", "sort", "Sort in the next order", _LISTS, rank=30),
    Action("sort_back", "O", "reverse", "Reverse the order", _LISTS),
    Action(
        "requeue",
        "r",
        "requeue",
        "Requeue the selected images, or this one: they are converted again",
        (Scope.FAILED, Scope.DETAIL),
        changes=True,
        rank=10,
    ),
    Action(
        "requeue_all",
        "R",
        "requeue all",
        "Requeue all images shown",
        (Scope.FAILED,),
        changes=True,
        short="all",
        rank=11,
    ),
    Action(
        "accept",
        "a",
        "accept",
        "Accept the selected images, or this one, without a JPEG, for a reason",
        (Scope.FAILED, Scope.DETAIL),
        changes=True,
        rank=13,
    ),
    Action(
        "verdict",
        "v",
        "verdict",
        "Say whether the delivered JPEG of this image is fine, and if not, why",
        (Scope.DETAIL,),
        changes=True,
        rank=15,
    ),
    Action(
        "representation",
        "u",
        "its representation",
        "All images of the same representation, and whether it is complete",
        _IMAGES,
        rank=32,
    ),
    Action(
        "picture",
        "I",
        "picture",
        "The source and the JPEG side by side, small, or the detail again",
        (Scope.DETAIL,),
        rank=15,
    ),
    Action(
        "back",
        "escape",
        "back",
        "Back to the previous screen",
        (*_IMAGES, Scope.EVENTS, Scope.HELP, Scope.HOST),
        rank=8,
        at_once=True,
    ),
)
