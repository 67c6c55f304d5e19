"""What runs in a process that decodes. Importing this loads no decoder, so that one may be started early."""

from typing import Final

from dfd.sandbox.launcher import Launcher

_ENTRY: Final = "dfd.video.decoding:serve"

MOST_ANSWER_BYTES: Final = 256 * 1024
"""The longest is what a file says of itself: at most 64 tags and 16 audio tracks of bounded text (`dfd.media`)."""


def decoding_launcher() -> Launcher:
    """What starts processes that decode."""
    return Launcher(_ENTRY, MOST_ANSWER_BYTES)
