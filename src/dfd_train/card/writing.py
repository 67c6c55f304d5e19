"""``MODEL_CARD.md`` and the pictures beside it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dfd.evaluation.charts import reliability_plot, risk_plot
from dfd.manifest import ModelManifest
from dfd.types import Verdict
from dfd_train.card import about, held_out, on_videos
from dfd_train.card.explanations import explanations
from dfd_train.card.facts import in_present_form
from dfd_train.card.failures import Answer, failure_table
from dfd_train.card.markdown import bullets, with_interval
from dfd_train.card.pictures import failure_sheet, png, standalone
from dfd_train.card.remarks import CHANCE, against_chance
from dfd_train.card.weak import weak_points

CARD_NAME = "MODEL_CARD.md"
CARD_FOLDER = "card"


def write_card(folder: Path, manifest: ModelManifest, measured: Mapping[str, Any], failures: Sequence[Answer]) -> None:
    """Write ``MODEL_CARD.md`` and the pictures in ``card/`` beside the manifest.

    Args:
        folder: of the version.
        manifest: with ``metrics`` holding ``cross_validation``, and, where known, ``calibration``.
        measured: the document of `dfd.evaluation.document` on the test videos.
        failures: of `dfd_train.card.failures.show_failures`; without any, the card has no pictures of failures.
    """
    pictures = folder / CARD_FOLDER
    pictures.mkdir(parents=True, exist_ok=True)
    reliability = reliability_plot(measured["reliability"]["equal_width"])
    (pictures / "reliability.svg").write_text(standalone(reliability), encoding="utf-8")
    abstention = standalone(risk_plot(measured["risk_coverage"]["points"]))
    (pictures / "abstention.svg").write_text(abstention, encoding="utf-8")
    sheet = pictures / "failures.png"
    if failures:
        sheet.write_bytes(png(failure_sheet(failures)))
    else:
        sheet.unlink(missing_ok=True)  # of an earlier card
    (folder / CARD_NAME).write_text(card(manifest, measured, failures), encoding="utf-8")


def card(manifest: ModelManifest, measured: Mapping[str, Any], failures: Sequence[Answer]) -> str:
    """The text of the card; see `write_card`."""
    sections = [
        ("In short", _in_short(manifest, measured)),
        ("What is weak, and what is not known", bullets(weak_points(manifest, measured))),
        ("Use and misuse", about.use()),
        ("What it cannot see", about.limits(manifest.input)),
        ("What it is shown", about.input_in_words(manifest.input)),
        ("Training data and terms", about.data(manifest)),
        ("Recipe", about.recipe(manifest)),
        ("Held-out sources and people", held_out.held_out_sources(manifest)),
        ("A family never shown", held_out.unseen_family(manifest)),
        ("From faces to a video", held_out.rules(manifest)),
        ("From logit to probability", held_out.calibration(manifest)),
        ("From probability to verdict", held_out.operating_points(manifest)),
        ("Test videos", on_videos.test_videos(measured)),
        ("Forgeries in the test videos", on_videos.forgeries(measured)),
        ("Verdicts on the test videos", on_videos.verdicts(measured)),
        ("Calibration and abstention on the test videos", on_videos.calibration_and_abstention(measured)),
        ("Quality of the face, and other parts of the test videos", on_videos.quality(measured)),
        ("Robustness", on_videos.robustness(measured)),
        ("Worst mistakes on the test videos", on_videos.mistakes(measured)),
        ("Failure modes", _failures(failures)),
        ("Explanations", explanations(manifest)),
        ("Forms of the model", _forms(manifest)),
    ]
    return "\n\n".join([about.head(manifest), *(f"## {title}\n\n{text}" for title, text in sections if text)]) + "\n"


def _in_short(manifest: ModelManifest, measured: Mapping[str, Any]) -> str:
    figures = in_present_form(manifest.metrics["cross_validation"])["video"]["auc"]
    return bullets(
        [
            f"On sources and people that it had not seen: AUC {with_interval(figures)}; {against_chance(figures)}."
            + _pairs(figures),
            f"On {measured['coverage']['real']} real and {measured['coverage']['fake']} fake test videos: AUC "
            f"{with_interval(measured['auc'])}, {measured['coverage']['scored_real']} and "
            f"{measured['coverage']['scored_fake']} of them scored; {against_chance(measured['auc'])}.",
            *_called(measured.get("verdicts")),
        ]
    )


def _pairs(auc: Mapping[str, float] | None) -> str:
    if auc is None:
        return ""
    return (
        f" Of 100 pairs of a fake and a real video it ranks {100 * auc['value']:.0f} rightly; guessing ranks "
        f"{100 * CHANCE:.0f}."
    )


def _called(given: Mapping[str, Any] | None) -> list[str]:
    """One sentence on the verdicts, where there are any."""
    if given is None:
        return []
    said = [
        f"of {sum(given[label].values())} {label} ones {given[label][Verdict.FAKE]} called fake, "
        f"{given[label][Verdict.REAL]} real and {given[label][Verdict.INCONCLUSIVE]} inconclusive"
        for label in ("real", "fake")
    ]
    return [f"Verdicts on the test videos: {'; '.join(said)}."]


def _failures(failures: Sequence[Answer]) -> str:
    if not failures:
        return ""
    wrong, open_ = sum(answer.is_wrong for answer in failures), sum(answer.is_open for answer in failures)
    return (
        "Its answers for the [sample clips](../../../samples/README.md), as they are and spoilt: probability and "
        f"verdict, wrong verdicts in bold. Answers: {len(failures)}, of them {wrong} wrong and {open_} inconclusive. "
        "The clips are films of photographs: they show what can happen, and measure nothing.\n\n"
        f"![Sample clips under damage, with score and verdict](card/failures.png)\n\n{failure_table(failures)}"
    )


def _forms(manifest: ModelManifest) -> str:
    difference = manifest.metrics.get("parity_max_logit_difference")
    if difference is None:
        return ""
    return f"Keras, SavedModel and ONNX logits differ by at most {difference:.1e} on real crops."
