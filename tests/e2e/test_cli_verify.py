"""``dfd verify`` on what ``dfd predict`` wrote."""

import json
from pathlib import Path

import pytest
from tests.cli_process import Cli, lines
from tests.unit.test_signatures import KEY, OTHER, pem

pytestmark = pytest.mark.slow


def test_a_report_that_was_signed_here_is_verified_there(cli: Cli, tmp_path: Path) -> None:
    public, other, signed = (str(tmp_path / name) for name in ("public.json", "other.json", "report.json"))
    (tmp_path / "key.pem").write_bytes(pem(KEY.private))
    Path(public).write_text(json.dumps(KEY.public.jwk))
    Path(other).write_text(json.dumps(OTHER.public.jwk))
    done = cli.run("predict", "--json", "fake.avi", REPORT_SIGNING_KEY=str(tmp_path / "key.pem"))
    [report] = lines(done.stdout)
    assert report["signature"]["key_id"] == KEY.public.key_id
    assert report["provenance"]["settings"]["face_detector"] == "blazeface"
    assert len(report["provenance"]["sampled_pts_s"]) == report["coverage"]["sampled_frames"]
    Path(signed).write_text(done.stdout)
    done = cli.run("verify", signed, "--public-key", public, "--video", "fake.avi")
    assert done.returncode == 0
    assert "Proved: the key's holder reported this of this video" in done.stdout
    assert cli.run("verify", signed, "--public-key", public, "--video", "real.avi").returncode == 1
    assert cli.run("verify", signed, "--public-key", other).returncode == 1
    Path(signed).write_text(json.dumps(report | {"fake_probability": 0.5}))
    assert cli.run("verify", signed, "--public-key", public).returncode == 1
    Path(signed).write_text(json.dumps(report)[:200])
    done = cli.run("verify", signed, "--public-key", public)
    assert (done.returncode, done.stdout, "broken off" in done.stderr) == (3, "", True)
    assert cli.run("verify", signed, "--public-key", "fake.avi").returncode == 4


def test_a_key_that_is_none_is_told_before_the_work(cli: Cli) -> None:
    done = cli.run("predict", "--json", "fake.avi", REPORT_SIGNING_KEY="nowhere.pem")
    assert done.returncode == 4
    [told] = lines(done.stdout)
    assert told["error"]["code"] == "configuration"
