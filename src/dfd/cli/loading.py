"""Getting a command under way soon: a clip of five seconds takes less time to analyse than Python to load what does."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from dfd.errors import ConfigurationError
from dfd.sandbox.launcher import Launcher
from dfd.settings import load_settings
from dfd.video.entry import decoding_launcher


@contextmanager
def quick_loading() -> Iterator[None]:
    """Import a command in this block, without looking for garbage: what modules make is there to stay."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def early_launcher() -> Launcher | None:
    """What starts processes that decode, getting ready on another processor while the command is loaded.

    Returns:
        None where media is decoded in this process, and where the settings do not hold, of which the command tells.
    """
    try:
        settings = load_settings()
    except ConfigurationError:
        return None
    if not settings.sandbox:
        return None
    launcher = decoding_launcher()
    launcher.warm_up()
    return launcher
