"""What the report of a case says of the file: what it is, and where it says that it comes from."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from dfd.casefile.blocks import Block, Facts, Heading, Paragraph, Table
from dfd.casefile.words import CREDENTIALS, SOURCES, action_words, bit_rate, size
from dfd.credentials import NOT_CHECKED, ContentCredentials
from dfd.media import AudioTrack, MediaFacts

Data = Mapping[str, Any]

_DATES: Final = ("date", "time")
_UNRECORDED: Final = "This report is of an earlier version, which did not record it."


def file_section(report: Data) -> Iterator[Block]:
    """Media facts."""
    yield Heading("The file")
    video = report["video"]
    recorded = report.get("media")
    media = None if recorded is None else MediaFacts.from_dict(recorded)
    rows = [] if media is None else [("size", size(media.size_bytes))]
    rows += [
        ("container", _joined(None if media is None else media.container_name, f"({video['container']})")),
        ("video codec", _codec(video["codec"], media)),
    ]
    if media is not None:
        rows += [("pixel format", media.pixel_format or "not told")]
    rows += [
        ("picture", f"{video['width_px']} x {video['height_px']} px" + _rotation(video["rotation_deg"])),
        ("frame rate", _told(video["frame_rate_hz"], "{:.3f} Hz")),
        ("frames", _told(video["frame_count"], "{}")),
        ("duration", f"{video['duration_s']:.3f} s"),
    ]
    if media is not None:
        rows += [
            ("bit rate", f"{bit_rate(media.bit_rate_bps)} in all, {bit_rate(media.video_bit_rate_bps)} video"),
            ("audio tracks", str(media.audio_tracks) if media.audio_tracks else "none"),
            *((f"audio {index}", _audio(track)) for index, track in enumerate(media.audio, 1)),
            ("other tracks", f"{media.video_tracks - 1} video, {media.other_tracks} other"),
            ("dates in the metadata", _dates(media)),
        ]
    yield Facts(rows)
    if media is None:
        yield Paragraph(_UNRECORDED, is_note=True)


def history_section(report: Data) -> Iterator[Block]:
    """Content credentials, and what cameras and editors left."""
    yield Heading("Provenance")
    yield Heading("Content credentials (C2PA)", 3)
    recorded = report.get("content_credentials")
    found = NOT_CHECKED if recorded is None else ContentCredentials.from_dict(recorded)
    yield Paragraph(CREDENTIALS[found.state])
    yield from _credentials(found)
    yield Heading("Camera and editing metadata", 3)
    if report.get("media") is None:
        yield Paragraph(_UNRECORDED)
        return
    media = MediaFacts.from_dict(report["media"])
    if not media.tags:
        yield Paragraph("The file holds none.")
        return
    rows = [[tag.where, tag.name, tag.value] for tag in media.tags]
    yield Table(("where", "name", "value"), rows, (1, 2.2, 3.4))
    if media.tags_left_out:
        yield Paragraph(f"{media.tags_left_out} more entries are left out.", is_note=True)
    yield Paragraph(
        "Anybody can write, change or remove these entries: they are what the file says, not what is known.",
        is_note=True,
    )


def _credentials(found: ContentCredentials) -> Iterator[Block]:
    rows = [
        (name, value)
        for name, value in (
            ("detail", found.detail),
            ("signed by", _joined(found.signer, f"({found.issuer})" if found.issuer else None)),
            ("signed at", _signed_at(found)),
            ("claimed by", found.generator),
            ("title", found.title),
            ("made from", f"{found.ingredients} other files" if found.ingredients else None),
            ("what does not hold", ", ".join(found.problems)),
        )
        if value
    ]
    if rows:
        yield Facts(rows)
    if found.actions:
        steps = [
            [action_words(one.action), _source(one.source_type), one.software or "", one.when or ""]
            for one in found.actions
        ]
        yield Table(("what was done", "source", "with", "when"), steps, (2.2, 2, 2, 2))


def _signed_at(found: ContentCredentials) -> str | None:
    if found.signed_at is None:
        return None
    return f"{found.signed_at} ({'by a time stamp' if found.time_stamped else 'as the signer says'})"


def _source(kind: str | None) -> str:
    return "" if kind is None else SOURCES.get(kind, kind)


def _codec(codec: str, media: MediaFacts | None) -> str:
    if media is None:
        return codec
    told = [f"profile {media.profile}"] if media.profile else []
    told += [f"tag {media.codec_tag}"] if media.codec_tag else []
    return ", ".join([codec, *told])


def _audio(track: AudioTrack) -> str:
    told = [
        _joined(track.codec, track.profile),
        f"{track.sample_rate_hz} Hz" if track.sample_rate_hz else None,
        f"{track.channels} channels"
        if track.channels and track.channels > 1
        else "1 channel"
        if track.channels
        else None,
        bit_rate(track.bit_rate_bps) if track.bit_rate_bps else None,
        f"language {track.language}" if track.language and track.language != "und" else None,
    ]
    return ", ".join(part for part in told if part)


def _dates(media: MediaFacts) -> str:
    """Each date once, with where it stands: files repeat theirs in every track."""
    found: dict[str, list[str]] = {}
    for tag in media.tags:
        name = tag.name.lower()
        if (
            any(word in name for word in _DATES)
            and any(char.isdigit() for char in tag.value)
            and "timecode" not in name
        ):
            found.setdefault(tag.value, []).append(f"{tag.where} {tag.name}")
    return "; ".join(f"{value} ({', '.join(places)})" for value, places in found.items()) or "none"


def _rotation(rotation_deg: int) -> str:
    return f", turned by {rotation_deg} degrees to stand upright" if rotation_deg else ""


def _told(value: object, form: str) -> str:
    return "not told" if value is None else form.format(value)


def _joined(*parts: str | None) -> str:
    return " ".join(part for part in parts if part)
