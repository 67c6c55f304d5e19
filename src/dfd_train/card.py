"""The model card: what the model is, what it was measured to do, and what it cannot see."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dfd.evaluation.page import FIGURES
from dfd.manifest import ModelManifest
from dfd_train.datasets import Clip

_LIMITS = """\
## What it cannot see

- **It is a weak detector.** It looks at 64x64 pixels of each face: enough for blending borders, wrong colours and the
  smoothness of generated skin, too little for most lip-sync and for careful reenactment. The figures above are the
  honest size of its skill; a probability near 0.5 is what it says of most things it has not learned.
- **New methods.** Forgery methods that resemble none of its training clips may be scored as real. Its cross-validated
  figures by family, which always hold out whole sources, are the best forecast of that.
- **Sound, lips against words, identity, context.** It looks at single faces. It does not hear, does not know who
  somebody is, and does not see that a scene is staged, cut or captioned falsely.
- **Everything but faces.** Edited bodies, backgrounds, objects and whole generated scenes without a face are outside
  its sight: such a video is `inconclusive`, not `real`.
- **Bad pictures.** Strong compression, small, dark or blurred faces hide what it looks for. Those are reported as
  reasons and make the verdict `inconclusive`.
- **People.** Most training reals are politicians, actors and presenters in good light. No figures by skin tone, age or
  gender were measured for this version; differences between groups are to be expected until they are.

## Use

- **Meant for** triage and as one piece of evidence among several, read by a person.
- **Not meant for** deciding alone about a person, an account or a publication, nor for proving that a video is genuine:
  `real` means that the model found no sign of the forgeries it knows.
"""


def write_card(folder: Path, manifest: ModelManifest, clips: Sequence[Clip], test: Sequence[Clip]) -> None:
    """Write ``MODEL_CARD.md`` beside the manifest, from the manifest's figures.

    Args:
        folder: of the version.
        manifest: with ``metrics`` holding ``cross_validation`` and ``test``.
        clips: what the model was trained on.
        test: what it was judged on.
    """
    contract = manifest.input
    recipe = manifest.reference["recipe"]
    sections = [
        f"# Model card: {manifest.name}, version {manifest.version}\n",
        f"{manifest.architecture}; input {contract.size_px}x{contract.size_px} RGB in "
        f"[{contract.value_min:g}, {contract.value_max:g}], {contract.layout}; crop margin {contract.crop_margin:g} of "
        f"the face box on each side, alignment: {contract.alignment}; output: {manifest.output}, 1 = fake. "
        f"Licence of the files: {manifest.licence}.\n",
        "## Training data\n",
        _data(clips),
        f"Recipe: {recipe['epochs']} epochs of {recipe['steps_per_epoch']} batches of {recipe['batch_size']}; "
        f"{recipe['blended_share']:.0%} of each batch are self-blended pairs (Shiohara and Yamasaki, CVPR 2022), the "
        "rest genuine clips, both classes alike by oversampling after the split; resolution loss, blur, light, colour, "
        "noise, JPEG and H.264 wear on both classes alike; AdamW, cosine schedule, averaged weights; seed "
        f"{recipe['seed']}.\n",
        "## How good it is\n",
        "A video's score is that of its most suspicious face track: the mean of the track's calibrated face "
        "probabilities. Intervals are 95 %, by bootstrap over videos, those of the same people drawn "
        "together.\n",
        f"### Held-out sources and people ({manifest.reference['folds']}-fold cross-validation)\n",
        "Folds never share a published source or a person. These scores were also used to fit the calibration (two "
        "numbers), and the folds' models are siblings of the shipped one, not the shipped one itself.\n",
        _figures(manifest.metrics["cross_validation"]),
        "### Test clips\n",
        f"{len(test)} whole clips as published, sharing no source with the training clips, judged once, by the shipped "
        "model through the serving pipeline. So few clips make wide intervals. No weight, calibration "
        "or threshold was chosen by them; some parameters of face detection and tracking were, among other clips.\n",
        _figures(manifest.metrics["test"]),
        "Keras, SavedModel and ONNX logits differ by at most "
        f"{manifest.metrics['parity_max_logit_difference']:.1e} on real crops.\n",
        _LIMITS,
    ]
    (folder / "MODEL_CARD.md").write_text("\n".join(sections), encoding="utf-8")


def _data(clips: Sequence[Clip]) -> str:
    families = Counter(clip.family for clip in clips)
    rows = "\n".join(f"| {name} | {count} |" for name, count in sorted(families.items()))
    methods = len({clip.method for clip in clips if clip.is_fake})
    sources = len({clip.source for clip in clips})
    return (
        f"| family | clips |\n| --- | ---: |\n{rows}\n\n{methods} forgery methods, {sources} published sources. The "
        "clips come from research pages; most state no licence, so they are used for research and none is shipped.\n"
    )


def _figures(figures: Mapping[str, Any]) -> str:
    seen = figures["coverage"]
    lines = [
        f"{seen['real']} real and {seen['fake']} fake clips; a face was found and scored in "
        f"{seen['scored_share']['value']:.1%} of them. Frame AUC {figures['frame']['auc']['value']:.3f}.\n",
        "| figure | value | 95 % interval |",
        "| --- | ---: | --- |",
    ]
    for name, title in FIGURES.items():
        lines.append(_row(title, figures["video"][name]))
    for family, entry in figures["per_family"].items():
        lines.append(_row(f"AUC, {family} ({entry['fakes']} fakes) against all reals", entry["auc"]))
    if "verdicts" in figures:
        lines += ["", "| clips | fake | real | inconclusive |", "| --- | ---: | ---: | ---: |"]
        for name in ("real", "fake"):
            counts = figures["verdicts"][name]
            lines.append(f"| {name} | {counts['fake']} | {counts['real']} | {counts['inconclusive']} |")
    return "\n".join(lines) + "\n"


def _row(title: str, estimate: Mapping[str, float] | None) -> str:
    if estimate is None:
        return f"| {title} | undefined | |"
    return f"| {title} | {estimate['value']:.3f} | {estimate['low']:.3f} to {estimate['high']:.3f} |"
