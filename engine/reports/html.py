"""Makes the pages from the templates, and escapes whatever they show."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from functools import cache, wraps
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from engine import formatting
from engine.failures import one_line, without_path

_NARROW_NO_BREAK_SPACE = "\u202f"


def render(template: str, **values: object) -> Iterator[str]:
    """The page in pieces, for a file: a page may hold hundreds of pictures. A value that is missing is an error."""
    return _environment().get_template(template).generate(**values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("engine.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printed,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": _count,
        "counted": formatting.counted,
        "data_size": _unbroken(formatting.data_size),
        "date_and_time": formatting.date_and_time,
        "decibels": _unbroken(formatting.decibels),
        "decimals": _decimals,
        "duration": _unbroken(formatting.duration),
        "integer": formatting.integer,
        "long_date": formatting.long_date,
        "percent_of": _unbroken(formatting.percent),
        "png_uri": _png_uri,
        "tried": formatting.tried,
        "without_path": without_path,
        "three_figures": formatting.three_figures,
    }
    return environment


def _printed(value: object) -> object:
    """What a template prints: names and messages come from others, so control characters are made visible here."""
    return value if isinstance(value, Markup) else one_line(str(value))


def _unbroken(form: Callable[..., str]) -> Callable[..., Markup]:
    """The form with spaces that keep a number and its unit on one line."""

    @wraps(form)
    def unbroken(*values: Any) -> Markup:
        return Markup.escape(form(*values).replace(" ", _NARROW_NO_BREAK_SPACE))

    return unbroken


def _count(number: int) -> str:
    """A count in a table, where a dash is easier to overlook than a zero."""
    return formatting.integer(number) if number else formatting.UNKNOWN


def _decimals(value: float | None, digits: int) -> str:
    return formatting.UNKNOWN if value is None else f"{value:,.{digits}f}"


def _png_uri(png: bytes) -> Markup:
    return Markup("data:image/png;base64,") + base64.b64encode(png).decode("ascii")
