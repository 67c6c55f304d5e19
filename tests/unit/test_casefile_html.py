"""The report of a case as a page: all of it there, everything escaped, nothing run and nothing loaded."""

import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.case_reports import EVIL, KEY_FRAMES, full_report
from tests.fakes import make_face_score, make_media_facts, make_report

from dfd.casefile.content import MOST_COURSES, MOST_ROWS, KeyFrames, document_of
from dfd.casefile.courses import Segment, clock, course, segments_of
from dfd.casefile.html import POLICY, to_html
from dfd.casefile.words import ACTIONS, CREDENTIALS, REASONS, VERDICT_TONES, VERDICTS, size
from dfd.credentials import ContentCredentials, CredentialState
from dfd.media import Tag
from dfd.reporting import report_to_dict
from dfd.types import Reason, TrackScore, Verdict

GOLDEN = Path(__file__).parents[1] / "golden" / "case_report.html"
VOID = {"meta", "col", "img", "circle", "rect", "line"}
NONE = KeyFrames((), "None.")


class Tags(HTMLParser):
    """The tags of a page, which must be closed in their order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.text += data


def page_of(report: dict[str, Any], name: str = "clip.mp4", key_frames: KeyFrames = KEY_FRAMES) -> str:
    return to_html(document_of(report, [("file", name)], key_frames))


def text_of(report: dict[str, Any], name: str = "clip.mp4") -> str:
    return Tags(page_of(report, name)).text


def test_the_page_is_the_one_that_was_looked_at() -> None:
    page = page_of(full_report())
    if os.environ.get("DFD_UPDATE_GOLDEN"):
        GOLDEN.write_text(page, encoding="utf-8")
    assert page == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "words",
    [
        "Verdict: inconclusive",
        "is fake: 0.642. A video is called fake from 0.600 (operating point low false alarm); nothing is decided "
        "between 0.500 and 0.700",
        "Of 100 videos scored like this (from 0.60 to 0.70), about 55 were fake in our tests (95 % interval 40 to 70). "
        "That rests on 12 real and 15 fake videos",
        "Near threshold. The probability is so near the threshold",
        "QuickTime / MOV (mov,mp4,m4a,3gp,3g2,mj2)",
        "h264, profile High, tag avc1",
        "yuv420p",
        "1280 x 720 px, turned by 90 degrees",
        "30.000 Hz",
        "3.000 s",
        "aac LC, 48000 Hz, 2 channels",
        "2026-01-30T18:02:11.000000Z (container creation_time)",
        "Present and whole: they belong to this file as it is. Who signed them is not known here",
        "Case Camera (Made-Up Newsroom)",
        "created (c2pa.created)captured by a cameraCamera 1",
        "com.apple.quicktime.makeApple",
        "It sees what changes from one frame to the next",
        "eyesmouth",
        "1+1.25-0.50",
        "c0" * 32,
        "5e" * 32,
        "schema of the JSON report1.4",
        "The JSON report is not signed",
        "Face 1 at 1.50 s: probability of fake 0.950",
    ],
)
def test_the_page_says_what_the_report_says(words: str) -> None:
    assert words in text_of(full_report()).replace("\n", "")


def test_nothing_is_run_and_nothing_is_loaded() -> None:
    page = page_of(full_report())
    assert not re.search(r"<script|javascript:|https?:|url\(|@import|\shref=|\son\w+=|<iframe|<object|<link", page)
    sources = [attributes["src"] for tag, attributes in Tags(page).seen if tag == "img"]
    assert sources
    assert all(str(source).startswith("data:image/jpeg;base64,") for source in sources)
    [policy] = [
        attributes["content"]
        for tag, attributes in Tags(page).seen
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert str(policy).startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:")
    assert POLICY.startswith(str(policy))


def test_a_report_of_nothing_is_a_page_too() -> None:
    nothing = make_report(
        verdict=Verdict.INCONCLUSIVE, reasons=(Reason.NO_FACE,), fake_probability=None, tracks=(), face_scores=()
    )
    text = Tags(page_of(report_to_dict(nothing), key_frames=NONE)).text
    assert "Verdict: inconclusive" in text
    assert "No face was found" in text
    assert "nothing was scored" in text


def test_reports_of_earlier_schemas_say_what_they_lack() -> None:
    old = full_report()
    for name in ("media", "method", "content_credentials", "explanation"):
        del old[name]
    text = text_of(old)
    assert "This report is of an earlier version, which did not record it." in text
    assert "Not checked" in text
    assert "How often videos with such a probability were fake in our tests is not recorded" in text
    first = {name: old[name] for name in set(old) - {"provenance", "created_at"}}
    assert "at an unrecorded time" in text_of(first)


def test_a_signed_report_says_how_to_check_it() -> None:
    signature = {
        "algorithm": "Ed25519",
        "canonicalization": "RFC8785",
        "key_id": "k" * 43,
        "public_key": "p",
        "value": "v",
    }
    text = text_of({**full_report(), "signature": signature})
    assert "dfd verify report.json --public-key KEY --video FILE" in text
    assert "k" * 43 in text
    assert "is not signed" not in text


@pytest.mark.parametrize("state", list(CredentialState))
def test_only_absent_credentials_are_called_none(state: CredentialState) -> None:
    text = text_of(full_report(credentials=ContentCredentials(state, "why")))
    assert CREDENTIALS[state] in text
    assert ("None: the file holds no content credentials" in text) == (state is CredentialState.ABSENT)


def test_every_name_has_its_words() -> None:
    assert set(REASONS) == set(Reason)
    assert set(VERDICTS) == set(VERDICT_TONES) == set(Verdict)
    assert set(CREDENTIALS) == set(CredentialState)
    assert all(action.startswith("c2pa.") for action in ACTIONS)


# --- what strangers write -----------------------------------------------------------------------------------------


def test_markup_is_shown_and_not_obeyed() -> None:
    evil = make_media_facts(
        container_name=EVIL, profile=EVIL, codec_tag=EVIL, pixel_format=EVIL, tags=(Tag(EVIL, EVIL, EVIL),)
    )
    credentials = ContentCredentials(
        CredentialState.INVALID, EVIL, EVIL, EVIL, EVIL, False, EVIL, EVIL, problems=(EVIL,)
    )
    report = full_report(media=evil, credentials=credentials)
    report["video"]["codec"] = report["model"]["name"] = report["operating_point"] = EVIL
    report["provenance"]["settings"][EVIL] = EVIL
    tags = Tags(page_of(report, EVIL))
    plain = Tags(page_of(full_report())).seen
    assert {tag for tag, _ in tags.seen} == {tag for tag, _ in plain}
    assert not any("alert" in str(value) for _, attributes in tags.seen for value in attributes.values())
    assert tags.text.count(EVIL) >= 12


@given(st.text(max_size=300), st.text(max_size=60))
@settings(max_examples=60)
def test_no_name_changes_the_structure_of_the_page(name: str, reason: str) -> None:
    usual = [tag for tag, _ in Tags(page_of(full_report(), "clip.mp4", NONE)).seen]
    report = full_report()
    report["reasons"][0] = reason
    page = page_of(report, name, NONE)
    assert [tag for tag, _ in Tags(page).seen] == usual
    page.encode("utf-8")


def test_a_name_of_a_thousand_characters_and_more_is_bounded_and_may_be_wrapped() -> None:
    assert "a" * 1000 + "</td>" in page_of(full_report(), "a" * 1000)
    assert "a" * 1000 + "\N{HORIZONTAL ELLIPSIS}</td>" in page_of(full_report(), "a" * 5000)
    assert "overflow-wrap: anywhere" in page_of(full_report())
    assert "\ufffd[2J\ufffd\ufffd.mp4" in page_of(full_report(), "\x1b[2J\u202e\udcff.mp4")


def test_a_crowd_makes_no_book() -> None:
    tracks = tuple(TrackScore(number, 0.0, 1.0, 1, 0.9, 50.0) for number in range(200))
    scores = tuple(make_face_score(track_id=number) for number in range(200))
    page = page_of(full_report(tracks=tracks, face_scores=scores), key_frames=NONE)
    assert page.count("<svg") == MOST_COURSES
    assert f"{200 - MOST_ROWS} more faces are in the JSON report" in page
    assert f"{200 - MOST_ROWS} more stretches are in the JSON report" in page


# --- the course of a face -----------------------------------------------------------------------------------------


def scores(*probabilities: float, track_id: int = 0) -> tuple[Any, ...]:
    return tuple(
        make_face_score(track_id=track_id, frame_index=index, pts_s=index * 0.5, fake_probability=probability)
        for index, probability in enumerate(probabilities)
    )


def test_segments_are_unbroken_stretches_of_one_face() -> None:
    report = make_report(face_scores=scores(0.9, 0.5, 0.1, 0.7) + scores(0.2, 0.6, track_id=1))
    assert segments_of(report_to_dict(report)) == [
        Segment(0, 0.0, 0.5, 2, 0.9),
        Segment(1, 0.5, 0.5, 1, 0.6),
        Segment(0, 1.5, 1.5, 1, 0.7),
    ]


@given(st.lists(st.tuples(st.floats(0, 3600), st.floats(0, 1)), min_size=1, max_size=60), st.floats(0, 3600))
@example([(5e-324, 0.0)], 0.0)
def test_a_course_stays_inside_its_chart(samples: list[tuple[float, float]], duration_s: float) -> None:
    report = report_to_dict(make_report())
    report["face_scores"] = [
        {"track_id": 0, "pts_s": pts_s, "fake_probability": probability} for pts_s, probability in samples
    ]
    report["video"]["duration_s"] = duration_s
    chart = course(report, 0)
    assert chart.shapes
    for shape in chart.shapes:
        for name in ("x", "x1", "x2"):
            assert 0 <= getattr(shape, name, 0) <= chart.width
        for name in ("y", "y1", "y2"):
            assert 0 <= getattr(shape, name, 0) <= chart.height
        assert getattr(shape, "x", 0) + getattr(shape, "width", 0) <= chart.width


@pytest.mark.parametrize(
    ("time_s", "said"),
    [
        (0.0, "0.00 s"),
        (3.456, "3.46 s"),
        (59.99, "59.99 s"),
        (59.999, "1:00.0"),
        (119.97, "2:00.0"),
        (123.5, "2:03.5"),
        (3599.96, "1:00:00.0"),
        (3723.5, "1:02:03.5"),
    ],
)
def test_times_are_those_of_a_player(time_s: float, said: str) -> None:
    assert clock(time_s) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (2048, "2.00 KiB (2\xa0048 bytes)"), (5 << 40, "5.00 TiB")],
)
def test_sizes_are_exact_and_in_words(count: int, said: str) -> None:
    assert size(count).startswith(said)
