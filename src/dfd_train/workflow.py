"""From a data folder to a registered model version, in one resumable go.

1. cut faces into the crop store; 2. get ready what forgeries are made of; 3. cross-validate over groups of sources and
persons; 4. choose and fit the calibration on the held-out scores, and find operating points and what faces are like;
5. train on everything but the test clips and whatever shares a source with them; 6. export and compare; 7. examine the
exported model, through the serving pipeline, on the test clips as they are and spoilt; 8. write manifest and card.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dfd.faces.blazeface import BlazeFaceDetector
from dfd.manifest import InputContract, ModelManifest, Output
from dfd.preprocessing import to_model_input
from dfd.video.limits import MediaLimits
from dfd.video.pyav import PyAvOpener
from dfd_train import calibrate
from dfd_train.balance import FACES_WANTED
from dfd_train.card import data_facts, sample_clips
from dfd_train.data_report import evenly
from dfd_train.datasets import (
    Clip,
    DatasetError,
    NamedSet,
    check_present,
    check_unique,
    read_face_clips,
    read_sets,
    read_whole_clips,
    require_both_classes,
)
from dfd_train.datasets.frames import ClipOpener
from dfd_train.datasets.stills import find_archive, read_stills
from dfd_train.examination import Examination, examine, publish
from dfd_train.export import ONNX_NAME, built_beside, check_place, export, file_hashes, with_parity, write_manifest
from dfd_train.forge import Forge, ForgeSettings, forge_clips
from dfd_train.forged_store import ForgedStore
from dfd_train.judging import Judgement, judge_held_out
from dfd_train.made_fakes import Extras, Faces
from dfd_train.recipe import Backbone, Recipe
from dfd_train.splits import check_disjoint, groups, without_leaks
from dfd_train.store import CropStore, StoreSettings
from dfd_train.synthesis import FORGERS
from dfd_train.train import MODEL_NAME, recipe_digest, recipe_facts, train
from dfd_train.unseen_family import examine_unseen_family
from dfd_train.validation import hold_out

_logger = logging.getLogger(__name__)

_MAX_BATCH = 32
_PROBES = 64
_TEST_LIST = Path("clips") / "manifest.csv"
_TEST_SPLIT = "dev"
_RESEARCH_CLIPS = "a list of published research clips (research use; most sources state no licence)"
_ARCHITECTURES = {
    Backbone.B0: "EfficientNet-B0 (ReLU6), ImageNet warm start from EfficientNet-Lite0",
    Backbone.LITE0: "EfficientNet-Lite0, cut after stage 5: trunks for the frame, its half size and what changes",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a workflow reads and writes.

    Attributes:
        data: folder that holds ``clips``, and photographs for the recipes that ask for them; None where neither is
            needed.
        work: folder for the crop store and the runs.
        out: folder of the model version, ``.../<name>/<version>``.
        fold_count: folds of the cross-validation.
        limit: use only every n-th clip so that about this many are left; 0 for all.
        progress: whether to show bars.
        robustness: how much damage the test clips are judged under: ``none``, ``quick`` or ``full``.
        samples: folder of the sample clips on which the card shows failures; None for a card without such pictures.
        forge_steps: training steps of the forge's networks, for recipes with families that it makes.
        sets: data sets to train and test on; where empty, on ``clips``.
    """

    data: Path | None
    work: Path
    out: Path
    fold_count: int = 3
    limit: int = 0
    progress: bool = True
    robustness: str = "none"
    samples: Path | None = None
    forge_steps: int = ForgeSettings().steps
    sets: tuple[NamedSet, ...] = ()


