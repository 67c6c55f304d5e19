"""The card says every figure, judges it by rule, and names no machine.

After a change that is meant, write the card anew with ``DFD_UPDATE_GOLDEN=1 pytest tests/train/test_card.py`` and look
at the difference.
"""

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import bdtr
from tests.architecture.test_source_rules import MACHINE_PATH
from tests.evaluated import mixed, sample, scored, unreadable, unseen
from tests.explained import UNFAITHFUL, explainable
from tests.train.card_material import CONTRACT, HELD_OUT, MEASURED, QUICK, VERSION, drawn, measured_of, version

from dfd.evaluation.page import FIGURES
from dfd.manifest import Layout, ModelManifest
from dfd.types import Reason, Verdict
from dfd_train.card import Answer, compact, data_facts, write_card
from dfd_train.card.about import input_in_words, recipe
from dfd_train.card.explanations import explanations
from dfd_train.card.facts import in_present_form
from dfd_train.card.held_out import held_out_sources, operating_points, worth_of_an_alarm
from dfd_train.card.markdown import counted, escaped, listed, table
from dfd_train.card.pictures import failure_sheet
from dfd_train.card.remarks import (
    highest_rate,
    of_auc,
    of_brier,
    of_change,
    of_rarest,
    share_of_alarms_that_are_right,
)
from dfd_train.card.weak import weak_points
from dfd_train.card.writing import card
from dfd_train.datasets import Clip
from dfd_train.recipe import RECIPES
from dfd_train.train import recipe_facts

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "model_card.md"
PICTURE = np.full((60, 60, 3), 200, np.uint8)
FAILURES = (
    Answer("none", "fake_swap", True, PICTURE, 0.93, Verdict.FAKE, ()),
    Answer("none", "real_hopper", False, PICTURE, 0.81, Verdict.FAKE, ()),
    Answer("dark", "fake_swap", True, PICTURE, None, Verdict.INCONCLUSIVE, (Reason.NO_FACE,)),
    Answer("dark", "real_hopper", False, PICTURE, 0.2, Verdict.INCONCLUSIVE, (Reason.TOO_DARK, Reason.TOO_BLURRY)),
)
CARD = card(VERSION, MEASURED, FAILURES)


def figure(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high}


def test_the_card_is_the_one_that_was_agreed() -> None:
    if os.environ.get("DFD_UPDATE_GOLDEN"):
        GOLDEN.write_text(CARD, encoding="utf-8")
    assert GOLDEN.read_text(encoding="utf-8") == CARD


def test_what_intervals_are_drawn_by_is_told_where_the_manifest_says_it() -> None:
    """Those of the first manifests were drawn by the names of people."""
    figures = VERSION.metrics["cross_validation"]
    first = {name: value for name, value in figures.items() if name != "unit"}
    assert "bootstrap draws by published source" in held_out_sources(VERSION)
    untold = replace(VERSION, metrics={**VERSION.metrics, "cross_validation": first})
    assert "bootstrap draws" not in held_out_sources(untold)


def test_settings_that_nothing_used_are_not_told() -> None:
    """Version 2 fits its last layer alone; what its trunks were trained with is the foundation's."""
    version = replace(VERSION, reference={"recipe": recipe_facts(RECIPES["2"])})
    rows = [line for line in recipe(version).splitlines() if line.startswith("|")]
    assert rows[0] == "| setting | last layer | foundation |"
    assert "| learning rate |  | 0.001 |" in rows
    assert "| head strength | 0.01 |  |" in rows
    assert "| seed | 1 | 1 |" in rows


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_said_with_its_interval(name: str) -> None:
    for found in (MEASURED[name], VERSION.metrics["cross_validation"]["video"][name]):
        assert f"| {FIGURES[name]} | {found['value']:.3f} | {found['low']:.3f} to {found['high']:.3f} |" in CARD


def test_every_kind_part_and_condition_has_its_row() -> None:
    rows = [line for line in CARD.splitlines() if line.startswith("| ")]
    for name in (*MEASURED["per_family"], *MEASURED["per_method"]):
        assert [row for row in rows if row.startswith(f"| {escaped(name)} | ")], name
    for entry in MEASURED["robustness"]["conditions"]:
        assert f"| {entry['kind']}: {entry['title']} {entry['level']:g} | " in CARD
    for title in ("size in px of the face", "flatness of the face", "reason beside the verdict", "sex"):
        assert f"| **{title}** | " in CARD
    for point in VERSION.metrics["cross_validation"]["operating_points"]:
        assert f"| {point['name'].replace('_', ' ')} | {point['threshold']:.3f} | " in CARD


