"""What a media file says of itself: the tracks in it, and the tags that cameras and editors leave.

Strangers chose every word of it. So all of it is text and whole numbers of bounded length and count, which may cross
any protocol, and `bounded_text` is the only way in.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

MOST_TAGS: Final = 64
MOST_AUDIO_TRACKS: Final = 16
LONGEST_TEXT: Final = 200
"""Characters kept of a word, of a tag's name or of its value."""

_LARGEST_EXACT: Final = 2**53 - 1
_ELLIPSIS: Final = "\N{HORIZONTAL ELLIPSIS}"
_PLACES: Final = ("gps", "location", "iso6709", "xyz")

PLACE_WITHHELD: Final = "present, not repeated here"
"""Stands for where something was filmed: a report goes to more hands than the file."""


def bounded_text(text: str) -> str:
    """`text` on one line of at most `LONGEST_TEXT` characters, fit for UTF-8; what cannot be shown is replaced."""
    cut = text[: LONGEST_TEXT + 1]
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in cut)
    return shown if len(shown) <= LONGEST_TEXT else shown[: LONGEST_TEXT - 1] + _ELLIPSIS


def check_bounded(texts: Iterable[object]) -> None:
    """Refuse what did not come from `bounded_text`.

    Raises:
        ValueError: one is no text, or not bounded.
    """
    if not all(isinstance(text, str) and text == bounded_text(text) for text in texts):
        raise ValueError("the words of strangers must be bounded (dfd.media.bounded_text)")


def bounded_count(count: int | None) -> int | None:
    """A number that a file claims; None where it is no positive one that every reader of JSON can hold."""
    return count if count is not None and 0 < count <= _LARGEST_EXACT else None


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """One track of sound; None for what is not told.

    Attributes:
        codec: FFmpeg's name, for example ``aac``.
        profile: of the codec.
        sample_rate_hz: samples a second.
        channels: their number.
        bit_rate_bps: bits a second, as the file says.
        language: as the file says.
    """

    codec: str
    profile: str | None = None
    sample_rate_hz: int | None = None
    channels: int | None = None
    bit_rate_bps: int | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Tag:
    """One entry of the file's metadata.

    Attributes:
        where: ``container``, ``video``, ``audio 1`` and so on, or ``exif``.
        name: as the file spells it.
        value: likewise; `PLACE_WITHHELD` where it tells a place.
    """

    where: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """What a file says of itself beside `dfd.types.VideoInfo`; None for what is not told.

    Attributes:
        size_bytes: of the file.
        container_name: FFmpeg's words for the container format.
        bit_rate_bps: bits a second of the whole file, as the container or its size and duration tell.
        video_bit_rate_bps: of the main video stream, as the file says.
        profile: of the main video stream's codec, for example ``High``.
        codec_tag: four characters by which the container names the codec.
        pixel_format: FFmpeg's name, for example ``yuv420p``.
        video_tracks: number of video streams, cover pictures among them.
        other_tracks: number of streams that are neither video nor sound.
        audio_tracks: number of streams of sound.
        audio: the first `MOST_AUDIO_TRACKS` of them.
        tags: the first `MOST_TAGS` entries of the metadata.
        tags_left_out: how many more there are.
    """

    size_bytes: int
    container_name: str
    bit_rate_bps: int | None = None
    video_bit_rate_bps: int | None = None
    profile: str | None = None
    codec_tag: str | None = None
    pixel_format: str | None = None
    video_tracks: int = 1
    other_tracks: int = 0
    audio_tracks: int = 0
    audio: tuple[AudioTrack, ...] = ()
    tags: tuple[Tag, ...] = ()
    tags_left_out: int = 0

    def __post_init__(self) -> None:
        if len(self.audio) > MOST_AUDIO_TRACKS or len(self.tags) > MOST_TAGS:
            raise ValueError(f"at most {MOST_AUDIO_TRACKS} audio tracks and {MOST_TAGS} tags are kept")
        counts = [self.size_bytes, self.video_tracks, self.other_tracks, self.audio_tracks, self.tags_left_out]
        told = [self.bit_rate_bps, self.video_bit_rate_bps]
        told += [count for track in self.audio for count in (track.sample_rate_hz, track.channels, track.bit_rate_bps)]
        if not all(map(_is_count, [*counts, *(count for count in told if count is not None)])):
            raise ValueError("the numbers of a media file must be counts (dfd.media.bounded_count)")
        words = [self.container_name, *(track.codec for track in self.audio)]
        words += [text for tag in self.tags for text in (tag.where, tag.name, tag.value)]
        told_words = [self.profile, self.codec_tag, self.pixel_format]
        told_words += [text for track in self.audio for text in (track.profile, track.language)]
        check_bounded([*words, *(text for text in told_words if text is not None)])

    def to_dict(self) -> dict[str, Any]:
        """The JSON form; `from_dict` reads it back to an equal value."""
        data = asdict(self)
        return {**data, "audio": list(data["audio"]), "tags": list(data["tags"])}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build from the parsed JSON.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        fields = dict(data)
        audio, tags = fields.pop("audio"), fields.pop("tags")
        return cls(audio=tuple(AudioTrack(**one) for one in audio), tags=tuple(Tag(**one) for one in tags), **fields)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST_EXACT


def kept_tags(found: Iterable[tuple[str, str, str]]) -> tuple[tuple[Tag, ...], int]:
    """The tags that are kept of those found (where, name, value), each once, and how many are left out."""
    tags: dict[Tag, None] = {}
    for where, name, value in found:
        tells_place = any(word in name.lower() for word in _PLACES)
        shown = PLACE_WITHHELD if tells_place else bounded_text(value)
        tags[Tag(bounded_text(where), bounded_text(name), shown)] = None
    return tuple(tags)[:MOST_TAGS], max(0, len(tags) - MOST_TAGS)