def run(plan: Plan, recipe: Recipe) -> ModelManifest:
    """Do all eight steps; those that an earlier, interrupted call finished are not done again.

    Raises:
        DatasetError: the data is incomplete, a split leaks, or there are too few independent clips.
        ConfigurationError: the work folder holds runs of another recipe, or of other clips, or the folder of the
            version holds something else.
        ParityError: the exported forms disagree.
    """
    # What would fail late fails here.
    check_place(plan.out)
    if plan.samples is not None:
        sample_clips(plan.samples)
    check_photographs(plan, recipe)
    clips, test = read_clips(plan)
    calibrate.dealt(np.array([clip.is_fake for clip in clips]), np.array(groups(clips)))
    data = cut_faces(plan, recipe.contract, clips)
    runs = plan.work / "runs"
    extras = gather_extras(plan, recipe, data)
    held = hold_out(data, recipe, extras, fold_count=plan.fold_count, runs=runs, progress=plan.progress)
    judgement = judge_held_out(held, [crops for _, crops in data if crops.count], recipe.seed)
    unseen = examine_unseen_family(data, recipe, extras, fold_count=plan.fold_count, runs=runs)

    model = train(data, recipe, runs / "final", extras, progress=plan.progress)
    probes = np.concatenate([crops.exact[:1] for _, crops in data if crops.count])[:_PROBES]
    task = Examination(
        clips=test,
        csv=None if plan.sets else _data(plan) / _TEST_LIST,
        split="test" if plan.sets else _TEST_SPLIT,
        robustness=plan.robustness,
        seed=recipe.seed,
        work=plan.work,
        progress=plan.progress,
    )
    with built_beside(plan.out) as folder:
        worst = export(model, folder, to_model_input(list(probes), recipe.contract))
        figures = {"unseen_family": unseen, "parity_max_logit_difference": worst}
        manifest = with_parity(folder, _manifest(plan, recipe, judgement, figures, clips, file_hashes(folder)))
        write_manifest(folder, manifest)
        return publish(folder, manifest, examine(folder, manifest, task), plan.samples)


