"""From results to figures: who counts where, and what becomes of videos without a score."""

from dataclasses import replace

import pytest
from tests.evaluated import judge, mixed, sample, scored, unreadable, unseen
from tests.explained import make_record
from tests.fakes import make_manifest

from dfd.errors import InvalidParameter
from dfd.evaluation import curves
from dfd.evaluation.conditions import CLEAN, Condition, Conditions
from dfd.evaluation.figures import (
    against_all_reals,
    coverage,
    frames,
    operating_points,
    ranked,
    summarise,
    verdicts,
    videos,
)
from dfd.evaluation.robustness import robustness
from dfd.evaluation.setting import digest, setting_of
from dfd.evaluation.setting import operating_points as points_of
from dfd.evaluation.slices import slices
from dfd.judgement import OperatingPoint
from dfd.manifest import Calibration, Decision
from dfd.pipeline import AnalysisOptions
from dfd.types import Reason


def test_videos_without_a_score_are_counted_and_left_out() -> None:
    results = mixed()
    found = coverage(results, judge())
    assert (found["real"], found["fake"], found["scored_real"], found["scored_fake"]) == (5, 6, 4, 4)
    assert (found["no_face"], found["errors"]) == (2, {"unreadable_video": 1})
    assert found["scored_share"]["value"] == pytest.approx(8 / 11, abs=1e-4)
    assert found["face_frame_share"] == pytest.approx(16 / 40)
    assert len(videos(results).scores) == 8
    assert len(frames(results).scores) == 16


def test_the_other_convention_has_a_name_of_its_own() -> None:
    summary = summarise(mixed(), judge())
    # Among the scored, 12 of 16 pairs are in order. With 0.5 for those without a score, 21 of 30.
    assert summary["video"]["auc"]["value"] == pytest.approx(12 / 16)
    ordered = sum(
        (fake > real) + (fake == real) / 2
        for fake in (0.9, 0.8, 0.15, 0.45, 0.5, 0.5)
        for real in (0.1, 0.2, 0.3, 0.7, 0.5)
    )
    assert summary["video"]["auc_missing_as_half"]["value"] == pytest.approx(ordered / 30, abs=1e-4)


def test_videos_of_one_name_in_two_classes_do_not_merge() -> None:
    results = [scored(sample("000.mp4", is_fake=fake), 0.9 if fake else 0.1) for fake in (False, True)]
    assert len(set(videos(results).clusters)) == 2
    assert summarise(results, judge())["video"]["auc"]["value"] == 1.0


def test_fakes_are_held_against_all_reals() -> None:
    found = against_all_reals(mixed(), judge(), lambda result: result.sample.family)
    assert list(found) == ["lipsync", "swap"]
    assert found["swap"]["auc"]["value"] == 1.0
    assert found["swap"]["fakes"] == 2
    assert found["lipsync"]["auc"]["value"] == pytest.approx(0.5)
    assert found["lipsync"]["coverage"] == pytest.approx(2 / 3, abs=1e-4)
    assert found["lipsync"]["detection_rate"]["value"] == 0.0


def test_a_family_without_any_score_has_no_auc_but_stands_in_the_table() -> None:
    results = [scored(sample("r", is_fake=False), 0.2), unseen(sample("f", is_fake=True, family="swap"))]
    entry = against_all_reals(results, judge(), lambda result: result.sample.family)["swap"]
    assert (entry["fakes"], entry["coverage"], entry["auc"], entry["detection_rate"]) == (1, 0.0, None, None)


def test_verdicts_are_counted_by_class() -> None:
    found = verdicts(mixed(), judge())
    assert found["real"] == {"fake": 1, "real": 3, "inconclusive": 1}
    assert found["fake"] == {"fake": 2, "real": 1, "inconclusive": 2}
    assert found["decided_share"]["value"] == pytest.approx(0.7)
    assert found["decided_accuracy"]["value"] == pytest.approx(5 / 7, abs=1e-4)
    assert found["reasons"]["no_face"] == {"real": 1, "fake": 1}
    assert found["reasons"]["too_dark"] == {"real": 0, "fake": 1}
    assert found["reasons"].keys() == set(Reason)


