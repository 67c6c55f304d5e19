"""The report of a case as one HTML file that asks nobody for anything and runs nothing.

Every word of it is escaped, and its policy would not let a word run that were not.
"""

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import Final

from dfd.casefile.blocks import (
    Banner,
    Block,
    Box,
    Bullets,
    Chart,
    Document,
    Dot,
    Facts,
    Heading,
    Label,
    Line,
    Paragraph,
    Pictures,
    Shape,
    Table,
)

POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Content-Security-Policy of the page as a header. ``frame-ancestors`` says nothing in a page's own head."""

_NOTE: Final = ' class="note"'

_OWN_POLICY: Final = POLICY.partition("; frame-ancestors")[0]


def to_html(document: Document) -> str:
    """The whole file; the same document gives the same text."""
    title = escape(document.title)
    style = files("dfd.casefile").joinpath("report.css").read_text(encoding="utf-8")
    body = "\n".join(_block(block) for block in document.blocks)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_OWN_POLICY}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f'<meta name="generator" content="{escape(document.producer)}">\n'
        f"<title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n"
        f"{body}\n</main>\n<footer><p>{escape(document.running)}</p></footer>\n</body>\n</html>\n"
    )


def _block(block: Block) -> str:
    match block:
        case Banner():
            html = _banner(block)
        case Heading():
            html = f"<h{block.level}>{escape(block.text)}</h{block.level}>"
        case Paragraph():
            html = f"<p{_NOTE if block.is_note else ''}>{escape(block.text)}</p>"
        case Bullets():
            html = "".join(f"<li><b>{escape(head)}</b> {escape(text)}</li>" for head, text in block.entries)
            html = f"<ul>{html}</ul>"
        case Facts():
            html = _facts(block)
        case Table():
            html = _table(block)
        case Chart():
            html = _chart(block)
        case Pictures():
            html = _pictures(block)
    return html


def _banner(block: Banner) -> str:
    return (
        f'<section class="banner {block.tone.value}" aria-label="Verdict"><p class="verdict">Verdict: '
        f"<strong>{escape(block.verdict)}</strong></p><p>{escape(block.line)}</p></section>"
    )


def _facts(block: Facts) -> str:
    rows = "\n".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in block.rows
    )
    return f'<table class="facts"><tbody>\n{rows}\n</tbody></table>'


def _table(block: Table) -> str:
    total = sum(block.widths)
    columns = "".join(f'<col style="width:{100 * width / total:.1f}%">' for width in block.widths)

    def cells(tag: str, attributes: str, texts: Sequence[str]) -> str:
        kinds = [' class="number"' if column in block.numbers else "" for column in range(len(texts))]
        pairs = zip(kinds, texts, strict=True)
        return "".join(f"<{tag}{attributes}{kind}>{escape(text)}</{tag}>" for kind, text in pairs)

    head = cells("th", ' scope="col"', block.head)
    rows = "\n".join(f"<tr>{cells('td', '', row)}</tr>" for row in block.rows)
    return f"<table><colgroup>{columns}</colgroup><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table>"


def _chart(chart: Chart) -> str:
    shapes = "".join(map(_shape, chart.shapes))
    return (
        f'<svg viewBox="0 0 {chart.width:g} {chart.height:g}" role="img" aria-label="{escape(chart.says)}">'
        f"{shapes}</svg>"
    )


def _shape(shape: Shape) -> str:
    match shape:
        case Line():
            kind = f"line {shape.tone.value}" + (" dashed" if shape.is_dashed else "")
            return f'<line class="{kind}" x1="{shape.x1:g}" y1="{shape.y1:g}" x2="{shape.x2:g}" y2="{shape.y2:g}"/>'
        case Box():
            place = f'x="{shape.x:g}" y="{shape.y:g}" width="{shape.width:g}" height="{shape.height:g}"'
            return f'<rect class="{shape.tone.value}" {place}/>'
        case Dot():
            return f'<circle class="{shape.tone.value}" cx="{shape.x:g}" cy="{shape.y:g}" r="{shape.radius:g}"/>'
        case Label():
            kind = ' class="end"' if shape.is_end else ""
            return f'<text{kind} x="{shape.x:g}" y="{shape.y:g}">{escape(shape.text)}</text>'


def _pictures(block: Pictures) -> str:
    shown = "".join(
        f'<img alt="{escape(one.says)}" width="{one.width_px}" height="{one.height_px}" '
        f'src="data:image/jpeg;base64,{b64encode(one.jpeg).decode("ascii")}">'
        for one in block.pictures
    )
    return f'<figure><div class="pictures">{shown}</div><figcaption>{escape(block.caption)}</figcaption></figure>'
