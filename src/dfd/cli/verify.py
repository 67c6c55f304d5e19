"""``dfd verify``: what a signed report proves, and what it does not."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dfd.background import sha256_of
from dfd.cli.exits import ExitCode, printable
from dfd.errors import ConfigurationError, MediaNotFound, NotAFile, UnreadableReport
from dfd.settings import load_settings

try:
    from dfd.signatures.keys import PublicKey, read_public_keys, read_signing_key
    from dfd.signatures.reports import Check, Standing, check_report, read_report
except ImportError as error:
    raise ConfigurationError("dfd verify needs pip install 'dfd[sign]'") from error

_SAYS = {
    Standing.GENUINE: "genuine: signed with the trusted key {key_id}, and not changed since",
    Standing.ALTERED: "WRONG: the report was changed after it was signed, or the signature is another report's",
    Standing.UNKNOWN_KEY: "not changed since it was signed, but by the key {key_id}, which is not known here; "
    "anybody can make a key: name the one you trust with --public-key",
    Standing.UNSIGNED: "none: the report is unsigned, and nothing tells whether it was changed",
}


def verify(report: Path, public_key: Path | None, video: Path | None) -> ExitCode:
    """Check a report, and say what is proved.

    Args:
        report: JSON file.
        public_key: the trusted keys, in PEM or as JSON Web Keys; None trusts the public half of
            ``REPORT_SIGNING_KEY``, where that is set.
        video: the file that the report should be of.

    Returns:
        `ExitCode.DONE` where the signature is genuine and the video, if named, is the one that was analysed; else
        `ExitCode.MATCHED`.

    Raises:
        UnreadableReport, MediaNotFound, NotAFile, UnreadableVideo: a file cannot be read.
        ConfigurationError: the key cannot be.
    """
    trusted = _trusted(public_key)
    found = read_report(_text_of(report))
    check = check_report(found, trusted)
    lines = [f"signature  {_SAYS[check.standing].format(key_id=check.key_id)}"]
    is_video = True
    if video is not None:
        is_video, line = _compare(video, found)
        lines.append(f"video      {line}")
    lines.append(f"report     {_summary(found)}")
    lines.append(_proved(check, video is not None, is_video))
    sys.stdout.write("".join(f"{printable(line)}\n" for line in lines))
    return ExitCode.DONE if check.standing is Standing.GENUINE and is_video else ExitCode.MATCHED


def _trusted(public_key: Path | None) -> Sequence[PublicKey]:
    if public_key is not None:
        return read_public_keys(public_key)
    own = load_settings().report_signing_key
    return [] if own is None else [read_signing_key(own).public]


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UnreadableReport(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UnreadableReport(f"{path} is no text in UTF-8, and so no report") from error


def _compare(video: Path, report: dict[str, Any]) -> tuple[bool, str]:
    if not video.exists():
        raise MediaNotFound(f"no such file: {video}")
    if not video.is_file():
        raise NotAFile(f"{video} is no file")
    with sha256_of(video) as digest:
        sha256 = digest.result()
    if sha256 == report.get("input_sha256"):
        return True, f"{video} is the file that was analysed (SHA-256 {sha256})"
    return False, f"WRONG: {video} is another file than was analysed (SHA-256 {sha256})"


def _summary(report: dict[str, Any]) -> str:
    model = report.get("model")
    name = f"{model.get('name')}/{model.get('version')}" if isinstance(model, dict) else "an unnamed model"
    provenance = report.get("provenance")
    software = provenance.get("dfd_version") if isinstance(provenance, dict) else None
    made = f"by dfd {software or 'of an unnamed version'}, at {report.get('created_at', 'an unknown time')}"
    return f"{report['verdict']}, probability {report.get('fake_probability')}, by {name}, {made}"


def _proved(check: Check, has_video: bool, is_video: bool) -> str:
    if check.standing is not Standing.GENUINE:
        return "Nothing is proved."
    if not is_video:
        return "Proved: the key's holder reported this, of another video."
    subject = "this video" if has_video else "a video with the report's input_sha256 (name it with --video to compare)"
    return (
        f"Proved: the key's holder reported this of {subject}. Not proved: that the verdict is right, "
        "or the time, for which there is only the holder's word."
    )
