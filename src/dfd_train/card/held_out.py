"""What is known from clips that were held out while the folds' models were trained; all of it is in the manifest."""

from collections.abc import Mapping, Sequence
from typing import Any

from dfd.evaluation.markup import cells_of, percent, value_of, words
from dfd.evaluation.page import FIGURES
from dfd.judgement import CalibrationMethod, Decision
from dfd.manifest import ModelManifest
from dfd_train.card.about import DOCS
from dfd_train.card.facts import in_present_form
from dfd_train.card.markdown import INTERVAL, counted, escaped, table
from dfd_train.card.remarks import highest_rate, of_auc, of_false_alarms, share_of_alarms_that_are_right

_RARE = 0.01


def held_out_sources(manifest: ModelManifest) -> str:
    """Cross-validation: all figures, by family, by fold."""
    figures = in_present_form(manifest.metrics["cross_validation"])
    seen = figures["coverage"]
    parts = [
        f"{manifest.reference.get('folds', 'Several')} folds that share neither a published source nor a person, by "
        "the names that the lists give. Each clip is judged by a model of the same recipe that has seen neither; the "
        f"shipped model was trained on all of them. {seen['real']} real and {seen['fake']} fake clips; a face was "
        f"found and scored in {percent(seen['scored_share']['value'])}. {_drawn(figures)}The recipe was chosen by such "
        "folds, so that its figures are somewhat too good, and calibration, threshold and margin were fitted to these "
        "very scores.",
        figure_table(figures["video"], figures["frame"]),
        "Brier score and calibration errors also count that fakes and reals are not equally many here, which "
        "probabilities assume; the table of calibrations below does not.",
        family_table(figures["per_family"], seen["scored_real"]),
        _folds(figures.get("per_fold", [])),
    ]
    return "\n\n".join(filter(None, parts))


def _drawn(figures: Mapping[str, Any]) -> str:
    """What intervals are drawn by; the first manifests do not say."""
    return f"Intervals are 95 %, by bootstrap draws by {escaped(figures['unit'])}. " if "unit" in figures else ""


def figure_table(video: Mapping[str, Any], frame: Mapping[str, Any]) -> str:
    """Every figure of videos and of frames; those that were not measured are left out."""
    rows = [
        [title, *cells_of(video[name]), *(cells_of(frame[name]) if name in frame else ("", ""))]
        for name, title in FIGURES.items()
        if name in video
    ]
    frames = f"frames ({frame['frames']})" if "frames" in frame else "frames"
    return table(("figure", "videos", INTERVAL, frames, INTERVAL), rows, range(1, 5))


def family_table(found: Mapping[str, Any], reals: int, kind: str = "family") -> str:
    """The fakes of each family or method against all reals that were scored, with what the figure is worth."""
    rows = [
        [
            escaped(name),
            str(entry["fakes"]),
            percent(entry.get("coverage")),
            *cells_of(entry["auc"]),
            value_of(entry.get("detection_rate")),
            of_auc(entry["auc"], entry["fakes"], reals),
        ]
        for name, entry in found.items()
    ]
    return table((kind, "fakes", "scored", "AUC", INTERVAL, "detections", "remark"), rows, range(1, 6))


def unseen_family(manifest: ModelManifest) -> str:
    """Forgeries of a family that the folds' models were never shown; empty where that was not measured."""
    found = manifest.metrics.get("unseen_family")
    if not found:
        return ""
    rows = [
        [of, *cells_of(found[name]), of_auc(found[name], found["clips"], found["clips"])]
        for of, name in (("videos", "video_auc"), ("frames", "frame_auc"))
    ]
    return (
        f"{found['clips']} made forgeries of the family `{escaped(found['family'])}`, which no model was trained on, "
        "each beside the real clip it was made of, changed alike in colour and sharpness. Each pair is judged by the "
        "fold's model that has seen neither its people nor its source.\n\n"
        + table(("of", "AUC", INTERVAL, "remark"), rows, range(1, 3))
    )


def rules(manifest: ModelManifest) -> str:
    """Other ways than the mean to make one score of a clip's faces; empty where they were not compared."""
    found = manifest.metrics.get("rules")
    if not found:
        return ""
    rows = [[escaped(row["rule"]), *cells_of(row["auc"]), *cells_of(row["difference"])] for row in found]
    return (
        "A video's score is the mean probability of a track's faces. The same held-out clips ranked by other rules, of "
        "the logits; a rule with numbers of its own was fitted on the other folds. A difference whose interval holds 0 "
        "decides nothing.\n\n"
        + table(("rule", "AUC", INTERVAL, "against the mean of logits", INTERVAL), rows, range(1, 5))
    )


def _folds(folds: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [
            str(number),
            str(fold["real"]),
            str(fold["fake"]),
            percent(fold["coverage"]),
            *cells_of(fold["auc"]),
            of_auc(fold["auc"], fold["fake"], fold["real"]),
        ]
        for number, fold in enumerate(folds, start=1)
    ]
    return table(("fold", "real", "fake", "scored", "AUC", INTERVAL, "remark"), rows, range(6))