def test_tables_are_whole() -> None:
    width = 0
    for line in CARD.splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        assert not (width and cells) or cells == width, line
        width = cells


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\((\.\./[^)]+)\)", CARD)
    assert {Path(link).name for link in links} >= {"0005-second-model.md", "evaluation.md", "training.md", "README.md"}
    assert [link for link in links if not (ROOT / "models" / "deepfake" / "2" / link).resolve().is_file()] == []


def test_neither_paths_of_a_machine_nor_dates_are_written() -> None:
    results = [scored(sample("/home/someone/secret/clip.mp4", is_fake=False), 0.9), *mixed()]
    text = card(VERSION, measured_of(VERSION, results), ())
    assert "secret/clip.mp4" in text
    assert "someone" not in text
    for found in (text, CARD):
        assert not MACHINE_PATH.search(found)
        assert not re.search(r"\d{4}-\d\d-\d\d", found)


def test_strange_names_of_methods_stay_in_their_cell() -> None:
    fake = replace(sample("f.mp4", is_fake=True, family="swap"), method="a|b <script>\n**x**")
    text = card(VERSION, measured_of(VERSION, [*mixed(), scored(fake, 0.2)]), ())
    assert "| a\\|b \\<script\\> \\*\\*x\\*\\* | 1 |" in text


def test_nothing_scored_is_a_card_without_figures() -> None:
    nothing = [unseen(sample("r", is_fake=False)), unreadable(sample("f", is_fake=True))]
    text = card(VERSION, measured_of(VERSION, nothing, QUICK), ())
    assert "AUC n/a, 0 and 0 of them scored; it is undefined, because a class is missing" in text
    assert "(unreadable video: 1)" in text
    assert "nan" not in text


# --- what figures are worth ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "fakes", "reals", "said"),
    [
        (figure(0.7, 0.6, 0.8), 30, 30, ""),
        (figure(0.7, 0.5, 0.8), 30, 30, "interval contains 0.5"),
        (figure(0.2, 0.1, 0.49), None, None, "below chance"),
        (figure(0.9, 0.8, 1.0), 1, 30, "only 1 fake"),
        (figure(0.9, 0.4, 1.0), 2, 9, "interval contains 0.5; only 2 fakes; only 9 reals"),
        (None, 0, 5, "undefined: a class is missing"),
    ],
)
def test_an_auc_is_judged_by_its_interval_and_its_videos(
    found: dict[str, float] | None, fakes: int | None, reals: int | None, said: str
) -> None:
    assert of_auc(found, fakes, reals) == said


def test_a_brier_score_is_held_against_a_constant() -> None:
    assert of_brier(figure(0.2, 0.1, 0.24)) == ""
    assert "contains 0.25" in of_brier(figure(0.24, 0.2, 0.25))
    assert "lies above 0.25" in of_brier(figure(0.3, 0.26, 0.4))


def test_a_change_counts_when_its_interval_leaves_out_zero() -> None:
    assert of_change(figure(-0.1, -0.2, -0.01)) == "AUC is lost"
    assert of_change(figure(0.1, 0.01, 0.2)) == "AUC is gained"
    assert of_change(figure(-0.1, -0.2, 0.0)) == ""
    assert of_change(None) == "undefined"


@pytest.mark.parametrize(("reals", "said"), [(1, "with 1 real, 1 %"), (99, "1 % and"), (100, "0.1 %"), (1000, "")])
def test_rare_false_positives_need_many_reals(reals: int, said: str) -> None:
    assert said in of_rarest(reals)
    assert bool(said) == bool(of_rarest(reals))


@given(count=st.integers(1, 10_000), share=st.floats(0, 1))
def test_so_few_are_just_not_unlikely_at_the_highest_rate(count: int, share: float) -> None:
    events = round(share * count)
    rate = highest_rate(events, count)
    assert events / count < rate <= 1 or rate == 1 == events / count
    assert rate == 1 or bdtr(events, count, rate) == pytest.approx(0.025, rel=1e-6)


def test_the_worst_case_of_few_false_alarms_is_exact() -> None:
    """Of one in 18 a bootstrap says 16.7 % at most."""
    point = {
        "name": "called_fake",
        "threshold": 0.7,
        "false_alarm_rate": figure(0.0556, 0.0, 0.1667),
        "detection_rate": figure(0.5, 0.2, 0.8),
    }
    assert highest_rate(1, 18) == pytest.approx(0.273, abs=5e-4)
    least = share_of_alarms_that_are_right(highest_rate(1, 18), 0.5, 0.01)
    assert f"{least:.0%} if false alarms" in worth_of_an_alarm([point], 18)
    assert "3% if false alarms" in worth_of_an_alarm([point], 18_000)  # where it is the bootstrap that is wider


