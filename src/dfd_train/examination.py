"""The exported model on videos, by the code of `dfd evaluate`; what was measured goes into manifest and card."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from dfd.backends.onnx_runtime import OnnxRuntimeBackend
from dfd.errors import ConfigurationError
from dfd.evaluation.conditions import conditions_of
from dfd.evaluation.document import METRICS_NAME
from dfd.evaluation.running import Runner
from dfd.evaluation.samples import Sample, SampleList
from dfd.evaluation.setting import digest, setting_of
from dfd.evaluation.study import Study
from dfd.faces.blazeface import BlazeFaceDetector
from dfd.manifest import ModelManifest
from dfd.pipeline import AnalysisOptions, Analyzer
from dfd.ports import VideoOpener
from dfd.registry.directory import MANIFEST_NAME
from dfd.video.limits import MediaLimits
from dfd.video.pyav import DEFAULT_WORKING_SIDE_PX, PyAvOpener
from dfd_train.card import CARD_NAME, Answer, compact, sample_clips, show_failures, write_card
from dfd_train.datasets import Clip, sha256_of

DRAWN_BY = "published source"
"""What intervals are drawn by: clips of one share scene and codec history."""
_PARTS = {
    "backend": "onnx",
    "detector": "blazeface",
    "detector_sha256": None,
    "working_side_px": DEFAULT_WORKING_SIDE_PX,
    "max_pixels": MediaLimits().max_pixels,
    "max_duration_s": MediaLimits().max_duration_s,
}
"""What `dfd evaluate` says of the parts of `_Model`, which are those of the default settings."""


@dataclass(frozen=True, slots=True)
class Examination:
    """What a model is examined on, and how.

    Attributes:
        clips: of both classes.
        csv: the list that they come from; their names are relative to its folder, as in `dfd evaluate`. None for clips
            of data sets, which go by their keys.
        split: part of the list that they are.
        robustness: set of conditions (`dfd.evaluation.conditions.conditions_of`).
        seed: of the draws.
        work: folder under which results are kept.
        progress: whether to show a bar.
    """

    clips: Sequence[Clip]
    csv: Path | None
    split: str
    robustness: str
    seed: int
    work: Path
    progress: bool = True


class _Model:
    """A version's exported file, and what it needs around it to judge videos."""

    def __init__(self, folder: Path, manifest: ModelManifest) -> None:
        self.opener = PyAvOpener(MediaLimits(), DEFAULT_WORKING_SIDE_PX)
        self._detector = BlazeFaceDetector()
        self._backend = OnnxRuntimeBackend(folder / manifest.weights_file, manifest)
        self._manifest = manifest

    def analyzer_for(self, opener: VideoOpener) -> Analyzer:
        """Cheap: all but the opener is shared."""
        return Analyzer(opener, self._detector, self._backend, self._manifest)


def examine(folder: Path, manifest: ModelManifest, task: Examination) -> dict[str, Any]:
    """Judge every clip as it is and under every condition, and write the report into `results_folder`.

    Results are kept: called again for the same model it goes on where it stopped.

    Args:
        folder: of the version.
        manifest: of the version; its figures may still be missing.
        task: what to judge.

    Returns:
        the document of `dfd.evaluation.document`.

    Raises:
        ModelCorrupt: the exported file cannot be run.
    """
    model, options = _Model(folder, manifest), AnalysisOptions()
    conditions = conditions_of(task.robustness)
    name, sha256 = _origin(task)
    selection = {
        "list": name,
        "list_sha256": sha256,
        "split": task.split,
        "slices": [],
        "group": DRAWN_BY,
        "robustness": task.robustness,
    }
    samples = tuple(replace(sample_of(clip), name=_name(clip, task.csv)) for clip in task.clips)
    study = Study(
        listed=SampleList(samples, DRAWN_BY, ()),
        conditions=conditions,
        setting=setting_of(manifest, options, _PARTS, selection, task.seed),
        out=results_folder(task.work, manifest),
        resume=True,
    )
    total = len(samples) * (1 + len(conditions.wanted))
    with tqdm(total=total, desc="analysing", unit="video", disable=not task.progress) as bar:
        done = partial(_advance, bar)
        return study.carry_out(Runner(model.opener, model.analyzer_for, options, done=done))


