"""The report of a case as PDF: read back by poppler, the same bytes each time, and nothing beyond the edge."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.case_reports import EVIL, KEY_FRAMES, full_report, pdf_text
from tests.fakes import make_media_facts
from tests.servers import not_installed

from dfd.casefile.content import KeyFrames
from dfd.casefile.forms import CaseForm, Paper, case_file
from dfd.casefile.pdf.fonts import Face
from dfd.casefile.pdf.pages import run
from dfd.casefile.pdf.wrapping import Run, wrapped
from dfd.media import Tag

NONE = KeyFrames((), "None.")
FACE = Face("DejaVuSansCondensed", "DFDRPT")
WORD = re.compile(r'<word xMin="([\d.-]+)" yMin="([\d.-]+)" xMax="([\d.-]+)" yMax="([\d.-]+)">')


def pdf_of(
    name: str = "clip.mp4", key_frames: KeyFrames = KEY_FRAMES, paper: Paper = Paper.A4, **changes: object
) -> bytes:
    return case_file(CaseForm.PDF, full_report(**changes), [("file", name)], key_frames, paper)


def test_the_facts_are_in_the_text(tmp_path: Path) -> None:
    text = " ".join(pdf_text(pdf_of(), tmp_path, "-layout").split())
    for words in (
        "Verdict: inconclusive",
        "about 55 were fake in our tests (95 % interval 40 to 70)",
        "h264, profile High, tag avc1",
        "aac LC, 48000 Hz, 2 channels, 128 kbit/s",
        "Case Camera (Made-Up Newsroom)",
        "c0" * 32,
        "5e" * 32,
        "com.apple.quicktime.make",
        "Face 1 at 1.50 s: probability of fake 0.950",
        "What the model cannot see",
        "page 1 of ",
    ):
        assert words in text


def test_the_same_report_gives_the_same_bytes() -> None:
    assert pdf_of() == pdf_of()
    assert pdf_of() != pdf_of("other.mp4")


def test_dates_are_those_of_the_analysis_alone() -> None:
    content = pdf_of()
    assert re.findall(rb"D:\d+\w*", content) == [b"D:20260131120000Z"]
    assert b"ModDate" not in content


def test_the_json_report_is_attached_as_it_is(tmp_path: Path) -> None:
    if shutil.which("pdfdetach") is None:
        not_installed("pdfdetach (poppler-utils) is not installed")
    (tmp_path / "r.pdf").write_bytes(pdf_of())
    command = ["pdfdetach", "-save", "1", "-o", str(tmp_path / "back.json"), str(tmp_path / "r.pdf")]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    assert json.loads((tmp_path / "back.json").read_text()) == full_report()


@pytest.mark.parametrize("paper", list(Paper))
def test_nothing_is_cut_off_at_the_edge(tmp_path: Path, paper: Paper) -> None:
    facts = make_media_facts(tags=tuple(Tag("container", f"name{number}", "x" * 200) for number in range(40)))
    content = pdf_of("W" * 1000, paper=paper, media=facts)
    page = {Paper.A4: (595.28, 841.89), Paper.LETTER: (612.0, 792.0)}[paper]
    words = [tuple(map(float, found)) for found in WORD.findall(pdf_text(content, tmp_path, "-bbox"))]
    assert len(words) > 300
    for left, top, right, bottom in words:
        assert left >= 47
        assert right <= page[0] - 47
        assert top >= 30
        assert bottom <= page[1] - 20


def test_a_table_repeats_its_head_on_every_page(tmp_path: Path) -> None:
    facts = make_media_facts(tags=tuple(Tag("container", f"name{number}", "x" * 200) for number in range(60)))
    pages = pdf_text(pdf_of(media=facts), tmp_path, "-layout").split("\f")[:-1]
    with_rows = [page for page in pages if "name" in page and "xxxxxxxx" in page]
    assert len(with_rows) >= 3
    assert all(re.search(r"where +name +value", page) for page in with_rows)
    assert all(f"page {number} of {len(pages)}" in page for number, page in enumerate(pages, 1))


def test_names_of_many_scripts_are_shown_and_others_are_seen_to_be_there(tmp_path: Path) -> None:
    name = "Zoë Ærø Łódź Ευρώπη Москва Việt e\N{COMBINING ACUTE ACCENT} 映像 \N{GRINNING FACE}.mp4"
    text = " ".join(pdf_text(pdf_of(name), tmp_path).split())
    assert "Zoë Ærø Łódź Ευρώπη Москва Việt é [U+6620][U+50CF] [U+1F600].mp4" in text


def test_a_name_is_never_a_command(tmp_path: Path) -> None:
    name = r"(a) \) Tj ET endstream endobj <</Type>> " + EVIL
    assert name in " ".join(pdf_text(pdf_of(name, NONE), tmp_path).split())


@given(st.text(max_size=120))
@settings(max_examples=12)
def test_any_name_can_be_read_by_others(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    assert "Verdict" in pdf_text(pdf_of(name, NONE), tmp_path_factory.mktemp("pdf"))


# --- fonts and lines ----------------------------------------------------------------------------------------------


def test_the_font_knows_what_it_shows() -> None:
    assert FACE.shown("Aя\N{GREEK SMALL LETTER OMEGA}") == "Aя\N{GREEK SMALL LETTER OMEGA}"
    assert FACE.shown("e\N{COMBINING ACUTE ACCENT}") == "é"
    assert FACE.shown("\t\x00") == "[U+0009][U+0000]"
    assert FACE.width("ii", 10) == pytest.approx(2 * FACE.width("i", 10))
    assert 0 < FACE.width("i", 10) < FACE.width("W", 10) < 12


@given(st.lists(st.text(max_size=80), max_size=4), st.floats(20, 400))
def test_lines_fit_and_lose_nothing(texts: list[str], width: float) -> None:
    runs = [run(FACE, text) for text in texts]
    rows = wrapped(runs, 9.0, width)
    assert rows
    for row in rows:
        blanks = FACE.width(" ", 9.0) * max(0, len(row) - 1)
        assert sum(FACE.width(one.text, 9.0) for one in row) + blanks <= width + 1e-6
    set_ = "".join(one.text for row in rows for one in row)
    assert set_ == "".join(one.text for one in runs).replace(" ", "")


def test_a_word_is_broken_only_where_it_must() -> None:
    assert [[one.text for one in row] for row in wrapped([Run(FACE, "one two")], 10, FACE.width("one tw", 10))] == [
        ["one"],
        ["two"],
    ]
