"""Reads content credentials without trusting the code that does it."""

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO, Final

from dfd.credentials import ContentCredentials, CredentialState
from dfd.media import bounded_text
from dfd.provenance.marker import may_hold_credentials

NEEDS: Final = "reading content credentials needs pip install 'dfd[c2pa]'"

_LEAST_LIMIT_S: Final = 20
_BYTES_A_SECOND: Final = 20_000_000
"""Slower than any disk that keeps up with the analysis: the library hashes the whole file."""

_LONGEST_ANSWER: Final = 256 * 1024
_BOOT: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from dfd.provenance.child import main; main(sys.argv[2:])"
)


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
    """A `dfd.credentials.ReadCredentials`. Safe to call from several threads; each call has a process of its own."""

    def __init__(
        self, anchors: str = "", least_limit_s: float = _LEAST_LIMIT_S, boot: Sequence[str] = ("-I", "-c", _BOOT)
    ) -> None:
        """Remember whom to trust.

        Args:
            anchors: certificates of trusted authorities, in PEM; with none, nobody's signature is trusted.
            least_limit_s: time that a look may take, before any is added for the size of the file.
            boot: arguments of the interpreter that make it the process.
        """
        self._anchors = anchors
        self._least_limit_s = least_limit_s
        self._boot = tuple(boot)

    def __call__(self, path: Path) -> ContentCredentials:
        """The content credentials of a file; whatever goes wrong is `CredentialState.UNREADABLE`."""
        try:
            with path.open("rb") as file:
                if not may_hold_credentials(file):
                    return ContentCredentials(CredentialState.ABSENT)
                file.seek(0)
                limit_s = self._least_limit_s + path.stat().st_size / _BYTES_A_SECOND
                return self._asked(file, limit_s)
        except OSError as error:
            return _unreadable(f"the file cannot be read: {error.strerror}")

    def _asked(self, file: BinaryIO, limit_s: float) -> ContentCredentials:
        with tempfile.TemporaryFile() as anchors:
            anchors.write(self._anchors.encode())
            anchors.seek(0)
            answer, in_time = self._answer(file, anchors, limit_s)
        if not in_time:
            return _unreadable(f"reading them took more than {limit_s:.0f} s")
        if len(answer) > _LONGEST_ANSWER:
            return _unreadable("the answer is too long")
        try:
            return ContentCredentials.from_dict(json.loads(answer))
        except (KeyError, TypeError, ValueError, RecursionError):  # it died, or what it parsed took it over
            return _unreadable("the library broke off")

    def _answer(self, file: BinaryIO, anchors: BinaryIO, limit_s: float) -> tuple[bytes, bool]:
        """What the process says, at most a byte more than it may, and whether it came to its end in time."""
        path = json.dumps([entry for entry in sys.path if entry])
        seconds = str(max(1, round(limit_s)))
        process = subprocess.Popen(  # noqa: S603 - our own interpreter, and no word of a stranger's
            [sys.executable, *self._boot, path, seconds, str(anchors.fileno())],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=(anchors.fileno(),),
            env={},
            cwd="/",
            start_new_session=True,
        )
        late = threading.Event()

        def end() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(limit_s, end)
        timer.start()
        with process:
            try:
                answer = b"" if process.stdout is None else process.stdout.read(_LONGEST_ANSWER + 1)
            finally:
                timer.cancel()
                process.kill()  # a process that has ended does not mind
        return answer, not late.is_set()


def _unreadable(why: str) -> ContentCredentials:
    return ContentCredentials(CredentialState.UNREADABLE, bounded_text(why))
