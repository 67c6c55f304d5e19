"""``dfd predict --report``: where reports go, and what is refused before the work."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.case_reports import pdf_text
from tests.fakes import FakeBackend, FakeDetector, make_face_score, make_report
from tests.unit.test_explanation_faces import FACE, contrast_of_mouth, manifest_of, opener

from dfd.bootstrap import Parts
from dfd.casefile.forms import CaseForm, Paper
from dfd.cli.case_files import CaseFiles, Target, check_targets, targets_of
from dfd.errors import BackendUnavailable, ConfigurationError, InvalidParameter
from dfd.report import Report
from dfd.reporting import report_to_dict

REPORT = make_report(face_scores=tuple(make_face_score(frame_index=n, pts_s=n / 2, box=FACE.box) for n in range(4)))


def parts(**backend: Any) -> Parts:
    return Parts(opener(), FakeDetector([FACE]), FakeBackend(contrast_of_mouth, **backend), manifest_of(), 1)


def write(path: str, *targets: str, files: CaseFiles | None = None, report: Report = REPORT) -> CaseFiles:
    files = files or CaseFiles(targets_of(targets), parts(), report_to_dict, Paper.A4)
    files.add(Path(path), report, lambda: None)
    return files


def names_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_ending_names_the_form() -> None:
    targets = targets_of(["a.html", "b.HTM", "c.Pdf", "d.json"])
    assert [target.form for target in targets] == [CaseForm.HTML, CaseForm.HTML, CaseForm.PDF, CaseForm.JSON]


@pytest.mark.parametrize("value", ["report", "report.docx", "report.", "clip.mp4", ""])
def test_other_endings_are_refused_in_words(value: str) -> None:
    with pytest.raises(InvalidParameter, match=r"the ending must be \.html, \.pdf or \.json"):
        targets_of([value])


@pytest.mark.parametrize("name", ["{name}", "{number}", "{sha256}"])
def test_several_files_need_a_name_for_each(name: str) -> None:
    one = targets_of(["r.pdf"])
    check_targets(one, 1)
    with pytest.raises(InvalidParameter, match="there are 2 files"):
        check_targets(one, 2)
    check_targets(targets_of([f"r-{name}.pdf", "folder/"]), 2)


def test_a_report_is_written_in_every_form(tmp_path: Path) -> None:
    write("videos/clip.mp4", f"{tmp_path}/a.html", f"{tmp_path}/new/b.pdf", f"{tmp_path}/c.json")
    assert (tmp_path / "a.html").read_text().count("data:image/jpeg") == 6
    assert "clip.mp4" in (tmp_path / "a.html").read_text()
    assert "Verdict: fake" in pdf_text((tmp_path / "new" / "b.pdf").read_bytes(), tmp_path)
    assert json.loads((tmp_path / "c.json").read_text()) == report_to_dict(REPORT)


def test_a_folder_gets_every_form_of_every_file(tmp_path: Path) -> None:
    files = write("one/clip.mp4", f"{tmp_path}/out/")
    write("two/clip.mp4", files=files)
    expected = [f"out/clip{again}.{form.value}" for again in ("", "-2") for form in CaseForm]
    assert names_in(tmp_path) == sorted(expected)


def test_names_between_braces_are_those_of_the_file(tmp_path: Path) -> None:
    pattern = f"{tmp_path}/{{number}}-{{name}}-{{sha256}}.json"
    write("b.mov", files=write("a.mp4", pattern))
    assert names_in(tmp_path) == [f"1-a-{REPORT.input_sha256}.json", f"2-b-{REPORT.input_sha256}.json"]


@given(name=st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=255))
def test_any_file_name_has_a_report_in_the_folder(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.mktemp("reports")
    write(name, f"{folder}/{{name}}.json")
    [found] = folder.iterdir()
    assert found.suffix == ".json"


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ConfigurationError, match="cannot write the report"):
        write("clip.mp4", f"{tmp_path}/file/r.json")
    with pytest.raises(ConfigurationError, match="cannot write the report"):
        write("clip.mp4", f"{tmp_path}/{'x' * 300}.json")
    assert names_in(tmp_path) == ["file"]


def test_json_alone_asks_the_model_for_nothing(tmp_path: Path) -> None:
    silent = parts(error=BackendUnavailable("no answer"))
    files = CaseFiles([Target(f"{tmp_path}/r.json", CaseForm.JSON)], silent, report_to_dict, Paper.A4)
    write("clip.mp4", files=files)
    both = CaseFiles(targets_of([f"{tmp_path}/r.html"]), silent, report_to_dict, Paper.A4)
    with pytest.raises(BackendUnavailable):
        write("clip.mp4", files=both)
    assert names_in(tmp_path) == ["r.json"]


def test_the_same_analysis_gives_the_same_bytes(tmp_path: Path) -> None:
    write("clip.mp4", f"{tmp_path}/a.html", f"{tmp_path}/a.pdf")
    write("clip.mp4", f"{tmp_path}/b.html", f"{tmp_path}/b.pdf")
    for form in ("html", "pdf"):
        assert (tmp_path / f"a.{form}").read_bytes() == (tmp_path / f"b.{form}").read_bytes()
