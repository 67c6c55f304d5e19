"""Secrets in the tracked files, by detect-secrets and by the form of our own API keys.

    python -m supply.secret_scan

What is found and is none stands in ``known_secrets.json`` with the reason, by its hash, so that nothing there is one
either. Samples in tests are not looked at word for word, for every test of access has some; keys and tokens of known
forms are found there too. Hex strings are hashes here, by the thousand, and are left out.

Exit codes: 0, nothing new; 1, something that is not known.
"""

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from detect_secrets.core import scan
from detect_secrets.settings import default_settings

ROOT: Final = Path(__file__).resolve().parents[1]
KNOWN: Final = Path(__file__).with_name("known_secrets.json")

LEFT_OUT: Final = ("Hex High Entropy String", "Base64 High Entropy String")
LEFT_OUT_IN_TESTS: Final = ("Secret Keyword", "Basic Auth Credentials")
_OUR_KEY: Final = re.compile(r"dfd_[0-9a-f]{12}_[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])")
_VARIABLE: Final = re.compile(r"%s|\$\w+|\$?\{\w+\}")
"""Stands in the place of a secret, in a script or a template."""

_BINARY: Final = (".onnx", ".mp4", ".gif", ".jpg", ".png", ".ipynb", ".pb", ".npz", ".tflite")


@dataclass(frozen=True, order=True, slots=True)
class Suspect:
    """Something that looks like a secret: where, what kind, and its SHA-256; the line is not part of what it is."""

    file: str
    kind: str
    sha256: str
    line: int = 0


def suspects_in(file: str, root: Path = ROOT) -> Iterator[Suspect]:
    """Everything in one file, by its path from the root."""
    path = root / file
    left_out = LEFT_OUT + (LEFT_OUT_IN_TESTS if file.startswith("tests/") else ())
    with default_settings():
        for found in scan.scan_file(str(path)):
            if found.type not in left_out and not _VARIABLE.fullmatch(found.secret_value or ""):
                yield Suspect(file, found.type, _hash(found.secret_value or ""), found.line_number)
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        for key in _OUR_KEY.findall(line):
            yield Suspect(file, "API key of DFD", _hash(key), number)


def tracked() -> list[str]:
    """The tracked text files."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607 - whichever git is at hand
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    names = (name for name in listed.stdout.split("\0") if name and not name.startswith("requirements/"))
    return [name for name in names if not name.endswith(_BINARY) and (ROOT / name).is_file()]


def unknown(files: Iterable[str], known: Collection[str]) -> list[Suspect]:
    """What is found in files and not known to be no secret."""
    return sorted({one for file in files for one in suspects_in(file) if one.sha256 not in known})


def known_ones() -> dict[str, str]:
    """Hashes of what is known to be no secret, and why."""
    return {entry["sha256"]: entry["why"] for entry in json.loads(KNOWN.read_text(encoding="utf-8"))}


def main() -> int:
    """Look through the tracked files; the exit code."""
    found = unknown(tracked(), known_ones())
    for one in found:
        sys.stdout.write(f"{one.file}:{one.line}: {one.kind} (sha256 {one.sha256})\n")
    sys.stdout.write(f"{len(found)} suspected secrets that are not known to be none\n")
    return 1 if found else 0


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
