"""From a data folder to a registered model version, in one resumable go.

1. cut faces into the crop store; 2. cross-validate over groups of sources and persons; 3. calibrate on the held-out
scores; 4. train on everything but the test clips and whatever shares a source with them; 5. export and compare;
6. judge the exported model once, through the serving pipeline, on the test clips; 7. write manifest and card.
"""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dfd.backends.onnx_runtime import OnnxRuntimeBackend
from dfd.faces.blazeface import BlazeFaceDetector
from dfd.manifest import Calibration, Decision, ModelManifest, Output
from dfd.pipeline import Analyzer
from dfd.preprocessing import to_model_input
from dfd.video.limits import MediaLimits
from dfd.video.pyav import PyAvOpener
from dfd_train import calibrate
from dfd_train.card import write_card
from dfd_train.datasets import Clip, check_present, read_face_clips, read_whole_clips, require_both_classes
from dfd_train.evaluate import ClipResult, analyse, summarise
from dfd_train.export import ONNX_NAME, export, file_hashes, write_manifest
from dfd_train.recipe import Recipe
from dfd_train.splits import check_disjoint, folds, without_leaks
from dfd_train.store import ClipCrops, CropStore, StoreSettings
from dfd_train.train import score, train

THRESHOLD = 0.5
INCONCLUSIVE_MARGIN = 0.1
_MAX_BATCH = 32
_PROBES = 64


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a workflow reads and writes.

    Attributes:
        data: folder that holds ``clips``.
        work: folder for the crop store and the runs.
        out: folder of the model version, ``.../<name>/<version>``.
        fold_count: folds of the cross-validation.
        limit: use only every n-th clip so that about this many are left; 0 for all.
        progress: whether to show bars.
    """

    data: Path
    work: Path
    out: Path
    fold_count: int = 3
    limit: int = 0
    progress: bool = True


def run(plan: Plan, recipe: Recipe) -> ModelManifest:
    """Do all seven steps; those that an earlier, interrupted call finished are not done again.

    Raises:
        DatasetError: the data is incomplete, or a split leaks.
        ConfigurationError: the work folder holds runs of another recipe.
        ParityError: the exported forms disagree.
    """
    clips, test = _clips(plan)
    opener = PyAvOpener(MediaLimits())
    store = CropStore(plan.work / "crops", StoreSettings(recipe.contract))
    store.build(clips, opener, BlazeFaceDetector(threads=2), progress=plan.progress)
    crops = [store.read(clip) for clip in clips]

    held_out = _cross_validate(plan, recipe, clips, crops)
    scored = [(clip, logits) for clip, logits in zip(clips, held_out, strict=True) if len(logits)]
    calibration = calibrate.fit([logits for _, logits in scored], [clip.is_fake for clip, _ in scored])
    rng = np.random.default_rng(recipe.seed)
    cross = summarise(_results(clips, held_out, calibration), THRESHOLD, rng)

    model = train(list(zip(clips, crops, strict=True)), recipe, plan.work / "runs" / "final", progress=plan.progress)
    probes = np.concatenate([faces.exact[:1] for faces in crops if faces.count])[:_PROBES]
    worst = export(model, plan.out, to_model_input(list(probes), recipe.contract))

    manifest = _manifest(plan, recipe, calibration, {"cross_validation": cross, "parity_max_logit_difference": worst})
    backend = OnnxRuntimeBackend(plan.out / ONNX_NAME, manifest)
    results = analyse(test, Analyzer(opener, BlazeFaceDetector(), backend, manifest), progress=plan.progress)
    figures = {**manifest.metrics, "test": summarise(results, THRESHOLD, rng)}
    manifest = dataclasses.replace(manifest, metrics=figures)
    write_manifest(plan.out, manifest)
    write_card(plan.out, manifest, clips, test)
    return manifest


def _clips(plan: Plan) -> tuple[list[Clip], list[Clip]]:
    """Training clips and test clips; the former share no source, person or file with the latter."""
    whole = read_whole_clips(plan.data)
    test = [clip for clip in whole if clip.split == "dev"]
    clips = without_leaks(read_face_clips(plan.data) + [clip for clip in whole if clip.split == "train"], test)
    check_disjoint(clips, test)
    if plan.limit:
        clips = clips[:: max(1, len(clips) // plan.limit)]
    require_both_classes(clips, "training")
    require_both_classes(test, "testing")
    check_present([*clips, *test])
    return clips, test


def _cross_validate(
    plan: Plan, recipe: Recipe, clips: Sequence[Clip], crops: Sequence[ClipCrops]
) -> list[npt.NDArray[np.float32]]:
    """Logits of every clip's faces from a model that has seen none of its group."""
    fold_of = folds(clips, plan.fold_count)
    logits: list[npt.NDArray[np.float32]] = [np.empty(0, np.float32)] * len(clips)
    for fold in range(plan.fold_count):
        inside = [index for index, number in enumerate(fold_of) if number == fold]
        outside = [index for index, number in enumerate(fold_of) if number != fold]
        check_disjoint([clips[i] for i in outside], [clips[i] for i in inside])
        require_both_classes([clips[i] for i in outside], f"training without fold {fold + 1}")
        run_folder = plan.work / "runs" / f"fold-{fold + 1}-of-{plan.fold_count}"
        model = train([(clips[i], crops[i]) for i in outside], recipe, run_folder, progress=plan.progress)
        for index in inside:
            logits[index] = score(model, crops[index].exact, recipe)
    rows = {clip.key: values.tolist() for clip, values in zip(clips, logits, strict=True)}
    (plan.work / "runs" / "held_out_logits.json").write_text(json.dumps(rows))
    return logits


def _results(
    clips: Sequence[Clip], logits: Sequence[npt.NDArray[np.float32]], calibration: Calibration
) -> list[ClipResult]:
    results = []
    for clip, values in zip(clips, logits, strict=True):
        faces = calibrate.face_probabilities(values, calibration)
        results.append(ClipResult(clip, float(faces.mean()) if len(faces) else None, tuple(faces.tolist())))
    return results


def _manifest(plan: Plan, recipe: Recipe, calibration: Calibration, figures: dict[str, Any]) -> ModelManifest:
    return ModelManifest(
        name=plan.out.parent.name,
        version=plan.out.name,
        architecture="EfficientNet-B0 (ReLU6), ImageNet warm start from EfficientNet-Lite0",
        files=file_hashes(plan.out),
        weights_file=ONNX_NAME,
        input=recipe.contract,
        output=Output.FAKE_LOGIT,
        calibration=calibration,
        decision=Decision(threshold=THRESHOLD, inconclusive_margin=INCONCLUSIVE_MARGIN),
        max_batch=_MAX_BATCH,
        training_data=(
            "genuine fakes and reals of a list of published research clips (research use; most sources state no "
            "licence), with self-blended images made of the reals; ImageNet warm start. No training image is shipped."
        ),
        licence="Apache-2.0 for the files; see the card for the terms of the training data",
        metrics=figures,
        reference={"recipe": dataclasses.asdict(recipe), "folds": plan.fold_count},
    )
