"""Errors of media: what was given cannot be analysed."""

from dfd.errors.base import DfdError


class InputError(DfdError):
    """The media given cannot be analysed."""

    code = "unreadable_media"


class MediaNotFound(InputError):
    """The path names nothing."""

    code = "media_not_found"


class NotAFile(InputError):
    """The path names something that is not a regular file."""

    code = "not_a_file"


class UnreadableVideo(InputError):
    """The bytes are no video that can be decoded: wrong kind of file, damaged or empty."""

    code = "unreadable_video"


class DecodeTimedOut(UnreadableVideo):
    """Decoding it takes longer than the limits allow."""

    code = "decode_timed_out"


class DecodeOutOfMemory(UnreadableVideo):
    """Decoding it takes more memory than the limits allow."""

    code = "decode_out_of_memory"


class NoVideoStream(InputError):
    """The container holds no picture, only sound or data."""

    code = "no_video_stream"


class UnsupportedCodec(InputError):
    """The video stream uses a codec this build has no decoder for."""

    code = "unsupported_codec"


class MediaTooLarge(InputError):
    """The video has more pixels a frame, or lasts longer, than the limits allow."""

    code = "media_too_large"


class UnreadableReport(InputError):
    """The file holds no report, or a damaged one."""

    code = "unreadable_report"


class UnreadableBackup(InputError):
    """The folder holds no backup, or a damaged one."""

    code = "unreadable_backup"