def publish(folder: Path, manifest: ModelManifest, measured: Mapping[str, Any], samples: Path | None) -> ModelManifest:
    """Put the figures of an examination into the manifest, and write it and the card.

    Args:
        folder: of the version.
        manifest: without these figures, or with older ones.
        measured: what `examine` or `dfd evaluate` measured.
        samples: folder of the sample clips that failures are shown on; None for a card without such pictures.

    Returns:
        the manifest as written.

    Raises:
        DatasetError: the folder holds no sample clips.
    """
    published = replace(manifest, metrics={**manifest.metrics, "test": compact(measured)})
    failures: list[Answer] = []
    if samples is not None:
        model = _Model(folder, published)
        failures = show_failures(sample_clips(samples), model.opener, model.analyzer_for)
    published.write(folder / MANIFEST_NAME)
    write_card(folder, published, measured, failures)
    return published


def publish_again(folder: Path, metrics: Path | None, work: Path, samples: Path | None) -> Path:
    """Write a version's card again, without training.

    Args:
        folder: of the version.
        metrics: ``metrics.json`` of `dfd evaluate`; None for that of `examine`.
        work: folder under which `examine` kept it.
        samples: see `publish`.

    Returns:
        the card's path.

    Raises:
        ConfigurationError: the figures are missing, cannot be read, or are another model's or of other settings.
        ModelCorrupt: the manifest cannot be read.
        DatasetError: see `publish`.
    """
    manifest = ModelManifest.read(folder / MANIFEST_NAME)
    if "cross_validation" not in manifest.metrics:
        raise ConfigurationError(f"{folder / MANIFEST_NAME} holds no cross-validation: make it with `dfd-train run`")
    publish(folder, manifest, _figures(metrics or results_folder(work, manifest) / METRICS_NAME, manifest), samples)
    return folder / CARD_NAME


def results_folder(work: Path, manifest: ModelManifest) -> Path:
    """Where results of a model are kept: those of another one, or of the same trained anew, never mix with them."""
    return work / "examination" / f"{manifest.name}-{manifest.version}-{digest(manifest)[:12]}"


def sample_of(clip: Clip) -> Sample:
    """A clip as evaluation knows it; clips of one source are drawn together, whoever is in them."""
    return Sample(
        name=clip.key,
        path=clip.path,
        is_fake=clip.is_fake,
        dataset=clip.dataset,
        method=clip.method,
        family=clip.family,
        group=clip.source,
    )


def _figures(path: Path, manifest: ModelManifest) -> dict[str, Any]:
    fix = "measure it with `dfd evaluate`, and name its metrics.json with --metrics"
    try:
        measured = json.loads(path.read_text(encoding="utf-8"))
        owner, settings = measured["model"]["digest"], {**measured["settings"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"no figures of {manifest.name}/{manifest.version} in {path}: {fix}") from error
    if owner != digest(manifest):
        raise ConfigurationError(
            f"{path} holds figures of another model than {manifest.name}/{manifest.version}: {fix}"
        )
    if other := _differences(settings, manifest):
        raise ConfigurationError(
            f"{path} holds figures of other settings than a card is of ({'; '.join(other)}): "
            "measure again with `dfd evaluate` without them, and name its metrics.json with --metrics"
        )
    found: dict[str, Any] = measured
    return found


def _differences(settings: Mapping[str, Any], manifest: ModelManifest) -> list[str]:
    """In which settings an evaluation differs from `examine`; nothing counts that a document of before does not say."""
    usual: dict[str, Any] = json.loads(json.dumps(setting_of(manifest, AnalysisOptions(), _PARTS, {}, 0).analysis))
    del usual["dfd"]  # a card may be written by a newer version than its figures were
    return [
        f"{name} is {settings[name]!r}, not {value!r}"
        for name, value in usual.items()
        if settings.get(name, value) != value
    ]


def _origin(task: Examination) -> tuple[str, str]:
    """Name and SHA-256 of the list that clips come from; of data sets their names, and what tells their clips."""
    if task.csv is None:
        return ", ".join(sorted({clip.dataset for clip in task.clips})), sha256_of(task.clips)
    return task.csv.name, hashlib.sha256(task.csv.read_bytes()).hexdigest()


def _name(clip: Clip, csv: Path | None) -> str:
    """Path relative to the list, with forward slashes, or key: noise depends on it, as in `dfd evaluate`."""
    return clip.key if csv is None else clip.path.relative_to(csv.parent).as_posix()


def _advance(bar: Any, _name: str) -> None:
    bar.update()