def test_only_reals_that_were_scored_count_on_held_out_sources() -> None:
    nobody = [unseen(sample(f"u{number}", is_fake=False)) for number in range(100)]
    manifest = version([*HELD_OUT, *nobody])
    told = operating_points(manifest)
    assert f"a rate of up to {highest_rate(0, 24):.1%} cannot" in told.partition("Scores of the held-out")[2]
    families = (
        held_out_sources(version([*nobody, *drawn(5, 30, 0.2)])).partition("| family |")[2].partition("| fold |")[0]
    )
    assert families.count("only 5 reals") == 3
    assert "On held-out sources, with 24 reals" in " ".join(weak_points(manifest, MEASURED))


def test_alarms_among_rare_fakes_are_mostly_false() -> None:
    assert share_of_alarms_that_are_right(0.05, 0.5, 0.01) == pytest.approx(0.005 / (0.005 + 0.0495))
    assert share_of_alarms_that_are_right(0.0, 0.0, 0.01) is None


def test_weak_points_follow_the_figures() -> None:
    strong = drawn(1200, 900, 0.39)
    manifest = version(strong)
    said = " ".join(weak_points(manifest, measured_of(manifest, strong)))
    assert "AUC on" not in said
    assert "not shown to be told" not in said
    assert "false positives" not in said
    assert "How it bears damage to the video was not measured." in said

    guessing = drawn(12, 12, 0.0)
    manifest = version(guessing)
    said = " ".join(weak_points(manifest, measured_of(manifest, guessing, QUICK)))
    for name in ("held-out sources", "test videos"):
        assert f"AUC on {name} is " in said
        assert f"On {name}, lipsync" in said
        assert f"On {name}, with 12 reals, 1 % and 0.1 % false positives both mean no false alarm at all." in said
    assert "3 of 3 methods among the test videos rest on fewer than 10 fakes each." in said
    assert "Under 3 of 3 damages, AUC is not shown to be above 0.5." in said
    assert "No figures by gender, race, age and skin tone: the list" in said


def test_a_threshold_without_false_alarms_still_names_a_rate() -> None:
    said = "| 0.0% (0 of 24 reals) | 10.0% (of 30 fakes) | no false alarm: a rate of up to 14.2% cannot be ruled out |"
    assert f"| low false alarm | 0.750 {said}" in CARD
    assert "100% of the videos with a score from 0.6 on are fake; 3% if false alarms are as frequent" in CARD
    assert "| balanced | 0.470 | 25.0% (6 of 24 reals) |" in CARD


# --- what is said in words ----------------------------------------------------------------------------------------


def test_the_input_is_described_as_the_contract_says() -> None:
    assert "`[N, 160, 160, 6]`" in input_in_words(CONTRACT)
    assert "the frame right after it" in input_in_words(CONTRACT)
    single = replace(CONTRACT, frames=1, layout=Layout.NCHW, size_px=64)
    assert "`[N, 3, 64, 64]`" in input_in_words(single)
    assert "Nothing of what happens between frames is seen." in input_in_words(single)


def test_the_first_version_has_a_card_too() -> None:
    manifest = ModelManifest.read(ROOT / "models" / "deepfake" / "1" / "manifest.json")
    text = card(manifest, measured_of(manifest, mixed()), ())
    figures = in_present_form(manifest.metrics["cross_validation"])
    assert f"AUC | {figures['video']['auc']['value']:.3f} |" in text
    assert f"{figures['coverage']['real']} real and {figures['coverage']['fake']} fake clips" in text
    assert "0004-first-model.md" in text
    assert "38% of the images of a batch are pairs" in text


TEXT = st.text(st.characters(codec="utf-8"), max_size=20)


@given(rows=st.lists(st.lists(TEXT, min_size=2, max_size=2), min_size=1, max_size=4))
def test_text_from_outside_cannot_break_a_table(rows: list[list[str]]) -> None:
    text = table(("a", "b"), [[escaped(cell) for cell in row] for row in rows])
    lines = text.split("\n")
    assert len(lines) == 2 + len(rows)
    assert all(len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 3 for line in lines)


def test_tables_refuse_rows_of_another_width() -> None:
    with pytest.raises(ValueError, match="needs 2 cells"):
        table(("a", "b"), [["1"]])
    assert table(("a", "b"), []) == ""


