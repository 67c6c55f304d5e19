"""Setting the blocks of a document on pages, from top to bottom."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dfd.casefile.blocks import (
    Banner,
    Block,
    Box,
    Bullets,
    Chart,
    Dot,
    Facts,
    Heading,
    Label,
    Line,
    Paragraph,
    Pictures,
    Table,
    Tone,
)
from dfd.casefile.pdf.pages import Pages, run, runs
from dfd.casefile.pdf.wrapping import Row, Run, wrapped

SIZE: Final = 9.2
SMALL: Final = 8.2
LEADING: Final = 1.36
"""From one line to the next, in sizes of the letters."""

_NAME_WIDTH: Final = 132.0
_CELL_GAP: Final = 8.0
_PICTURE_HEIGHT: Final = 118.0
_PICTURE_GAP: Final = 6.0
_CHART_LETTERS: Final = 7.0


@dataclass(frozen=True, slots=True)
class Cell:
    """Lines of text in a column."""

    rows: Sequence[Row]
    x: float
    width: float
    is_right: bool = False
    tone: Tone = Tone.INK


class Setter:
    """Sets blocks. Afterwards `headings` tells where the sections begin: text, page and height on it."""

    def __init__(self, pages: Pages) -> None:
        """Set onto `pages`."""
        self._pages = pages
        self._sheet = pages.sheet
        self._y = pages.sheet.top
        self.headings: list[tuple[str, int, float]] = []

    def title(self, text: str) -> None:
        """The title of the document."""
        self._lines(wrapped([run(self._pages.bold, text)], 17, self._sheet.body_width), 17)
        self._y += 6

    def set(self, blocks: Sequence[Block]) -> None:
        """Set blocks one below the other; a heading stays with what it heads."""
        for index, block in enumerate(blocks):
            if isinstance(block, Heading):
                self._room(sum(self._least(one) for one in _with_what_follows(blocks, index)))
            self._set(block)

    def _set(self, block: Block) -> None:
        match block:
            case Banner():
                self._banner(block)
            case Heading():
                self._heading(block)
            case Paragraph():
                self._paragraph(block)
            case Bullets():
                self._bullets(block)
            case Facts():
                self._facts(block)
            case Table():
                self._table(block)
            case Chart():
                self._chart(block)
            case Pictures():
                self._pictures(block)

    def _least(self, block: Block) -> float:
        """Height without which a block is not begun."""
        match block:
            case Heading():
                return 34.0 if block.level == 2 else 26.0
            case Chart():
                return block.height * self._chart_scale(block) + 8
            case Pictures():
                return _PICTURE_HEIGHT + 24
            case _:
                return 3 * SIZE * LEADING + 6

    def _room(self, height: float) -> None:
        if self._y + height > self._sheet.body_end:
            self._turn()

    def _turn(self) -> None:
        self._pages.begin()
        self._y = self._sheet.top

    def _banner(self, block: Banner) -> None:
        width = self._sheet.body_width
        line = wrapped([run(self._pages.regular, block.line)], SIZE, width - 34)
        height = 34 + len(line) * SIZE * LEADING
        self._room(height)
        left, top = self._sheet.left, self._y
        self._pages.box(left, top, width, height, block.tone, filled=False)
        self._pages.box(left, top, 8, height, block.tone)
        words = runs((self._pages.regular, "Verdict:"), (self._pages.bold, block.verdict))
        self._pages.row(list(words), left + 20, top + 22, 15, block.tone)
        for index, row in enumerate(line):
            self._pages.row(row, left + 20, top + 38 + index * SIZE * LEADING, SIZE)
        self._y += height + 10

    def _heading(self, block: Heading) -> None:
        size = 12.5 if block.level == 2 else 10.0
        at_top = self._y <= self._sheet.top
        if block.level == 2 and not at_top:
            self._y += 12
            self._pages.line((self._sheet.left, self._y), (self._sheet.width - self._sheet.right, self._y), Tone.RULE)
        self._y += 0 if at_top else 6
        if block.level == 2:
            self.headings.append((block.text, self._pages.count - 1, self._y))
        self._lines(wrapped([run(self._pages.bold, block.text)], size, self._sheet.body_width), size)
        self._y += 2

    def _paragraph(self, block: Paragraph) -> None:
        size, tone = (SMALL, Tone.SOFT) if block.is_note else (SIZE, Tone.INK)
        self._lines(wrapped([run(self._pages.regular, block.text)], size, self._sheet.body_width), size, tone)
        self._y += 4

    def _bullets(self, block: Bullets) -> None:
        indent = 12.0
        for head, text in block.entries:
            words = runs((self._pages.bold, head), (self._pages.regular, text))
            rows = wrapped(words, SIZE, self._sheet.body_width - indent)
            self._room(min(len(rows), 2) * SIZE * LEADING)
            self._pages.dot(self._sheet.left + 3, self._y + 0.62 * SIZE, 1.4, Tone.INK)
            self._lines(rows, SIZE, x=self._sheet.left + indent)
            self._y += 2
        self._y += 2

    def _lines(self, rows: Sequence[Row], size: float, tone: Tone = Tone.INK, x: float | None = None) -> None:
        """Lines of running text, over as many pages as they need; never the first or last of several alone."""
        for index, row in enumerate(rows):
            left = len(rows) - index
            together = 2 if index == 0 or left == 2 else 1
            self._room(min(together, left) * size * LEADING)
            self._pages.row(row, self._sheet.left if x is None else x, self._y + size, size, tone)
            self._y += size * LEADING

    def _facts(self, block: Facts) -> None:
        left = self._sheet.left
        value_width = self._sheet.body_width - _NAME_WIDTH
        for name, value in block.rows:
            names = wrapped([run(self._pages.regular, name)], SMALL, _NAME_WIDTH - _CELL_GAP)
            values = wrapped([run(self._pages.regular, value)], SMALL, value_width)
            cells = [Cell(names, left, _NAME_WIDTH, tone=Tone.SOFT), Cell(values, left + _NAME_WIDTH, value_width)]
            self._cells(cells, ())
        self._y += 6

    def _table(self, block: Table) -> None:
        total = sum(block.widths)
        widths = [self._sheet.body_width * width / total for width in block.widths]
        lefts = [self._sheet.left + sum(widths[:column]) for column in range(len(widths))]

        def cells(texts: Sequence[str], *, bold: bool) -> list[Cell]:
            face = self._pages.bold if bold else self._pages.regular
            made = []
            for column, text in enumerate(texts):
                rows = wrapped([run(face, text)], SMALL, widths[column] - _CELL_GAP)
                made.append(Cell(rows, lefts[column], widths[column] - _CELL_GAP, column in block.numbers))
            return made

        head = cells(block.head, bold=True)
        self._room(_height(head) + 2 * SMALL * LEADING)
        self._cells(head, ())
        for texts in block.rows:
            self._cells(cells(texts, bold=False), head)
        self._y += 6

    def _cells(self, cells: Sequence[Cell], head: Sequence[Cell]) -> None:
        """One row of a table; `head` is set again where it begins a page. What no page can hold runs over several."""
        lines = max(len(cell.rows) for cell in cells)
        done = 0
        while done < lines:
            fits = int((self._sheet.body_end - self._y - 5) / (SMALL * LEADING))
            whole = _height(cells) <= (self._sheet.body_end - self._sheet.top - _height(head)) and fits < lines - done
            if fits < 1 or (whole and done == 0):
                self._turn()
                if head:
                    self._cells(head, ())
                continue
            part = min(fits, lines - done)
            for cell in cells:
                self._cell(cell, done, done + part)
            self._y += part * SMALL * LEADING + 4
            done += part
        self._pages.line((self._sheet.left, self._y), (self._sheet.width - self._sheet.right, self._y), Tone.RULE)
        self._y += 1

    def _cell(self, cell: Cell, start: int, end: int) -> None:
        for index, row in enumerate(cell.rows[start:end]):
            x = cell.x
            if cell.is_right:
                x += cell.width - _width(row, SMALL)
            self._pages.row(row, x, self._y + 2 + SMALL + index * SMALL * LEADING, SMALL, cell.tone)

    def _chart_scale(self, chart: Chart) -> float:
        return self._sheet.body_width / chart.width

    def _chart(self, chart: Chart) -> None:
        scale = self._chart_scale(chart)
        self._room(chart.height * scale)
        left, top, pages = self._sheet.left, self._y, self._pages
        for shape in chart.shapes:
            match shape:
                case Line():
                    start = left + shape.x1 * scale, top + shape.y1 * scale
                    end = left + shape.x2 * scale, top + shape.y2 * scale
                    pages.line(start, end, shape.tone, dashed=shape.is_dashed)
                case Box():
                    place = left + shape.x * scale, top + shape.y * scale
                    pages.box(*place, shape.width * scale, shape.height * scale, shape.tone)
                case Dot():
                    pages.dot(left + shape.x * scale, top + shape.y * scale, shape.radius * scale, shape.tone)
                case Label():
                    words = run(pages.regular, shape.text)
                    wide = pages.regular.width(words.text, _CHART_LETTERS) if shape.is_end else 0.0
                    pages.text(words, left + shape.x * scale - wide, top + shape.y * scale, _CHART_LETTERS, Tone.SOFT)
        self._y += chart.height * scale + 4

    def _pictures(self, block: Pictures) -> None:
        gaps = _PICTURE_GAP * (len(block.pictures) - 1)
        ratios = [picture.width_px / picture.height_px for picture in block.pictures]
        height = min(_PICTURE_HEIGHT, (self._sheet.body_width - gaps) / sum(ratios))
        caption = wrapped([run(self._pages.regular, block.caption)], SMALL, self._sheet.body_width)
        self._room(height + 4 + len(caption) * SMALL * LEADING)
        x = self._sheet.left
        for picture, ratio in zip(block.pictures, ratios, strict=True):
            self._pages.picture(picture, x, self._y, height * ratio, height)
            x += height * ratio + _PICTURE_GAP
        self._y += height + 3
        self._lines(caption, SMALL, Tone.SOFT)
        self._y += 7


def _with_what_follows(blocks: Sequence[Block], index: int) -> Sequence[Block]:
    """A heading, those right below it, and the first block that is none."""
    end = index
    while end < len(blocks) and isinstance(blocks[end], Heading):
        end += 1
    return blocks[index : end + 1]


def _height(cells: Sequence[Cell]) -> float:
    return max((len(cell.rows) for cell in cells), default=0) * SMALL * LEADING + (5 if cells else 0)


def _width(row: Sequence[Run], size: float) -> float:
    blanks = sum(one.face.width(" ", size) for one in row[:-1])
    return sum(one.face.width(one.text, size) for one in row) + blanks
