"""Content credentials of files that were really signed: valid, trusted, tampered with, absent, elsewhere, damaged."""

import json
import socket
from pathlib import Path

import pytest
from tests.c2pa_files import CLAIM, Authority, make_authority
from tests.case_reports import pdf_text
from tests.cli_process import ROOT, Cli
from tests.synthetic_video import paint_number, write_picture, write_video

from dfd.credentials import CredentialAction, CredentialState
from dfd.provenance.reader import CredentialReader

pytestmark = pytest.mark.slow

CLIP = ROOT / "samples" / "fake_swap.mp4"


@pytest.fixture(scope="module")
def newsroom(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("newsroom"), "Made-Up Newsroom")


@pytest.fixture(scope="module")
def signed(newsroom: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return newsroom.sign(CLIP, tmp_path_factory.mktemp("signed") / "upload", "video/mp4")  # as a job keeps it


def test_a_file_without_any_has_none_and_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dfd.provenance.reader.Launcher.spawn", None)
    assert CredentialReader()(CLIP).state is CredentialState.ABSENT


def test_whole_credentials_of_an_unknown_signer_are_valid_and_not_trusted(signed: Path, tmp_path: Path) -> None:
    for anchors in ("", make_authority(tmp_path, "Somebody Else").certificate):
        found = CredentialReader(anchors)(signed)
        assert found.state is CredentialState.VALID
        assert (found.signer, found.issuer) == ("Case Camera", "Made-Up Newsroom")
        assert (found.generator, found.title) == ("Cutter 3.1", "clip.mp4")
        assert found.problems == ("signingCredential.untrusted",)
        assert found.actions == (
            CredentialAction("c2pa.created", "Camera 1", "2026-01-30T18:02:11Z", "digitalCapture"),
            CredentialAction("c2pa.edited"),
        )


def test_the_signer_of_a_known_authority_is_trusted(signed: Path, newsroom: Authority) -> None:
    found = CredentialReader(newsroom.certificate)(signed)
    assert (found.state, found.problems) == (CredentialState.TRUSTED, ())


def test_a_changed_picture_breaks_them_also_of_a_trusted_signer(
    signed: Path, newsroom: Authority, tmp_path: Path
) -> None:
    content = bytearray(signed.read_bytes())
    content[-2000] ^= 0xFF
    (tmp_path / "upload").write_bytes(content)
    found = CredentialReader(newsroom.certificate)(tmp_path / "upload")
    assert found.state is CredentialState.INVALID
    assert "assertion.bmffHash.mismatch" in found.problems


def test_a_changed_history_breaks_them(signed: Path, newsroom: Authority, tmp_path: Path) -> None:
    content = signed.read_bytes()
    assert content.count(b"Camera 1") == 1
    (tmp_path / "upload").write_bytes(content.replace(b"Camera 1", b"Camera 2"))
    found = CredentialReader(newsroom.certificate)(tmp_path / "upload")
    assert found.state is CredentialState.INVALID
    assert "assertion.hashedURI.mismatch" in found.problems


@pytest.mark.parametrize("cut_at", [0.02, 0.5, 0.99])
def test_a_file_that_was_cut_off_is_never_taken_for_whole(signed: Path, tmp_path: Path, cut_at: float) -> None:
    content = signed.read_bytes()
    (tmp_path / "upload").write_bytes(content[: int(len(content) * cut_at)])
    found = CredentialReader()(tmp_path / "upload")
    assert found.state in (CredentialState.INVALID, CredentialState.UNREADABLE)


@pytest.mark.parametrize(("codec", "media_type"), [("png", "image/png"), ("mjpeg", "image/jpeg")])
def test_pictures_have_them_too(newsroom: Authority, tmp_path: Path, codec: str, media_type: str) -> None:
    pixel_format = "rgb24" if codec == "png" else "yuvj420p"
    plain = write_picture(tmp_path / f"plain.{media_type[6:]}", paint_number(1, (64, 48)), codec, pixel_format)
    found = CredentialReader(newsroom.certificate)(newsroom.sign(plain, tmp_path / "upload", media_type))
    assert (found.state, found.generator) == (CredentialState.TRUSTED, "Cutter 3.1")


def test_what_a_file_was_made_from_is_counted(newsroom: Authority, signed: Path, tmp_path: Path) -> None:
    claim = {**CLAIM, "ingredients": [{"title": "one.mp4", "relationship": "componentOf"}, {"title": "two.mp4"}]}
    found = CredentialReader()(newsroom.sign(CLIP, tmp_path / "upload", "video/mp4", claim))
    assert (found.state, found.ingredients) == (CredentialState.VALID, 2)


def test_credentials_that_lie_elsewhere_are_not_fetched(newsroom: Authority, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/manifest.c2pa"
        found = CredentialReader()(newsroom.sign_elsewhere(CLIP, tmp_path / "upload", "video/mp4", address))
        assert (found.state, found.detail) == (CredentialState.REMOTE, address)
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):  # nobody came
            listener.accept()


def test_a_kind_that_the_library_does_not_read_is_told(signed: Path, tmp_path: Path) -> None:
    inside = write_video(tmp_path / "clip.mkv", frames=4).read_bytes() + signed.read_bytes()
    (tmp_path / "upload").write_bytes(inside)
    found = CredentialReader()(tmp_path / "upload")
    assert found.state is CredentialState.UNREADABLE
    assert "kind of file" in str(found.detail)


def test_names_that_strangers_choose_are_bounded(tmp_path: Path) -> None:
    claim = {**CLAIM, "title": "<script>\n" + "x" * 5000, "claim_generator_info": [{"name": "y" * 5000}]}
    organisation = make_authority(tmp_path / "ca", "<b>Evil", "Nobody\u202e")
    found = CredentialReader()(organisation.sign(CLIP, tmp_path / "upload", "video/mp4", claim))
    assert found.issuer == "<b>Evil"
    assert len(str(found.title)) == len(str(found.generator)) == 200
    assert str(found.title).startswith("<script>\ufffdxxx")


def test_the_report_of_a_case_says_who_vouches_for_the_file(signed: Path, newsroom: Authority, tmp_path: Path) -> None:
    (tmp_path / "trusted.pem").write_text(newsroom.certificate, encoding="utf-8")
    (tmp_path / "clip.mp4").write_bytes(signed.read_bytes())
    cli = Cli(tmp_path, MODELS_DIR=str(ROOT / "models"), C2PA_TRUST_ANCHORS="trusted.pem")
    done = cli.run("predict", "clip.mp4", "--report", "r.pdf", "--report", "r.json", "--report", "r.html")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads((tmp_path / "r.json").read_text())
    assert told["content_credentials"]["state"] == "trusted"
    assert len(told["provenance"]["settings"]["c2pa_trust_anchors_sha256"]) == 64
    text = " ".join(pdf_text((tmp_path / "r.pdf").read_bytes(), tmp_path, "-layout").split())
    for words in ("Present, whole and trusted", "Case Camera (Made-Up Newsroom)", "captured by a camera"):
        assert words in text
        assert words in (tmp_path / "r.html").read_text()


def test_authorities_that_cannot_be_read_are_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("no certificate")
    for name in ("none.pem", "absent.pem"):
        cli = Cli(tmp_path, MODELS_DIR=str(ROOT / "models"), C2PA_TRUST_ANCHORS=name)
        done = cli.run("predict", str(CLIP))
        assert done.returncode == 4
        assert "C2PA_TRUST_ANCHORS" in done.stderr
