"""Pages that stand alone: no request leaves them, they print, follow light and dark, and name what they show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from engine.failures import one_line


def unbroken(quantity: str) -> str:
    """A number and its unit that stay on one line."""
    return quantity.replace(" ", "\u202f")


def text(value: object) -> str:
    """A value as HTML text: escaped, control and direction characters made visible."""
    return escape(one_line(str(value)), quote=True)


def name(value: object) -> str:
    """A file name or identifier from outside: as `text`, breakable, and kept from turning its neighbours round."""
    return f"<bdi class=name>{text(value)}</bdi>"


@dataclass(frozen=True)
class Column:
    title: str
    numeric: bool = False


def table(
    columns: Sequence[Column], rows: Iterable[Sequence[str]], caption: str = "", foot: Sequence[str] = ()
) -> str:
    """A table; cells are HTML already. The first cell of a row is its header."""
    parts = ["<div class=scroll><table>"]
    if caption:
        parts.append(f"<caption>{caption}</caption>")
    heads = "".join(f"<th scope=col{_class(column)}>{text(column.title)}</th>" for column in columns)
    parts.append(f"<thead><tr>{heads}</tr></thead><tbody>")
    parts.extend(_row(columns, cells) for cells in rows)
    parts.append("</tbody>")
    if foot:
        parts.append(f"<tfoot>{_row(columns, foot)}</tfoot>")
    parts.append("</table></div>")
    return "".join(parts)


def _row(columns: Sequence[Column], cells: Sequence[str]) -> str:
    first, *others = zip(columns, cells, strict=True)
    inner = f"<th scope=row{_class(first[0])}>{first[1]}</th>"
    return f"<tr>{inner}{''.join(f'<td{_class(column)}>{cell}</td>' for column, cell in others)}</tr>"


def _class(column: Column) -> str:
    return " class=n" if column.numeric else ""


def section(title: str, body: str, anchor: str) -> str:
    return f'<section id="{anchor}"><h2>{text(title)}</h2>{body}</section>'


def page(title: str, body: str, style: str = "", script: str = "") -> str:
    """The whole document. The policy forbids every request, so that a page from a colleague is safe to open."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    policy += "; script-src 'unsafe-inline'" if script else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{text(title)}</title><style>{STYLE}{style}</style></head>\n<body>{body}"
        f"{f'<script>{script}</script>' if script else ''}</body></html>\n"
    )


STYLE = """
:root { --paper: #fcfbf8; --ink: #22211e; --soft: #66635c; --line: #dedad0; --tint: #f3f0e8; --done: #3d6b62;
  --failed: #a5412f; --accepted: #8a6d2f; --waiting: #b9b4a7; }
@media (prefers-color-scheme: dark) { :root { --paper: #1b1a18; --ink: #e6e3dc; --soft: #a5a198; --line: #3a3834;
  --tint: #25241f; --done: #78b3a6; --failed: #e08a76; --accepted: #d3b36a; --waiting: #5b584f; } }
* { box-sizing: border-box; }
html { font-size: 100%; -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; padding: 3rem 1.5rem 5rem; max-width: 68rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif; }
h1, h2, h3 { font-family: ui-serif, "Iowan Old Style", "Palatino Linotype", Palatino, Georgia, serif;
  font-weight: 600; line-height: 1.2; text-wrap: balance; }
h1 { font-size: 2.1rem; margin: 0 0 .4rem; overflow-wrap: anywhere; }
h2 { font-size: 1.4rem; margin: 3rem 0 .8rem; padding-top: .9rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.8rem 0 .4rem; }
p { margin: .5rem 0; max-width: 46rem; }
.lead { font-size: 1.15rem; max-width: 44rem; }
.soft, caption, footer, figcaption { color: var(--soft); }
small, caption, figcaption { font-size: .875rem; }
.scroll { overflow-x: auto; margin: .8rem 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .925rem; }
caption { text-align: left; padding-bottom: .4rem; }
th, td { text-align: left; vertical-align: top; padding: .38rem .9rem .38rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; } tbody th { font-weight: 500; }
thead th.n { white-space: normal; }
thead th { font-size: .8rem; color: var(--soft); vertical-align: bottom; font-weight: 500; }
tfoot th, tfoot td { border-bottom: 0; font-weight: 600; }
.n { text-align: right; white-space: nowrap; padding-left: .9rem; }
th:last-child, td:last-child { padding-right: 0; } tbody th:first-child { min-width: 7.5rem; }
.name { overflow-wrap: anywhere; }
figure { margin: 1rem 0; }
details { margin: .4rem 0; } summary { cursor: pointer; padding: .3rem 0; }
summary:focus-visible, button:focus-visible, a:focus-visible { outline: 2px solid var(--done); outline-offset: 2px; }
svg { display: block; width: 100%; height: auto; }
code { font: .9em ui-monospace, "SF Mono", Menlo, "DejaVu Sans Mono", monospace; }
footer { margin-top: 4rem; padding-top: 1rem; border-top: 1px solid var(--line); font-size: .875rem; }
@media print { body { max-width: none; padding: 0; font-size: 10pt; background: #fff; }
  h2 { break-after: avoid; } tr, figure { break-inside: avoid; } thead { display: table-header-group; }
  .scroll { overflow: visible; } table { font-size: 8pt; } thead th { font-size: 7.5pt; } .n { padding-left: 4pt; } }
"""