def read_clips(plan: Plan) -> tuple[list[Clip], list[Clip]]:
    """Training clips and test clips; the former share no source, person or file with the latter.

    Raises:
        DatasetError: a list or a listed clip is missing, or a class, or two clips would be kept under one name; or as
            `read_sets`.
    """
    candidates, test = read_sets(plan.sets) if plan.sets else _research_clips(_data(plan))
    clips = without_leaks(candidates, test)
    check_disjoint(clips, test)
    test = _videos(test)
    if plan.limit:
        clips = clips[:: max(1, len(clips) // plan.limit)]
    require_both_classes(clips, "training")
    require_both_classes(test, "testing")
    check_present([*clips, *test])
    return clips, test


def _research_clips(data: Path) -> tuple[list[Clip], list[Clip]]:
    faces, whole = read_face_clips(data), read_whole_clips(data)
    check_unique([*faces, *whole])
    test = [clip for clip in whole if clip.split == _TEST_SPLIT]
    return faces + [clip for clip in whole if clip.split == "train"], test


def _data(plan: Plan) -> Path:
    if plan.data is None:
        raise DatasetError(
            "there is nothing to train on: point DFD_DATA_DIR (or --data) at the folder that holds 'clips', or name a "
            "data set with --set NAME=ROOT"
        )
    return plan.data


def _videos(test: Sequence[Clip]) -> list[Clip]:
    """Those that can be judged as serving judges; training keeps clear of the others all the same."""
    videos = [clip for clip in test if not clip.frames]
    if left_out := len(test) - len(videos):
        _logger.warning(
            "%d of %d test clips are lists of pictures, which the serving pipeline cannot judge: they are left out of "
            "the examination; test on a set of videos",
            left_out,
            len(test),
        )
    return videos


def check_photographs(plan: Plan, recipe: Recipe) -> None:
    """Find out before hours of work whether the photographs that a recipe asks for are there.

    Raises:
        DatasetError: they are not.
    """
    if _wants_photographs(recipe):
        find_archive(plan.data)


def _wants_photographs(recipe: Recipe) -> bool:
    return bool(recipe.stills_share or recipe.foundation)


def cut_faces(plan: Plan, contract: InputContract, clips: Sequence[Clip]) -> list[Faces]:
    """Every clip with its faces, cut for a contract; what is in the store already is read from there."""
    store = CropStore(plan.work / "crops", StoreSettings(contract))
    opener = ClipOpener(PyAvOpener(MediaLimits()), clips)
    store.build(clips, opener, BlazeFaceDetector(threads=2), progress=plan.progress)
    return [(clip, store.read(clip)) for clip in clips]


def gather_extras(plan: Plan, recipe: Recipe, data: Sequence[Faces]) -> Extras:
    """The photographs, the forged clips and the foundation that a recipe asks for.

    The forge learns from all the real clips. A run on some of them takes only forged clips of their own people and
    sources, and a fold is never tested on forged clips. The foundation has seen photographs only, so one serves all.

    Args:
        plan: where data and work lie; a limit on clips limits photographs too.
        recipe: how many photographs, and which families.
        data: the training clips and their crops.

    Raises:
        DatasetError: no clip of a class shows a face, or the photographs are missing.
    """
    require_both_classes([clip for clip, crops in data if crops.count], FACES_WANTED)
    stills: list[Faces] = []
    if _wants_photographs(recipe):
        wanted = evenly(read_stills(plan.data, plan.work / "stills"), plan.limit or recipe.stills)
        stills = cut_faces(plan, recipe.contract, wanted)
    forged, foundation = _forged(plan, recipe, data), _foundation(plan, recipe, stills)
    return Extras(stills, forged, foundation, plan.work / "features")


def _foundation(plan: Plan, recipe: Recipe, stills: Sequence[Faces]) -> Path | None:
    """The model that the recipe starts from, trained unless that is done; its file."""
    if recipe.foundation is None:
        return None
    run = plan.work / "runs" / f"foundation-{recipe_digest(recipe.foundation)}"
    train([], recipe.foundation, run, Extras(stills), progress=plan.progress)
    return run / MODEL_NAME


def _forged(plan: Plan, recipe: Recipe, data: Sequence[Faces]) -> ForgedStore | None:
    """What the forge makes of the real clips, unless that is done; None where the recipe asks for nothing of it."""
    families = (recipe.made.keys() | {recipe.unseen_family}) - FORGERS.keys() - {""}
    if not families:
        return None
    smithy = Forge(plan.work / "forge", ForgeSettings(steps=plan.forge_steps, seed=recipe.seed))
    reals = forge_clips([(clip, crops) for clip, crops in data if not clip.is_fake])
    smithy.train(reals, progress=plan.progress)
    smithy.render(reals, sorted(families), progress=plan.progress)
    return smithy.store


def _manifest(
    plan: Plan,
    recipe: Recipe,
    judgement: Judgement,
    figures: Mapping[str, Any],
    clips: Sequence[Clip],
    files: Mapping[str, str],
) -> ModelManifest:
    return ModelManifest(
        name=plan.out.parent.name,
        version=plan.out.name,
        architecture=_ARCHITECTURES[recipe.backbone],
        files=files,
        weights_file=ONNX_NAME,
        input=recipe.contract,
        output=Output.FAKE_LOGIT,
        calibration=judgement.calibration,
        decision=judgement.decision,
        reference_quality=judgement.reference_quality,
        reference_histograms=judgement.reference_histograms,
        max_batch=_MAX_BATCH,
        training_data=_training_data(plan, recipe, clips),
        licence="Apache-2.0 for the files; see the card for the terms of the training data",
        reliability=judgement.reliability,
        metrics={**judgement.metrics, **{name: value for name, value in figures.items() if value is not None}},
        reference={"recipe": recipe_facts(recipe), "folds": plan.fold_count, "data": data_facts(clips)},
    )


def _training_data(plan: Plan, recipe: Recipe, clips: Sequence[Clip]) -> str:
    """What was learned from, with its terms."""
    named = ", ".join(sorted({clip.dataset for clip in clips}))
    clips_of = f"data sets under terms of their own ({named})" if plan.sets else _RESEARCH_CLIPS
    made_of = " and ".join(
        name
        for name, used in (
            ("the reals", recipe.made_share > 0 and recipe.stills_share < 1),
            ("photographs of UTKFace (non-commercial research)", (recipe.foundation or recipe).stills_share > 0),
        )
        if used
    )
    return (
        f"genuine fakes and reals of {clips_of}"
        f"{made_of and f', and forgeries made of {made_of}'}; ImageNet warm start. No training image is shipped."
    )
