"""What opens media, from settings: in processes of their own, unless that is switched off."""

import logging

from dfd.bootstrap.tuning import tuning_of
from dfd.errors import ConfigurationError, Unavailable
from dfd.ports import VideoOpener
from dfd.sandbox.launcher import Confinement, Launcher
from dfd.sandbox.layers import in_words
from dfd.settings import Settings
from dfd.video.limits import MediaLimits
from dfd.video.pyav import PyAvOpener
from dfd.video.sandboxed import DecodingLimits, SandboxedOpener

_LOG = logging.getLogger(__name__)


def build_opener(settings: Settings, launcher: Launcher | None = None) -> VideoOpener:
    """The video opener, with the limits of the settings.

    Args:
        settings: say what is refused, and whether media is decoded in processes of its own.
        launcher: of those, perhaps started already (`dfd.video.entry`); None makes one.
    """
    limits = MediaLimits(max_pixels=settings.max_pixels, max_duration_s=settings.max_duration_s)
    threads = tuning_of(settings).decoder_threads
    if not settings.sandbox:
        return PyAvOpener(limits, working_side_px=settings.working_side_px, threads=threads)
    memory_bytes = None if settings.decode_memory_mb is None else settings.decode_memory_mb << 20
    decoding = DecodingLimits(settings.decode_timeout_s, memory_bytes)
    opener = SandboxedOpener(limits, settings.working_side_px, threads, decoding, launcher)
    opener.warm_up()
    return opener


def confinement(settings: Settings) -> Confinement | None:
    """What holds the processes that decode; None where there are none.

    Raises:
        ConfigurationError: none can be started.
    """
    opener = build_opener(settings)
    return _examined(opener) if isinstance(opener, SandboxedOpener) else None


def tell_confinement(opener: VideoOpener) -> None:
    """Write to the log what holds the processes that decode, and what this system lacks for it.

    Raises:
        ConfigurationError: none can be started.
    """
    if isinstance(opener, PyAvOpener):
        _LOG.warning("media is decoded in this process, not in one without rights: SANDBOX is off")
    if not isinstance(opener, SandboxedOpener):
        return
    found = _examined(opener)
    if found.missing:
        _LOG.warning("media is decoded in processes held by %s; missing here: %s", found, in_words(found.missing))
    else:
        _LOG.info("media is decoded in processes held by %s", found)


def _examined(opener: SandboxedOpener) -> Confinement:
    try:
        return opener.examine()
    except Unavailable as error:
        raise ConfigurationError(f"{error}; SANDBOX=false decodes media in this process, which is not safe") from error
