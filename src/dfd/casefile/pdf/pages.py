"""The pages of a PDF file and what is drawn on them, in points from their upper left corner."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pydyf

from dfd.casefile.blocks import Picture, Tone
from dfd.casefile.pdf.fonts import Face
from dfd.casefile.pdf.wrapping import Row, Run

COLOURS: Final = {
    Tone.INK: (0.0, 0.0, 0.0),
    Tone.SOFT: (0.30, 0.33, 0.36),
    Tone.RULE: (0.75, 0.78, 0.80),
    Tone.FAKE: (0.63, 0.23, 0.02),
    Tone.REAL: (0.10, 0.35, 0.59),
    Tone.OPEN: (0.35, 0.29, 0.0),
    Tone.FLAG: (0.97, 0.87, 0.81),
}

_KAPPA: Final = 0.5523  # of a quarter circle by a cubic curve


@dataclass(frozen=True, slots=True)
class Sheet:
    """A size of paper and its margins."""

    width: float
    height: float
    left: float = 48.0
    right: float = 48.0
    top: float = 46.0
    bottom: float = 54.0

    @property
    def body_width(self) -> float:
        return self.width - self.left - self.right

    @property
    def body_end(self) -> float:
        return self.height - self.bottom


class Pages:
    """The pages so far; what is drawn goes onto the last."""

    def __init__(self, sheet: Sheet, regular: Face, bold: Face) -> None:
        """Begin with one page."""
        self.sheet = sheet
        self.regular = regular
        self.bold = bold
        self._names = {id(regular): "F1", id(bold): "F2"}
        self._streams: list[pydyf.Stream] = []
        self._pictures: dict[bytes, tuple[str, pydyf.Stream]] = {}
        self.begin()

    def begin(self) -> None:
        """Another page."""
        self._streams.append(pydyf.Stream(compress=True))

    @property
    def count(self) -> int:
        return len(self._streams)

    def row(self, runs: Row, x: float, baseline: float, size: float, tone: Tone = Tone.INK) -> None:
        """A line of text with a blank between its runs."""
        for run in runs:
            self.text(run, x, baseline, size, tone)
            x += run.face.width(run.text, size) + run.face.width(" ", size)

    def text(self, run: Run, x: float, baseline: float, size: float, tone: Tone = Tone.INK, *, page: int = -1) -> None:
        """Some text, which begins at `x`."""
        stream = self._streams[page]
        stream.begin_text()
        stream.set_font_size(self._names[id(run.face)], size)
        stream.set_color_rgb(*COLOURS[tone])
        stream.set_text_matrix(1, 0, 0, 1, round(x, 2), round(self.sheet.height - baseline, 2))
        stream.stream.append(run.face.encoded(run.text) + b" Tj")
        stream.end_text()

    def box(self, x: float, y: float, width: float, height: float, tone: Tone, *, filled: bool = True) -> None:
        """A rectangle, filled or as a frame."""
        stream = self._streams[-1]
        stream.set_color_rgb(*COLOURS[tone], stroke=not filled)
        if not filled:
            stream.set_line_width(1.2)
        stream.rectangle(round(x, 2), round(self.sheet.height - y - height, 2), round(width, 2), round(height, 2))
        if filled:
            stream.fill()
        else:
            stream.stroke()

    def line(self, start: tuple[float, float], end: tuple[float, float], tone: Tone, *, dashed: bool = False) -> None:
        """A straight line."""
        stream = self._streams[-1]
        stream.push_state()
        stream.set_color_rgb(*COLOURS[tone], stroke=True)
        stream.set_line_width(0.6)
        if dashed:
            stream.set_dash([4, 3], 0)
        stream.move_to(*self._point(*start))
        stream.line_to(*self._point(*end))
        stream.stroke()
        stream.pop_state()

    def dot(self, x: float, y: float, radius: float, tone: Tone) -> None:
        """A filled circle."""
        stream, bend = self._streams[-1], _KAPPA * radius
        stream.set_color_rgb(*COLOURS[tone])
        stream.move_to(*self._point(x + radius, y))
        for (ax, ay), (bx, by), (cx, cy) in (
            ((radius, bend), (bend, radius), (0, radius)),
            ((-bend, radius), (-radius, bend), (-radius, 0)),
            ((-radius, -bend), (-bend, -radius), (0, -radius)),
            ((bend, -radius), (radius, -bend), (radius, 0)),
        ):
            ends = (*self._point(x + ax, y + ay), *self._point(x + bx, y + by), *self._point(x + cx, y + cy))
            stream.curve_to(*ends)
        stream.fill()

    def picture(self, picture: Picture, x: float, y: float, width: float, height: float) -> None:
        """A picture in a rectangle."""
        name, _ = self._pictures.setdefault(picture.jpeg, (f"I{len(self._pictures)}", _embedded(picture)))
        stream = self._streams[-1]
        stream.push_state()
        stream.set_matrix(round(width, 2), 0, 0, round(height, 2), *self._point(x, y + height))
        stream.draw_x_object(name)
        stream.pop_state()

    def write_into(self, pdf: pydyf.PDF) -> None:
        """Put all pages into a document, with what they use."""
        for _, embedded in self._pictures.values():
            pdf.add_object(embedded)
        faces = {"F1": self.regular.embedded(pdf), "F2": self.bold.embedded(pdf)}
        resources = pydyf.Dictionary(
            {
                "Font": pydyf.Dictionary(faces),
                "XObject": pydyf.Dictionary({name: embedded.reference for name, embedded in self._pictures.values()}),
            }
        )
        pdf.add_object(resources)
        for stream in self._streams:
            pdf.add_object(stream)
            pdf.add_page(
                pydyf.Dictionary(
                    {
                        "Type": "/Page",
                        "Parent": pdf.pages.reference,
                        "MediaBox": pydyf.Array([0, 0, self.sheet.width, self.sheet.height]),
                        "Contents": stream.reference,
                        "Resources": resources.reference,
                    }
                )
            )

    def _point(self, x: float, y: float) -> tuple[float, float]:
        return round(x, 2), round(self.sheet.height - y, 2)


def _embedded(picture: Picture) -> pydyf.Stream:
    extra = {
        "Type": "/XObject",
        "Subtype": "/Image",
        "Width": picture.width_px,
        "Height": picture.height_px,
        "ColorSpace": "/DeviceRGB",
        "BitsPerComponent": 8,
        "Filter": "/DCTDecode",
        "Interpolate": "true",
    }
    return pydyf.Stream([picture.jpeg], extra)


def run(face: Face, text: str) -> Run:
    """Text as a face shows it."""
    return Run(face, face.shown(text))


def runs(*parts: tuple[Face, str]) -> Sequence[Run]:
    """Several of them."""
    return [run(face, text) for face, text in parts]
