"""What an opened file says of itself (`dfd.media.MediaFacts`): nothing is decoded or read for it."""

from collections.abc import Iterator
from itertools import islice

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Stream

from dfd.media import MOST_AUDIO_TRACKS, AudioTrack, MediaFacts, bounded_count, bounded_text, kept_tags
from dfd.video.exif import exif_tags
from dfd.video.reader import StreamReader


def facts_of(reader: StreamReader, pixel_format: str | None, picture: bytes | None) -> MediaFacts:
    """Of a freshly opened file.

    Args:
        reader: the file.
        pixel_format: of its first frame, by FFmpeg's name.
        picture: its bytes where it is a single picture, for their EXIF block.
    """
    container, stream = reader.container, reader.stream
    sounds = container.streams.audio
    tags, left_out = kept_tags(_tags(container, stream, picture))
    return MediaFacts(
        size_bytes=max(0, container.size),
        container_name=bounded_text(container.format.long_name),
        bit_rate_bps=bounded_count(container.bit_rate),
        video_bit_rate_bps=bounded_count(stream.codec_context.bit_rate),
        profile=_text(stream.profile),
        codec_tag=_text(stream.codec_context.codec_tag.rstrip("\0 ")),
        pixel_format=_text(pixel_format),
        video_tracks=len(container.streams.video),
        other_tracks=len(container.streams) - len(container.streams.video) - len(sounds),
        audio_tracks=len(sounds),
        audio=tuple(_audio(sound) for sound in islice(sounds, MOST_AUDIO_TRACKS)),
        tags=tags,
        tags_left_out=left_out,
    )


def _audio(stream: AudioStream) -> AudioTrack:
    context = stream.codec_context
    if context is None:  # there is no decoder for it
        return AudioTrack("unknown", language=_text(stream.language))
    return AudioTrack(
        codec=bounded_text(context.codec.canonical_name),
        profile=_text(context.profile),
        sample_rate_hz=bounded_count(context.sample_rate),
        channels=bounded_count(context.channels),
        bit_rate_bps=bounded_count(context.bit_rate),
        language=_text(stream.language),
    )


def _tags(container: InputContainer, main: Stream, picture: bytes | None) -> Iterator[tuple[str, str, str]]:
    """Where, name and value: first of the container and the main stream, the rest in the order of the file."""
    for name, value in container.metadata.items():
        yield "container", name, value
    for name, value in main.metadata.items():
        yield "video", name, value
    for number, sound in enumerate(islice(container.streams.audio, MOST_AUDIO_TRACKS), 1):
        for name, value in sound.metadata.items():
            yield f"audio {number}", name, value
    for name, value in exif_tags(picture) if picture is not None else ():
        yield "exif", name, value


def _text(text: str | None) -> str | None:
    return bounded_text(text) if text else None
