"""Reports of the sample clips by the shipped model, as a user gets them."""

import json
import re
from pathlib import Path

import pytest
from tests.case_reports import pdf_text
from tests.cli_process import ROOT, Cli

from dfd.casefile.forms import CaseForm

pytestmark = pytest.mark.slow

SAMPLES = sorted((ROOT / "samples").glob("*.mp4"))
PICTURE = 'src="data:image/jpeg;base64,'


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every form of the report of every sample."""
    folder = tmp_path_factory.mktemp("reports")
    done = Cli(folder, MODELS_DIR=str(ROOT / "models")).run("predict", *map(str, SAMPLES), "--report", "out/")
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "out"


def test_every_sample_has_every_form(reports: Path) -> None:
    assert sorted(path.name for path in reports.iterdir()) == sorted(
        f"{sample.stem}.{form.value}" for sample in SAMPLES for form in CaseForm
    )


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_all_forms_say_the_same(reports: Path, tmp_path: Path, sample: Path) -> None:
    told = json.loads((reports / f"{sample.stem}.json").read_text())
    text = " ".join(pdf_text((reports / f"{sample.stem}.pdf").read_bytes(), tmp_path, "-layout").split())
    page = (reports / f"{sample.stem}.html").read_text()
    counted = told["method"]["reliability"]
    for words in (
        f"is fake: {told['fake_probability']:.3f}.",
        f"about {100 * counted['fake_share']:.0f} were fake in our tests",
        told["input_sha256"],
        told["model"]["weights_sha256"],
        told["provenance"]["settings_sha256"],
        f"{told['media']['size_bytes']:,}".replace(",", "\xa0"),
        "trained on",
    ):
        assert " ".join(words.split()) in " ".join(page.split())
        assert " ".join(words.split()) in text
    assert told["verdict"] in page
    assert f"Verdict: {told['verdict']}" in text


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_key_frames_have_heat_maps_since_those_of_the_model_are_faithful(reports: Path, sample: Path) -> None:
    page = (reports / f"{sample.stem}.html").read_text()
    moments = page.count("<figure>")
    assert moments >= 1
    assert page.count(PICTURE) == 3 * moments
    assert page.count('alt="Heat map over face') == moments
    assert (reports / f"{sample.stem}.pdf").read_bytes().count(b"/DCTDecode") == 3 * moments


def test_another_run_differs_in_its_time_alone(reports: Path, tmp_path: Path) -> None:
    sample = SAMPLES[0]
    again = Cli(tmp_path, MODELS_DIR=str(ROOT / "models")).run("predict", str(sample), "--report", "again.html")
    assert again.returncode == 0
    without = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC|(?<=SHA-256 of the JSON report</th><td>)[0-9a-f]{64}")
    first, second = (reports / f"{sample.stem}.html").read_text(), (tmp_path / "again.html").read_text()
    assert without.sub("", second) == without.sub("", first)


def test_a_report_is_small_enough_to_be_sent(reports: Path) -> None:
    assert max(path.stat().st_size for path in reports.iterdir()) < 1_000_000
