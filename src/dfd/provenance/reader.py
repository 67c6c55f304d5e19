"""Reads content credentials without trusting the code that does it."""

import json
import logging
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO, Final

from dfd.credentials import ContentCredentials, CredentialState
from dfd.errors import Unavailable
from dfd.media import bounded_text
from dfd.provenance.marker import may_hold_credentials
from dfd.sandbox.launcher import Child, Launcher
from dfd.sandbox.layers import Limits
from dfd.sandbox.wire import Gone, Message, Nonsense, TooSlow

_LOG = logging.getLogger(__name__)

ENTRY: Final = "dfd.provenance.child:serve"
"""What runs in the child."""

NEEDS: Final = "reading content credentials needs pip install 'dfd[c2pa]'"

MOST_ANCHORS_CHARS: Final = 1 << 20
"""Less than any child takes; the official trust list has a tenth."""

_READ: Final = 16  # `dfd.provenance.child.Kind`, whose module loads the library
_FOUND: Final = 17

_LEAST_LIMIT_S: Final = 20.0
_BYTES_A_SECOND: Final = 20_000_000
"""Slower than any disk that keeps up with the analysis: the library hashes the whole file."""

_LONGEST_ANSWER: Final = 256 * 1024
_MEMORY_BYTES: Final = 1 << 30
_ADDRESS_BYTES: Final = 4 << 30
_OPEN_FILES: Final = 16


def library_version() -> str | None:
    """Version of the library, which is not loaded for that; None where it is not installed."""
    if find_spec("c2pa") is None:
        return None
    try:
        return version("c2pa-python")
    except PackageNotFoundError:
        return "of an unnamed version"


def no_library(path: Path) -> ContentCredentials:  # noqa: ARG001 - a `dfd.credentials.ReadCredentials`
    """The reader where the library is not installed: it does not say that there are none."""
    return ContentCredentials(CredentialState.NOT_CHECKED, NEEDS)


class CredentialReader:
    """A `dfd.credentials.ReadCredentials`. Safe to call from several threads; each look has a process of its own."""

    def __init__(self, anchors: str = "", least_limit_s: float = _LEAST_LIMIT_S, entry: str = ENTRY) -> None:
        """Remember whom to trust; what looks is started when it is first needed.

        Args:
            anchors: certificates of trusted authorities, in PEM; with none, nobody's signature is trusted.
            least_limit_s: time that a look may take, before any is added for the size of the file.
            entry: what runs in the process.
        """
        self._anchors = anchors.encode()
        self._least_limit_s = least_limit_s
        self._launcher = Launcher(entry, _LONGEST_ANSWER)

    def __call__(self, path: Path) -> ContentCredentials:
        """The content credentials of a file; whatever goes wrong is `CredentialState.UNREADABLE`."""
        try:
            with path.open("rb") as file:
                if not may_hold_credentials(file):
                    return ContentCredentials(CredentialState.ABSENT)
                return self._asked(file, self._least_limit_s + path.stat().st_size / _BYTES_A_SECOND)
        except OSError as error:
            return _unreadable(f"the file cannot be read: {error.strerror}")
        except Unavailable as error:
            _LOG.warning("content credentials cannot be read: %s", error)
            return _unreadable("no process can be started that reads them")

    def _asked(self, file: BinaryIO, limit_s: float) -> ContentCredentials:
        limits = Limits(_MEMORY_BYTES, _ADDRESS_BYTES, int(limit_s) + 1, _OPEN_FILES)
        with self._launcher.spawn(limits, [file.fileno()]) as child:
            try:
                child.channel.send(_READ, self._anchors, timeout_s=limit_s)
                return _told(child.channel.receive(limit_s))
            except TooSlow:
                return _unreadable(f"reading them took more than {limit_s:.0f} s")
            except Gone:
                return _broken_off(child, "it died")
            except Nonsense as nonsense:
                return _broken_off(child, str(nonsense))


def _told(message: Message) -> ContentCredentials:
    """What an answer says.

    Raises:
        Nonsense: it is none; whoever parsed the file may have been taken over by it.
    """
    if message.kind != _FOUND:
        raise Nonsense(f"message {message.kind}")
    try:
        return ContentCredentials.from_dict(json.loads(message.body))
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise Nonsense(f"what was found: {error}") from error


def _broken_off(child: Child, why: str) -> ContentCredentials:
    _LOG.warning("the process that read content credentials was ended: %s", bounded_text(why))
    child.distrust()
    return _unreadable("reading them broke off; the file is damaged, or made to do harm")


def _unreadable(why: str) -> ContentCredentials:
    return ContentCredentials(CredentialState.UNREADABLE, bounded_text(why))
