"""``dfd verify``: exit codes, and words that promise no more than is proved."""

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.api_client import client_of, make_services
from tests.fakes import make_report
from tests.unit.test_signatures import KEY, OTHER, pem

from dfd.bootstrap.signing import build_writer
from dfd.cli.exits import ExitCode, exit_code_of
from dfd.cli.verify import verify
from dfd.errors import ConfigurationError, MediaNotFound, UnreadableReport
from dfd.report import Report
from dfd.reporting import report_to_dict
from dfd.settings import load_settings

VIDEO = b"a video"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a video, keys, and its signed report."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REPORT_SIGNING_KEY", raising=False)
    (tmp_path / "clip.mp4").write_bytes(VIDEO)
    (tmp_path / "other.mp4").write_bytes(b"another video")
    (tmp_path / "key.pem").write_bytes(pem(KEY.private))
    (tmp_path / "key.json").write_text(json.dumps({"keys": [KEY.public.jwk]}))
    (tmp_path / "other.json").write_text(json.dumps(OTHER.public.jwk))
    write, _ = build_writer(load_settings(report_signing_key=tmp_path / "key.pem"))
    (tmp_path / "report.json").write_text(json.dumps(write(of_video()), indent=2))
    return tmp_path


def of_video() -> Report:
    return make_report(input_sha256=hashlib.sha256(VIDEO).hexdigest())


def said(
    capsys: pytest.CaptureFixture[str], report: Path, public_key: Path | None, video: Path | None
) -> tuple[ExitCode, str]:
    code = verify(report, public_key, video)
    return code, capsys.readouterr().out


def test_a_genuine_report_of_the_video_is_proved(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = said(capsys, folder / "report.json", folder / "key.json", folder / "clip.mp4")
    assert code is ExitCode.DONE
    assert "signature  genuine" in out and KEY.public.key_id in out
    assert "is the file that was analysed" in out
    assert "fake, probability 0.9, by deepfake/1, by dfd 1, at 2026-01-31T12:00:00.000Z" in out
    assert "Proved: the key's holder reported this of this video. Not proved: that the verdict is right" in out


def test_without_the_video_less_is_proved(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = said(capsys, folder / "report.json", folder / "key.json", None)
    assert code is ExitCode.DONE
    assert "name it with --video" in out


def test_another_video_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = said(capsys, folder / "report.json", folder / "key.json", folder / "other.mp4")
    assert code is ExitCode.MATCHED
    assert "WRONG" in out and "of another video" in out


def test_a_changed_report_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (folder / "report.json").read_text()
    (folder / "report.json").write_text(text.replace('"verdict": "fake"', '"verdict": "real"'))
    code, out = said(capsys, folder / "report.json", folder / "key.json", folder / "clip.mp4")
    assert code is ExitCode.MATCHED
    assert "changed after it was signed" in out and out.endswith("Nothing is proved.\n")


@pytest.mark.parametrize("key", ["other.json", None])
def test_an_unknown_key_is_told(folder: Path, capsys: pytest.CaptureFixture[str], key: str | None) -> None:
    code, out = said(capsys, folder / "report.json", None if key is None else folder / key, None)
    assert code is ExitCode.MATCHED
    assert "anybody can make a key" in out and "--public-key" in out and "Nothing is proved." in out


def test_the_own_key_is_trusted(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPORT_SIGNING_KEY", "key.pem")
    assert said(capsys, folder / "report.json", None, None)[0] is ExitCode.DONE


def test_an_unsigned_report_proves_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "report.json").write_text(json.dumps(report_to_dict(of_video())))
    code, out = said(capsys, folder / "report.json", folder / "key.json", folder / "clip.mp4")
    assert code is ExitCode.MATCHED
    assert "unsigned" in out and "Nothing is proved." in out


def test_what_cannot_be_read_is_an_error_of_its_kind(folder: Path) -> None:
    (folder / "short.json").write_text((folder / "report.json").read_text()[:300])
    (folder / "latin.json").write_bytes(b"\xff\xfe")
    for name in ("short.json", "latin.json", "nowhere.json"):
        with pytest.raises(UnreadableReport) as told:
            verify(folder / name, None, None)
        assert exit_code_of(told.value) is ExitCode.UNREADABLE_MEDIA
    with pytest.raises(MediaNotFound):
        verify(folder / "report.json", None, folder / "nowhere.mp4")
    with pytest.raises(ConfigurationError):
        verify(folder / "report.json", folder / "clip.mp4", None)


def test_a_report_cannot_steer_the_terminal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report: dict[str, Any] = report_to_dict(of_video())
    (folder / "report.json").write_text(json.dumps({**report, "verdict": "\x1b[2J", "model": None, "provenance": 7}))
    code, out = said(capsys, folder / "report.json", None, None)
    assert code is ExitCode.MATCHED
    assert "\x1b" not in out and "an unnamed model" in out


def test_without_a_key_reports_are_not_signed(folder: Path) -> None:
    write, keys = build_writer(load_settings())
    assert (write(of_video()), keys) == (report_to_dict(of_video()), ())


def test_what_is_not_installed_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dfd.signatures.keys", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'dfd\[sign\]'"):
        build_writer(load_settings(report_signing_key=folder / "key.pem"))


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("keys", [(), (KEY.public.jwk,)])
async def test_the_service_shows_its_keys_to_anyone(keys: tuple[dict[str, str], ...]) -> None:
    async with client_of(replace(make_services(bearer_token="b" * 16), signing_keys=keys)) as client:
        answer = await client.get("/v1/signing-keys")
    assert (answer.status_code, answer.json()) == (200, {"keys": list(keys)})
