"""The photostat.toml that `photostat init` writes: every key with its default and its comment, from the model."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from msgspec import NODEFAULT, structs

from engine.config.loader import keys, sections
from engine.config.values import Form, NoneAs, bare_type

_HEAD = """\
# The settings of this photostat workspace. Every key has a default, shown here: delete what you do not change.
# Sizes are written like "20GiB" or "500MB".
"""
_COMMENT_COLUMN = 27
_WIDTH = 112


def template() -> str:
    """Its settings are those of an empty file."""
    parts = [_HEAD]
    for name, section in sections().items():
        lines = [_with_comment(f"[{name}]", _comment(section))]
        for key, field in keys(type(section.default)).items():
            lines.append(_with_comment(f"{key} = {_written(field)}", _comment(field)))
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _comment(field: structs.FieldInfo) -> str:
    """The text in its annotation; empty if there is none."""
    return next((mark for mark in bare_type(field.type)[1] if isinstance(mark, str)), "")


def _with_comment(text: str, comment: str) -> str:
    """The comment stands beside the text, or above it if the line would be too long."""
    beside = f"{text:{_COMMENT_COLUMN}}# {comment}" if comment else text
    if len(beside) <= _WIDTH:
        return beside
    above = textwrap.wrap(comment, _WIDTH, initial_indent="# ", subsequent_indent="# ")
    return "\n".join([*above, text])


def _written(field: structs.FieldInfo) -> str:
    """The default as TOML."""
    _, marks = bare_type(field.type)
    default = field.default if field.default is not NODEFAULT else field.default_factory()
    if default is None:
        return json.dumps(next(mark.word for mark in marks if isinstance(mark, NoneAs)))
    form = next((mark for mark in marks if isinstance(mark, Form)), None)
    return _toml(form.write(default) if form else default)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        pairs = ", ".join(f"{key} = {_toml(item)}" for key, item in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value)
