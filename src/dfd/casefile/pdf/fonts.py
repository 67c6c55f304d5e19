"""The fonts of PDF reports: what they can show, how wide it is, and the objects that embed them.

Only tables that setting needs are read (OpenType 1.9: cmap format 4, hmtx, head, hhea). The files are our own, so what
does not hold in them is a bug and not an error of the user's.
"""

import struct
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from importlib.resources import files
from typing import Final

import pydyf

_UNITS: Final = 1000  # of a PDF file's glyph space, to one em
_MOST_IN_CMAP: Final = 100


class Face:
    """A TrueType font, and which of its glyphs were used. For one document."""

    def __init__(self, name: str, tag: str) -> None:
        """Read ``fonts/<name>.ttf``; `tag` is the six letters that PDF puts before the name of a subset."""
        self.name = name
        self._base_font = f"/{tag}+{name}"
        self._data = files("dfd.casefile.pdf").joinpath("fonts", f"{name}.ttf").read_bytes()
        self._tables = dict(_tables(self._data))
        self._used: dict[int, str] = {}
        head = self._table("head")
        self._units_per_em: int = struct.unpack_from(">H", head, 18)[0]
        self._bounds: tuple[int, ...] = struct.unpack_from(">4h", head, 36)
        hhea = self._table("hhea")
        self._ascent, self._descent = (self._scaled(value) for value in struct.unpack_from(">2h", hhea, 4))
        self._metrics: int = struct.unpack_from(">H", hhea, 34)[0]

    def shown(self, text: str) -> str:
        """The text with what this font has no picture of as its number in brackets, so that it is seen to be there."""
        return "".join(
            char if ord(char) in self._glyphs else f"[U+{ord(char):04X}]" for char in unicodedata.normalize("NFC", text)
        )

    def width(self, text: str, size: float) -> float:
        """Of a `shown` text, in points."""
        return sum(self._advance(self._glyphs[ord(char)]) for char in text) * size / _UNITS

    def encoded(self, text: str) -> bytes:
        """A `shown` text as a PDF string of glyph numbers."""
        numbers = []
        for char in text:
            glyph = self._glyphs[ord(char)]
            self._used[glyph] = char
            numbers.append(f"{glyph:04X}")
        return f"<{''.join(numbers)}>".encode()

    def embedded(self, pdf: pydyf.PDF) -> bytes:
        """Write the font into a document, once everything is set; returns the reference to it."""
        program = pydyf.Stream([self._data], {"Length1": len(self._data)}, compress=True)
        to_unicode = pydyf.Stream([self._to_unicode()], compress=True)
        for part in (program, to_unicode):
            pdf.add_object(part)
        descriptor = pydyf.Dictionary(
            {
                "Type": "/FontDescriptor",
                "FontName": self._base_font,
                "Flags": 32,  # nothing special: letters of Latin and more
                "FontBBox": pydyf.Array([self._scaled(edge) for edge in self._bounds]),
                "ItalicAngle": 0,
                "Ascent": self._ascent,
                "Descent": self._descent,
                "CapHeight": self._ascent,
                "StemV": 80,
                "FontFile2": program.reference,
            }
        )
        pdf.add_object(descriptor)
        descendant = pydyf.Dictionary(
            {
                "Type": "/Font",
                "Subtype": "/CIDFontType2",
                "BaseFont": self._base_font,
                "CIDSystemInfo": pydyf.Dictionary(
                    {"Registry": pydyf.String("Adobe"), "Ordering": pydyf.String("Identity"), "Supplement": 0}
                ),
                "FontDescriptor": descriptor.reference,
                "CIDToGIDMap": "/Identity",
                "W": pydyf.Array(self._widths()),
            }
        )
        pdf.add_object(descendant)
        font = pydyf.Dictionary(
            {
                "Type": "/Font",
                "Subtype": "/Type0",
                "BaseFont": self._base_font,
                "Encoding": "/Identity-H",
                "DescendantFonts": pydyf.Array([descendant.reference]),
                "ToUnicode": to_unicode.reference,
            }
        )
        pdf.add_object(font)
        reference: bytes = font.reference
        return reference

    @cached_property
    def _glyphs(self) -> dict[int, int]:
        """Glyph by code point."""
        cmap = self._table("cmap")
        (count,) = struct.unpack_from(">H", cmap, 2)
        for index in range(count):
            platform, encoding, offset = struct.unpack_from(">HHI", cmap, 4 + 8 * index)
            if (platform, encoding) in ((3, 1), (0, 3)) and struct.unpack_from(">H", cmap, offset)[0] == 4:
                return dict(_format_4(cmap[offset:]))
        raise ValueError(f"{self.name} has no map of Unicode characters")

    @cache  # noqa: B019 - a face lives for one document
    def _advance(self, glyph: int) -> int:
        place = 4 * min(glyph, self._metrics - 1)
        return self._scaled(struct.unpack_from(">H", self._table("hmtx"), place)[0])

    def _widths(self) -> Iterator[object]:
        for glyph in sorted(self._used):
            yield glyph
            yield pydyf.Array([self._advance(glyph)])

    def _to_unicode(self) -> bytes:
        """The map by which readers copy and search text (Adobe technical note 5411)."""
        pairs = sorted(self._used.items())
        blocks = []
        for start in range(0, len(pairs), _MOST_IN_CMAP):
            block = pairs[start : start + _MOST_IN_CMAP]
            lines = [f"<{glyph:04X}> <{char.encode('utf-16-be').hex().upper()}>" for glyph, char in block]
            blocks.append("\n".join([f"{len(block)} beginbfchar", *lines, "endbfchar"]))
        return "\n".join([_CMAP_HEAD, *blocks, _CMAP_FOOT]).encode()

    def _table(self, name: str) -> bytes:
        offset, length = self._tables[name]
        return self._data[offset : offset + length]

    def _scaled(self, units: int) -> int:
        return round(units * _UNITS / self._units_per_em)


_CMAP_HEAD: Final = """\
/CIDInit /ProcSet findresource begin
12 dict begin
begincmap
/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def
/CMapName /Adobe-Identity-UCS def
/CMapType 2 def
1 begincodespacerange
<0000> <FFFF>
endcodespacerange"""

_CMAP_FOOT: Final = """\
endcmap
CMapName currentdict /CMap defineresource pop
end
end"""


def _tables(data: bytes) -> Iterator[tuple[str, tuple[int, int]]]:
    (count,) = struct.unpack_from(">H", data, 4)
    for index in range(count):
        name, _, offset, length = struct.unpack_from(">4sIII", data, 12 + 16 * index)
        yield name.decode("ascii"), (offset, length)


def _format_4(table: bytes) -> Iterator[tuple[int, int]]:
    """Code points and glyphs of a cmap subtable in segments."""
    count = struct.unpack_from(">H", table, 6)[0] // 2

    def numbers(at: int, kind: str) -> Sequence[int]:
        return struct.unpack_from(f">{count}{kind}", table, at)

    ends, starts = numbers(14, "H"), numbers(16 + 2 * count, "H")
    deltas, offsets = numbers(16 + 4 * count, "h"), numbers(16 + 6 * count, "H")
    for segment in range(count):
        for code in range(starts[segment], min(ends[segment], 0xFFFE) + 1):
            glyph = code
            if offsets[segment]:
                place = 16 + 6 * count + 2 * segment + offsets[segment] + 2 * (code - starts[segment])
                glyph = struct.unpack_from(">H", table, place)[0]
                if not glyph:
                    continue
            glyph = (glyph + deltas[segment]) & 0xFFFF
            if glyph:
                yield code, glyph
