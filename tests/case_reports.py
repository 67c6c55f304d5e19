"""A report of a case with something of everything in it, and reading PDF files by tools that are not ours."""

import shutil
import subprocess
from base64 import b64decode
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.fakes import make_face_score, make_media_facts, make_report, make_video_info
from tests.servers import not_installed

from dfd.casefile.blocks import Picture, Pictures
from dfd.casefile.content import KeyFrames
from dfd.credentials import ContentCredentials, CredentialAction, CredentialState
from dfd.reliability import ReliabilityBin
from dfd.report import Explanation, Method, RegionEvidence, WhatWasLikeIt
from dfd.reporting import report_to_dict
from dfd.types import Reason, TrackScore, Verdict

JPEG = b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6j"
    "q62rZ4C8ybqmx5moq6T/2wBDARweHigjKE4rK06kbl1upKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSk"
    "pKSkpKSkpKT/wAARCAAYABgDASIAAhEBAxEB/8QAFgABAQEAAAAAAAAAAAAAAAAAAAQF/8QAFxABAAMAAAAAAAAAAAAAAAAAAARC"
    "gf/EABYBAQEBAAAAAAAAAAAAAAAAAAUDBP/EABkRAAIDAQAAAAAAAAAAAAAAAAABBDNB8P/aAAwDAQACEQMRAD8AiURbYnURbY1S"
    "6X2ko9iKAAgoZ6iLbANy6X2hcexFAAQUP//Z"
)
"""24 x 24 px, one half orange and one half blue."""

EVIL = "<script>alert(1)</script>\"'&<!--]]>${x}"

METHOD = Method(
    architecture="EfficientNet",
    input_size_px=160,
    frames=2,
    calibration="temperature",
    inconclusive_margin=0.1,
    training_data="clips of a list",
    like_it=WhatWasLikeIt(ReliabilityBin(0.6, 0.7, 12, 15, 0.55, 0.4, 0.7), "held-out clips"),
)

CREDENTIALS = ContentCredentials(
    CredentialState.VALID,
    signer="Case Camera",
    issuer="Made-Up Newsroom",
    signed_at="2026-01-30T18:05:00+00:00",
    generator="Cutter 3.1",
    title="clip.mp4",
    ingredients=2,
    actions=(
        CredentialAction("c2pa.created", "Camera 1", "2026-01-30T18:02:11Z", "digitalCapture"),
        CredentialAction("c2pa.edited", "Cutter 3.1"),
    ),
)

KEY_FRAMES = KeyFrames(
    [
        Pictures(
            [Picture(JPEG, 24, 24, "Frame with a box around face 1"), Picture(JPEG, 24, 24, "Crop of face 1")],
            "Face 1 at 1.50 s: probability of fake 0.950",
        )
    ],
    "The frames that counted most.",
)


def full_report(**changes: Any) -> dict[str, Any]:
    """The JSON report of a clip with two faces, sound, dates, content credentials and evidence, with `changes`."""
    scores = [
        make_face_score(frame_index=index, pts_s=index * 0.5, fake_probability=probability)
        for index, probability in enumerate((0.2, 0.8, 0.9, 0.95, 0.3, 0.7))
    ]
    others = [
        make_face_score(track_id=1, frame_index=index, pts_s=index * 0.5, fake_probability=0.1) for index in (0, 1, 5)
    ]
    report = make_report(
        verdict=Verdict.INCONCLUSIVE,
        reasons=(Reason.NEAR_THRESHOLD, Reason.DECODE_INCOMPLETE),
        fake_probability=0.6417,
        threshold=0.6,
        operating_point="low_false_alarm",
        tracks=(TrackScore(0, 0.0, 2.5, 6, 0.6417, 120.0), TrackScore(1, 0.0, 2.5, 3, 0.1, 96.0)),
        face_scores=(*scores, *others),
        video=make_video_info(width_px=1280, height_px=720, rotation_deg=90),
        method=METHOD,
        media=make_media_facts(),
        credentials=CREDENTIALS,
        explanation=Explanation({0: (RegionEvidence("eyes", 1.25, 0.1), RegionEvidence("mouth", -0.5, 0.1))}),
    )
    return report_to_dict(replace(report, **changes))


def pdf_text(content: bytes, folder: Path, *options: str) -> str:
    """The text of a PDF file as poppler reads it."""
    if shutil.which("pdftotext") is None:
        not_installed("pdftotext (poppler-utils) is not installed")
    (folder / "read.pdf").write_bytes(content)
    command = ["pdftotext", *options, str(folder / "read.pdf"), "-"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert done.stderr == b""
    return done.stdout.decode("utf-8")