def test_lists_and_counts_read_well() -> None:
    assert [listed(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
    assert (counted(1, "fake"), counted(2, "fake")) == ("1 fake", "2 fakes")


# --- what the manifest keeps --------------------------------------------------------------------------------------


def test_the_manifest_keeps_the_compact_part(tmp_path: Path) -> None:
    small = compact(MEASURED)
    assert small["video"]["auc"] == MEASURED["auc"]
    assert small["verdicts"]["real"] == MEASURED["verdicts"]["real"]
    assert [entry["kind"] for entry in small["robustness"]] == ["GB", "VC", "480p"]
    assert not {"roc", "histogram", "mistakes", "slices", "per_method"} & small.keys()
    manifest = replace(VERSION, metrics={**VERSION.metrics, "test": small})
    manifest.write(tmp_path / "manifest.json")
    assert ModelManifest.read(tmp_path / "manifest.json") == manifest
    assert compact(measured_of(VERSION, HELD_OUT))["robustness"] is None


def test_training_clips_are_counted() -> None:
    def clip(number: int, family: str, *persons: str) -> Clip:
        return Clip(
            key=str(number),
            path=Path(f"{number}.mp4"),
            is_fake=family != "real",
            family=family,
            method=f"method of {family}",
            source=f"s{number // 2}",
            persons=persons,
            split="train",
            dataset="made",
        )

    assert data_facts([clip(0, "real", "a"), clip(1, "swap", "a", "b"), clip(2, "swap", "b")]) == {
        "families": {"real": 1, "swap": 2},
        "methods": 1,
        "sources": 2,
        "people": 2,
    }


# --- pictures -----------------------------------------------------------------------------------------------------


def test_the_pictures_stand_alone(tmp_path: Path) -> None:
    write_card(tmp_path, VERSION, MEASURED, FAILURES)
    assert (tmp_path / "MODEL_CARD.md").read_text(encoding="utf-8") == CARD
    for name in re.findall(r"\]\((card/[^)]+)\)", CARD):
        assert (tmp_path / name).stat().st_size > 0
    for name in ("reliability.svg", "abstention.svg"):
        root = ElementTree.fromstring((tmp_path / "card" / name).read_text(encoding="utf-8"))
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        classes = {part.get("class") for part in root.iter() if part.get("class")} - {"plot"}
        style = root.findtext("{http://www.w3.org/2000/svg}style") or ""
        assert [name for name in classes if f".{name}" not in style] == []


def test_the_same_figures_give_the_same_bytes_and_old_pictures_go(tmp_path: Path) -> None:
    def written(failures: tuple[Answer, ...]) -> dict[str, bytes]:
        write_card(tmp_path, VERSION, MEASURED, failures)
        return {path.name: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()}

    first = written(FAILURES)
    assert written(FAILURES) == first
    assert "failures.png" in first
    assert written(()).keys() == first.keys() - {"failures.png"}
    assert b"failures.png" not in written(())["MODEL_CARD.md"]


def test_the_sheet_marks_what_is_wrong() -> None:
    sheet = failure_sheet(FAILURES)
    red = (sheet[..., 0] > 150) & (sheet[..., 1] < 60)
    columns = np.flatnonzero(red.any(axis=0))
    rows = np.flatnonzero(red.any(axis=1))
    right = failure_sheet([replace(FAILURES[0], is_fake=True), *FAILURES[2:]])
    assert columns.min() > sheet.shape[1] / 2  # the second clip
    assert rows.max() < sheet.shape[0] / 2  # under the first damage
    assert not ((right[..., 0] > 150) & (right[..., 1] < 60)).any()


def test_the_answers_are_told_in_a_table() -> None:
    assert "| none | 0.93 fake | **0.81 fake** |" in CARD
    assert "| dark | none inconclusive (no face) | 0.20 inconclusive (too dark, too blurry) |" in CARD
    assert "Answers: 4, of them 1 wrong and 2 inconclusive." in CARD


def test_the_document_may_come_from_a_file() -> None:
    read: dict[str, Any] = json.loads(json.dumps(MEASURED))
    assert card(VERSION, read, FAILURES) == CARD


def test_the_card_says_whether_explanations_are_faithful() -> None:
    told = explanations(explainable(regions=UNFAITHFUL))
    assert "20 faces" in told
    assert "| heat maps | insertion, less a random order | +0.200 | +0.100 to +0.300 |" in told
    assert "The heat maps passed and are shown." in told
    assert "The evidence by region did not pass and nothing of it is shown: deletion" in told
    assert "not measured" in explanations(VERSION)