def calibration(manifest: ModelManifest) -> str:
    """How logits become probabilities, and how the forms of it compared."""
    chosen = manifest.calibration
    if chosen.method is CalibrationMethod.ISOTONIC:
        how = f"Isotonic, {counted(len(chosen.knots), 'knot')}."
    else:
        how = f"{str(chosen.method).capitalize()}: slope {chosen.slope:g}, intercept {chosen.intercept:g}."
    if chosen.quality:
        how += f" The quality of the face takes part: {', '.join(words(name) for name in chosen.quality)}."
    comparison: Mapping[str, Any] | None = manifest.metrics.get("calibration")
    if comparison is None:
        return how
    rows = [
        [
            f"**{name}**" if name == comparison["chosen"] else name,
            *(f"{form[column]:.4f}" for column in ("log_loss", "brier", "ece", "ece_equal_mass")),
            f"{form['excess']:.4f} ± {form['excess_se']:.4f}",
        ]
        for name, form in comparison["forms"].items()
    ]
    head = ("form", "log loss", "Brier", "ECE, equal width", "ECE, equal mass", "log loss above the best")
    return "\n\n".join(
        [
            f"{how} The forms below were cross-validated over groups of people and sources on the held-out scores, "
            "both classes weighing the same; taken is the simplest whose log loss is within one standard error of the "
            f"best ([0006-calibration.md]({DOCS}/decisions/0006-calibration.md)).",
            table(head, rows, range(1, 6)),
        ]
    )


def operating_points(manifest: ModelManifest) -> str:
    """From probability to verdict: the threshold, the margin, and what each threshold did on held-out clips."""
    decision = manifest.decision
    parts = [
        f"Threshold {decision.threshold:g}, margin {decision.inconclusive_margin:g}: a video is called fake from "
        f"{decision.threshold + decision.inconclusive_margin:g} on and real up to "
        f"{decision.threshold - decision.inconclusive_margin:g}; in between, or with too weak evidence, the verdict is "
        "`inconclusive`."
        + (
            f" One face strays from its video's mean by {decision.frame_spread:.3f} (standard deviation): few faces "
            "widen the margin."
            if decision.frame_spread
            else ""
        ),
        _named(decision),
        _rates(in_present_form(manifest.metrics["cross_validation"])),
    ]
    return "\n\n".join(filter(None, parts))


def _named(decision: Decision) -> str:
    rows = []
    for name, point in decision.operating_points.items():
        alarms = round(point.false_alarm_rate * point.real_count)
        bound = of_false_alarms({"value": point.false_alarm_rate}, point.real_count)
        rows.append(
            [
                words(name),
                f"{point.threshold:.3f}",
                f"{point.false_alarm_rate:.1%} ({alarms} of {counted(point.real_count, 'real')})",
                f"{point.detection_rate:.1%} (of {counted(point.fake_count, 'fake')})",
                bound,
            ]
        )
    if not rows:
        return ""
    found = table(("operating point", "threshold", "false alarms", "detections", "remark"), rows, (1,))
    return (
        f"Thresholds to choose from (`--operating-point`), chosen on the held-out clips. The margin counts.\n\n{found}"
    )


def _rates(figures: Mapping[str, Any]) -> str:
    points, reals = figures.get("operating_points", []), figures["coverage"]["scored_real"]
    found = rate_table(points, reals)
    told = f"Scores of the held-out clips against single numbers, the margin aside.\n\n{found}"
    return found and "\n\n".join(filter(None, [told, worth_of_an_alarm(points, reals)]))


def rate_table(points: Sequence[Mapping[str, Any]], reals: int) -> str:
    """False alarms and detections of scores at thresholds, with intervals.

    Args:
        points: as `dfd.evaluation.figures.operating_points` gives them.
        reals: that were scored.
    """
    rows = [
        [
            words(point["name"]),
            f"{point['threshold']:.3f}",
            *cells_of(point["false_alarm_rate"]),
            *cells_of(point["detection_rate"]),
            of_false_alarms(point["false_alarm_rate"], reals),
        ]
        for point in points
    ]
    head = ("threshold", "score at least", "false alarms", INTERVAL, "detections", INTERVAL, "remark")
    return table(head, rows, range(1, 6))


def worth_of_an_alarm(points: Sequence[Mapping[str, Any]], reals: int) -> str:
    """How many of the videos called fake are fake, where fakes are rare; nothing where the rates are not known.

    Args:
        points: as for `rate_table`, that of ``called_fake`` among them.
        reals: that were scored.
    """
    point = next((point for point in points if point["name"] == "called_fake"), None)
    if point is None or point["false_alarm_rate"] is None or point["detection_rate"] is None:
        return ""
    alarms, hits = point["false_alarm_rate"], point["detection_rate"]["value"]
    worst = max(alarms["high"], highest_rate(round(alarms["value"] * reals), reals))
    right, least = (share_of_alarms_that_are_right(rate, hits, _RARE) for rate in (alarms["value"], worst))
    if right is None or least is None:
        return ""
    return (
        "Probabilities assume that a fake is as likely as a real video. Where one video in a hundred is fake and these "
        f"rates hold, {right:.0%} of the videos with a score from {point['threshold']:g} on are fake; {least:.0%} if "
        "false alarms are as frequent as the figures still allow."
    )
