"""What the card says without figures: input, data, recipe, what the model cannot see, use and misuse."""

from collections.abc import Mapping
from typing import Any

from dfd.blind_spots import blind_spots
from dfd.evaluation.markup import words
from dfd.manifest import Alignment, InputContract, Layout, ModelManifest
from dfd_train.card.markdown import bullets, escaped, listed, table

DOCS = "../../../docs"
"""From a version's folder, ``models/<name>/<version>``, to the documentation."""

_IN_WORDS = {"contract", "made", "blended_share", "foundation"}
"""Parts of a recipe that have a sentence of their own."""

_OF_PASSES = {
    "dropout",
    "ema_momentum",
    "epochs",
    "frozen_norms",
    "frozen_stages",
    "label_smoothing",
    "learning_rate",
    "mixed_precision",
    "steps_per_epoch",
    "weight_decay",
}
_OF_REGRESSION = {"head_batches", "head_strength"}
_OF_TWO_FRAMES = {"trunks"}


def head(manifest: ModelManifest) -> str:
    """Title, and what the files are."""
    terms, _, _ = manifest.licence.partition(";")
    return (
        f"# Model card: {manifest.name}, version {manifest.version}\n\n"
        f"{escaped(manifest.architecture)}. Answers: {words(manifest.output)}, 1 = fake. Licence: "
        f"{escaped(terms)}; the training data has terms of its own (below).\n\n"
        "Written by `dfd-train` from the manifest and the measurements: remarks on figures follow from the figures by "
        f"rule. What each figure means: [evaluation.md]({DOCS}/evaluation.md)."
    )


def input_in_words(contract: InputContract) -> str:
    """What the model is shown."""
    side, channels = contract.size_px, 3 * contract.frames
    shape = f"[N, {side}, {side}, {channels}]" if contract.layout is Layout.NHWC else f"[N, {channels}, {side}, {side}]"
    turned = ", turned so that the eyes lie level" if contract.alignment is Alignment.EYES else ""
    square = (
        f"a square of {side}x{side} px around the face box with {contract.crop_margin:.0%} of its longer side added on "
        f"each side{turned}; RGB from {contract.value_min:g} to {contract.value_max:g}, `{shape}`"
    )
    if contract.frames == 1:
        return f"One picture of a face at a time: {square}. Nothing of what happens between frames is seen."
    return (
        "Two pictures of a face at a time, from a sampled frame and from the frame right after it in the video. Both "
        f"are cut alike: {square}, the earlier picture in the first three channels. What differs between them is "
        "therefore what happened in between: movement of skin and mouth, noise, flicker. Where no frame follows (a "
        "photograph, the end of a video), the same picture stands twice, and that evidence is missing."
    )


def data(manifest: ModelManifest) -> str:
    """What it was trained on, and under which terms."""
    parts = [f"{_sentence(manifest.training_data)} How clips are read and split: [datasets.md]({DOCS}/datasets.md)."]
    facts: Mapping[str, Any] | None = manifest.reference.get("data")
    if facts is not None:
        families = [[name, str(count)] for name, count in facts["families"].items()]
        parts += [
            table(("family", "training clips"), families, (1,)),
            f"{facts['methods']} forgery methods, {facts['sources']} sources, {_people(facts['people'])}.",
        ]
    return "\n\n".join(parts)


def _people(count: int) -> str:
    if count == 0:
        return "and nobody named"
    return f"{count} names of people or, where the lists name nobody, of recordings or parts of a set"


def recipe(manifest: ModelManifest) -> str:
    """How it was trained, number by number, and where the reasons stand."""
    found: Mapping[str, Any] = manifest.reference.get("recipe", {})
    record = "0005-second-model.md" if manifest.input.frames == 2 else "0004-first-model.md"
    sentences = [
        _made(found),
        _foundation(found.get("foundation")),
        f"How training goes: [training.md]({DOCS}/training.md). Why it is so, what was tried and what each part is "
        f"worth: [{record}]({DOCS}/decisions/{record}).",
    ]
    return "\n\n".join(filter(None, [" ".join(filter(None, sentences)), _settings(found)]))


def _settings(found: Mapping[str, Any]) -> str:
    """Every number that was used, of the model and of its foundation."""
    models = {"value": _used(found)}
    if found.get("foundation"):
        models = {"last layer": _used(found), "foundation": _used(found["foundation"])}
    names = sorted(set().union(*models.values()))
    rows = [[words(name), *(escaped(str(used.get(name, ""))) for used in models.values())] for name in names]
    return table(("setting", *models), rows)


def _used(found: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a recipe that it made use of, but for those that have a sentence of their own."""
    unused = set(_IN_WORDS)
    if found.get("epochs") == 0:
        unused |= _OF_PASSES
    if not found.get("head_strength"):
        unused |= _OF_REGRESSION
    if found.get("contract", {}).get("frames") == 1:
        unused |= _OF_TWO_FRAMES
    return {name: value for name, value in found.items() if name not in unused}


def _made(found: Mapping[str, Any]) -> str:
    share = found.get("made_share", found.get("blended_share"))
    if share is None:
        return ""
    weights = found.get("made", {"self_blend": 1.0})
    total = sum(weights.values())
    kinds = listed([f"{words(name)} {weight / total:.0%}" for name, weight in sorted(weights.items())])
    if found.get("epochs") == 0:
        pairs = found["head_batches"] * found["batch_size"] // 2
        return (
            "Only the last layer was fitted to clips: a logistic regression on the mean of each clip's faces, classes "
            f"and sources in balance; {share:.0%} of its weight is {pairs} pairs of a photograph and a forgery made of "
            f"it ({kinds}; [made-fakes.md]({DOCS}/made-fakes.md))."
        )
    return (
        f"{share:.0%} of the images of a batch are pairs of a real face and a forgery made of it ({kinds}; "
        f"[made-fakes.md]({DOCS}/made-fakes.md)); the rest are genuine clips, both classes alike."
    )


def _foundation(found: Mapping[str, Any] | None) -> str:
    if not found:
        return ""
    steps = found["epochs"] * found["steps_per_epoch"]
    return (
        f"The trunk that looks at the frame was trained for {steps} steps of {found['batch_size']} images on forgeries "
        f"of {found['stills']} photographs alone; it has seen no clip. The one that looks at the difference has the "
        "weights of ImageNet."
    )


def limits(contract: InputContract) -> str:
    """What no figure shows, because the model is not given it."""
    found = blind_spots(contract.size_px, contract.frames)
    return bullets([f"**{spot.title}.** {spot.text}" for spot in found])


def use() -> str:
    """What it is meant for, and what would be misuse."""
    return bullets(
        [
            "**Meant for** triage, and as one piece of evidence among several, read by a person together with the "
            "reasons and the course of the score over the video.",
            "**Not meant for** deciding alone about a person, an account or a publication; for proving that a video is "
            "genuine (`real` means that no sign of the forgeries it knows was found); for identifying anybody; for "
            "judging moods, honesty or character; for screening many people's videos without their knowledge.",
            "**Misuse to expect.** A forger can run it too and keep what passes. A high score for a true but unwelcome "
            "video is no evidence against it: see the false alarms below.",
        ]
    )


def _sentence(text: str) -> str:
    """The text with a capital and a full stop."""
    plain = escaped(text)
    return f"{plain[:1].upper()}{plain[1:].rstrip('.')}."