def test_scores_alone_make_no_verdicts() -> None:
    assert "verdicts" not in summarise([replace(result, verdict=None) for result in mixed()], judge())


def test_when_nothing_is_scored_nothing_is_claimed() -> None:
    results = [unseen(sample("r", is_fake=False)), unreadable(sample("f", is_fake=True))]
    summary = summarise(results, judge())
    assert {name for name, found in summary["video"].items() if found is not None} == {"auc_missing_as_half"}
    assert summary["frame"]["auc"] is None
    assert summary["coverage"]["scored_share"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert curves.roc(videos(results)) == []
    assert curves.risk_coverage(videos(results), judge()) == {"area": None, "points": []}
    assert curves.reliability(videos(results)) == {"equal_width": [], "equal_mass": []}
    assert ranked([], judge())["coverage"] is None


# --- thresholds ---------------------------------------------------------------------------------------------------


def test_a_model_is_judged_where_its_verdicts_begin_and_end() -> None:
    decision = Decision(threshold=0.5, inconclusive_margin=0.1)
    assert points_of(decision, 0.5) == pytest.approx({"threshold": 0.5, "called_fake": 0.6, "not_called_real": 0.4})
    careful = OperatingPoint(0.8, false_alarm_rate=0.01, detection_rate=0.3, real_count=100, fake_count=100)
    moved = points_of(replace(decision, operating_points={"low_false_alarm": careful}), 0.95)
    assert (moved["models_own_threshold"], moved["low_false_alarm"], moved["called_fake"]) == (0.5, 0.8, 1.0)
    table = operating_points(mixed(), judge(), points_of(decision, 0.5))
    assert [(row["false_alarm_rate"]["value"], row["detection_rate"]["value"]) for row in table] == [
        (0.25, 0.5),
        (0.25, 0.5),
        (0.25, 0.75),
    ]


def test_the_digest_follows_what_an_answer_depends_on() -> None:
    manifest = make_manifest()
    assert digest(manifest) == digest(replace(manifest, metrics={"auc": 0.9}, reference={"seed": 1}))
    assert digest(manifest) == digest(replace(manifest, explanation=make_record(manifest)))
    assert digest(manifest) != digest(replace(manifest, calibration=Calibration(slope=2.0)))
    assert digest(manifest) != digest(replace(manifest, files={"model.onnx": "00" * 32}))


def test_the_threshold_in_force_is_the_callers_or_the_models() -> None:
    def threshold(options: AnalysisOptions) -> float:
        return setting_of(make_manifest(), options, {}, {}, 0).threshold

    assert threshold(AnalysisOptions()) == 0.5
    assert threshold(AnalysisOptions(threshold=0.7)) == 0.7
    with pytest.raises(InvalidParameter, match="'careful'"):
        threshold(AnalysisOptions(operating_point="careful"))


# --- curves -------------------------------------------------------------------------------------------------------


def test_curves_are_thinned_but_keep_their_ends() -> None:
    results = [scored(sample(str(n), is_fake=n % 3 == 0), n / 500) for n in range(500)]
    points = curves.roc(videos(results))
    assert len(points) <= 100
    assert (points[0], points[-1]) == ([0.0, 0.0], [1.0, 1.0])
    assert points == sorted(points)


def test_reliability_says_how_sure_it_is() -> None:
    [one, *_, last] = curves.reliability(videos(mixed()))["equal_width"]
    assert (one["count"], one["fake_share"]) == (1, 0.0)
    assert [one["low"], one["high"]] == pytest.approx([0.0, 0.7935], abs=1e-4)  # Wilson, none of one
    assert last["fake_share"] == 1.0
    assert sum(entry["count"] for entry in curves.reliability(videos(mixed()))["equal_mass"]) == 8


def test_histograms_count_every_video_once() -> None:
    found = curves.histogram(videos(mixed()))
    assert (sum(found["real"]), sum(found["fake"])) == (4, 4)
    assert curves.histogram(videos([scored(sample("a", is_fake=True), 1.0)]))["fake"][-1] == 1


def test_the_worst_mistakes_come_first() -> None:
    found = curves.mistakes(mixed(), 0.5)
    assert [row["path"] for row in found["false_alarms"]] == ["r3.mp4"]
    assert [row["path"] for row in found["missed_fakes"]] == ["l0.mp4", "l1.mp4"]
    assert found["missed_fakes"][1]["reasons"] == ["too_dark", "near_threshold"]


# --- parts --------------------------------------------------------------------------------------------------------


def test_parts_by_quality_reason_and_column() -> None:
    found = slices(mixed(), judge(), ["sex"])
    thirds = found["quality"]["face_side_px"]
    assert [part["name"] for part in thirds] == ["lowest third", "middle third", "highest third"]
    assert sum(part["real"] + part["fake"] for part in thirds) == 8
    assert thirds[0]["to"] < thirds[1]["from"] <= thirds[1]["to"] < thirds[2]["from"]
    assert [part["name"] for part in found["quality"]["brightness"]] == ["lowest third"]  # all equal
    reasons = {part["name"]: part for part in found["reasons"]}
    assert reasons.keys() == {"no_face", "too_dark", "near_threshold", "none"}
    assert (reasons["no_face"]["coverage"], reasons["no_face"]["auc"]) == (0.0, None)
    columns = {part["name"]: part for part in found["columns"]["sex"]}
    assert columns.keys() == {"f", "m", "unknown"}
    assert sum(part["real"] + part["fake"] for part in columns.values()) == 11


# --- robustness ---------------------------------------------------------------------------------------------------


def test_changes_are_reckoned_on_the_same_videos() -> None:
    clean = mixed()
    spoilt = [
        replace(result, probability=None if result.sample.name == "s0.mp4" else 1 - result.probability)
        if result.probability is not None
        else result
        for result in clean
    ]
    blur = Condition("GB", 3)
    found = robustness({CLEAN: clean, blur: spoilt}, Conditions((blur,), ("H265",)), judge())
    assert found is not None
    [entry] = found["conditions"]
    assert (entry["kind"], entry["title"], entry["level"]) == ("GB", "blur", 3)
    assert entry["coverage"] == pytest.approx(7 / 11, abs=1e-4)
    # Without s0, 8 of 12 pairs are in order as they are, and 4 when all is turned round.
    assert entry["auc"]["value"] == pytest.approx(4 / 12, abs=1e-4)
    assert entry["auc_change"]["value"] == pytest.approx(-4 / 12, abs=1e-4)
    assert found["mean_auc_change"] == {"all": entry["auc_change"]["value"], "GB": entry["auc_change"]["value"]}
    assert found["skipped"] == ["H265"]


def test_encodings_that_come_out_the_same_count_once() -> None:
    clean = mixed()
    turned, lost = (
        [
            result if result.probability is None else replace(result, probability=change(result.probability))
            for result in clean
        ]
        for change in (lambda probability: 1 - probability, lambda _probability: 0.5)
    )
    blur, vc, h264, small = (Condition(*of) for of in (("GB", 3), ("VC", 3), ("H264", 35), ("480p", 35)))
    blocks = Condition("BW", 1), Condition("BW", 2)
    wanted = Conditions((vc, h264, small, blur, *blocks))
    results = {CLEAN: clean, vc: turned, h264: turned, small: turned, blur: clean, **dict.fromkeys(blocks, clean)}
    found = robustness(results, wanted, judge())
    assert found is not None
    change = found["conditions"][0]["auc_change"]["value"]
    assert change < 0
    assert found["mean_auc_change"]["all"] == pytest.approx(change / 4, abs=1e-4)
    larger = robustness({**results, small: lost}, wanted, judge())  # some videos were brought to 480 px
    assert larger is not None
    worse = larger["conditions"][2]["auc_change"]["value"]
    assert larger["mean_auc_change"]["all"] == pytest.approx((change + worse) / 5, abs=1e-4)


def test_clean_videos_alone_tell_nothing_of_robustness() -> None:
    assert robustness({CLEAN: mixed()}, Conditions(), judge()) is None
