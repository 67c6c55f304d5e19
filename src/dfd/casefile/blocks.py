"""What a document is made of, whoever sets it. All text is plain: escaping is the setter's."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Tone(StrEnum):
    """What a colour means."""

    INK = "ink"
    SOFT = "soft"
    RULE = "rule"
    FAKE = "fake"
    REAL = "real"
    OPEN = "open"
    """Inconclusive."""
    FLAG = "flag"
    """Behind stretches that reach the threshold."""


@dataclass(frozen=True, slots=True)
class Banner:
    """The verdict, for whoever reads nothing else."""

    verdict: str
    tone: Tone
    line: str


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; level 2 for sections, 3 below."""

    text: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text; a note is set smaller and softer."""

    text: str
    is_note: bool = False


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list; each entry may begin with a few words in bold."""

    entries: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values."""

    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose head is repeated on every page.

    Attributes:
        head: of the columns.
        rows: of cells, as many as in `head`.
        widths: of the columns, in relation to each other.
        numbers: columns that stand to the right.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    widths: Sequence[float]
    numbers: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        if len(self.widths) != len(self.head) or any(len(row) != len(self.head) for row in self.rows):
            raise ValueError("the rows and widths of a table must have its columns")


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line, in pixels of its chart, y down."""

    x1: float
    y1: float
    x2: float
    y2: float
    tone: Tone
    is_dashed: bool = False


@dataclass(frozen=True, slots=True)
class Box:
    """A filled rectangle."""

    x: float
    y: float
    width: float
    height: float
    tone: Tone


@dataclass(frozen=True, slots=True)
class Dot:
    """A filled circle."""

    x: float
    y: float
    radius: float
    tone: Tone


@dataclass(frozen=True, slots=True)
class Label:
    """Text at a point of its base line; it ends there where `is_end`."""

    x: float
    y: float
    text: str
    is_end: bool = False


Shape = Line | Box | Dot | Label


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing.

    Attributes:
        width: in pixels.
        height: in pixels.
        shapes: from back to front.
        says: what it shows, for those who do not see it.
    """

    width: float
    height: float
    shapes: Sequence[Shape]
    says: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG picture with its caption.

    Attributes:
        jpeg: the file's bytes.
        width_px: of the picture.
        height_px: likewise.
        says: what it shows, for those who do not see it.
    """

    jpeg: bytes
    width_px: int
    height_px: int
    says: str


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures of one moment beside each other, at one height, above their caption."""

    pictures: Sequence[Picture]
    caption: str


Block = Banner | Heading | Paragraph | Bullets | Facts | Table | Chart | Pictures


@dataclass(frozen=True, slots=True)
class Document:
    """All of it.

    Attributes:
        title: of the whole.
        blocks: in their order.
        running: one line for the foot of every page.
        made_at: when the analysis was made, as ISO 8601 in UTC.
        producer: software and version.
    """

    title: str
    blocks: Sequence[Block]
    running: str
    made_at: str
    producer: str
