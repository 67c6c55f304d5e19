"""Score the same videos with every version of our model and with MesoNet (``make peers``).

Every model goes through DFD's serving code: the same sampled frames, the same detected and tracked faces, the same
aggregation (a video's score is the mean over the faces of its most suspicious track). Only the crop differs, since each
model gets the one it was made for: ours as the manifest says, MesoNet's as its authors cut (`benchmarks.mesonet`).

- *AUC* over all videos that were scored, and of each family of fakes against all real videos, with 95 % intervals by
  bootstrap over videos (over groups of them where the list names a group, person or source). The *difference* is the
  first model's AUC less the other's, on the same draws.
- *coverage*: share of videos that got a score at all.
- *milliseconds a face*: from the crops to the scores; models take turns video by video, with the same number of
  threads. The median over videos, and the median of the ratios to the first model within a video.

A model is not measured by videos that it was trained on: see ``docs/peers.md``.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from benchmarks.mesonet import convert, weight_files

from dfd.backends.onnx_runtime import OnnxRuntimeBackend
from dfd.errors import DfdError, InputError
from dfd.evaluation.samples import Sample, SampleList, read_samples
from dfd.faces.blazeface import BlazeFaceDetector
from dfd.manifest import ModelManifest
from dfd.pipeline import AnalysisOptions, Analyzer
from dfd.processors import available_cpus
from dfd.registry.directory import DirectoryRegistry
from dfd.settings import default_models_dir
from dfd.statistics.metrics import auc
from dfd.statistics.resampling import ROUNDS, Estimate, Scored, difference, estimates
from dfd.video.limits import MediaLimits
from dfd.video.pyav import PyAvOpener

POOLED = "pooled"

Results = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Contender:
    """A model that takes part."""

    analyzer: Analyzer
    manifest: ModelManifest


@dataclass(frozen=True, slots=True)
class Score:
    """What one model said of one video.

    Attributes:
        fake_probability: of the most suspicious track; None when no face was found.
        faces: how many were scored.
        milliseconds: wall time from their crops to their scores.
    """

    fake_probability: float | None
    faces: int
    milliseconds: float


def load_contenders(models: Path, name: str, weights: Path, threads: int) -> dict[str, Contender]:
    """Every version of our model, newest first, then MesoNet with each of its published weights.

    Args:
        models: folder of our models.
        name: of our model.
        weights: folder of MesoNet's ``.h5`` files.
        threads: for one inference, and for the decoder.

    Raises:
        InputError: there is no version or no weight file, or a weight file is not a MesoNet's.
        ModelCorrupt: a version's files are not what its manifest says.
    """
    registry = DirectoryRegistry(models)
    versions = registry.versions(name)
    if not versions:
        raise InputError(f"{models} holds no version of the model {name}")
    opener, detector = PyAvOpener(MediaLimits(), threads=threads), BlazeFaceDetector(threads=threads)

    def contender(path: Path, manifest: ModelManifest) -> Contender:
        return Contender(Analyzer(opener, detector, OnnxRuntimeBackend(path, manifest, threads), manifest), manifest)

    ours = {version: registry.load(name, version) for version in reversed(versions)}
    found = {f"{name}/{key}": contender(model.weights_path, model.manifest) for key, model in ours.items()}
    with tempfile.TemporaryDirectory(prefix="dfd-peers-") as scratch:
        found |= {path.stem: contender(*convert(path, Path(scratch))) for path in weight_files(weights)}
    return found


def score(samples: Sequence[Sample], contenders: Mapping[str, Contender]) -> dict[str, list[Score]]:
    """Show every video to every model; who begins changes from video to video."""
    scores: dict[str, list[Score]] = {name: [] for name in contenders}
    order = list(contenders)
    for number, sample in enumerate(samples, start=1):
        print(f"video {number} of {len(samples)}", end="\r", file=sys.stderr)
        for name in order:
            report = contenders[name].analyzer.analyze(sample.path, AnalysisOptions())
            taken = report.timings_ms.get("score", 0.0)
            scores[name].append(Score(report.fake_probability, report.coverage.scored_faces, taken))
        order.append(order.pop(0))
    print(file=sys.stderr)
    return scores


def compare(
    samples: Sequence[Sample], scores: Mapping[str, Sequence[Score]], rng: np.random.Generator, rounds: int = ROUNDS
) -> Results:
    """All figures.

    Args:
        samples: the videos.
        scores: by model, in the order of the videos; the first model is the reference.
        rng: for the bootstrap.
        rounds: draws.

    Returns:
        ``videos``: how many were scored; ``models``: by name ``auc`` and, save for the reference, ``difference`` (an
        `Estimate` by part: ``pooled`` and every family), ``coverage`` and ``milliseconds`` (``a_face``, ``ratio``).

    Raises:
        InputError: a class has no video that every model scored.
    """
    kept = [at for at in range(len(samples)) if all(one[at].fake_probability is not None for one in scores.values())]
    if len({samples[at].is_fake for at in kept}) < 2:
        raise InputError("faces were found in videos of one class only: a comparison needs both")
    families = np.array([samples[at].family if samples[at].is_fake else "" for at in kept])
    labels = np.array([samples[at].is_fake for at in kept])
    parts = {POOLED: np.full(len(kept), True)}
    parts |= {str(name): ~labels | (families == name) for name in np.unique(families[labels]) if name}
    items = {name: _scored(samples, one, kept) for name, one in scores.items()}
    (reference, first), *_ = items.items()
    models: Results = {}
    for name, one in items.items():
        models[name] = {
            "auc": {part: _auc(one, inside, rng, rounds) for part, inside in parts.items()},
            "coverage": sum(score.fake_probability is not None for score in scores[name]) / len(samples),
            "milliseconds": _pace(scores[name], scores[reference]),
        }
        if name != reference:
            models[name]["difference"] = {
                part: difference(auc, _part(one, inside), first.scores[inside], rng, rounds)
                for part, inside in parts.items()
            }
    fakes = {part: int((labels & inside).sum()) for part, inside in parts.items()}
    return {"videos": {"real": int((~labels).sum()), "fake": fakes}, "models": models}


def _scored(samples: Sequence[Sample], scores: Sequence[Score], kept: Sequence[int]) -> Scored:
    probabilities = [scores[at].fake_probability or 0.0 for at in kept]
    return Scored.of([samples[at].is_fake for at in kept], probabilities, [samples[at].cluster for at in kept])


def _part(items: Scored, inside: npt.NDArray[np.bool_]) -> Scored:
    """Some of the items, their clusters without gaps."""
    clusters = np.unique(items.clusters[inside], return_inverse=True)[1]
    return Scored(items.labels[inside], items.scores[inside], clusters)


def _auc(items: Scored, inside: npt.NDArray[np.bool_], rng: np.random.Generator, rounds: int) -> Estimate | None:
    return estimates({"auc": auc}, _part(items, inside), rng, rounds)["auc"]


def _pace(scores: Sequence[Score], reference: Sequence[Score]) -> dict[str, float]:
    """Median milliseconds a face, and median ratio to the reference, of the videos that show a face."""
    mine, other = ([one.milliseconds / one.faces for one in each if one.faces] for each in (scores, reference))
    ratios = [time / base for time, base in zip(mine, other, strict=True)]
    return {"a_face": statistics.median(mine), "ratio": statistics.median(ratios)}


def as_table(results: Results) -> str:
    """Markdown."""
    videos, models = results["videos"], results["models"]
    parts = list(videos["fake"])
    reference, *others = models
    titles = [f"{part} ({count} fake)" for part, count in videos["fake"].items()]
    lines = [
        f"{results['list']}: {videos['real']} real and {videos['fake'][POOLED]} fake videos scored, drawn by "
        f"{results['drawn_by']} ({results['rounds']} draws, seed {results['seed']}); {results['threads']} threads.",
        "",
        f"| AUC | {' | '.join(titles)} | coverage | ms a face | ratio |",
        "| --- |" + " ---: |" * (len(parts) + 3),
    ]
    for name, model in models.items():
        taken = model["milliseconds"]
        cells = [_interval(model["auc"][part], "") for part in parts]
        cells += [f"{model['coverage']:.1%}", f"{taken['a_face']:.2f}", f"{taken['ratio']:.2f}"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", f"| {reference} less ... | {' | '.join(titles)} |", "| --- |" + " ---: |" * len(parts)]
    for name in others:
        cells = [_interval(models[name]["difference"][part], "+") for part in parts]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", "A model is not measured by videos that it was trained on: see docs/peers.md."]
    return "\n".join(lines)


def _interval(estimate: Estimate | None, sign: str) -> str:
    if estimate is None:
        return "undefined"
    return f"{estimate.value:{sign}.3f} ({estimate.low:{sign}.3f} to {estimate.high:{sign}.3f})"


def measure(options: argparse.Namespace) -> Results:
    """Read the list, load the models, score and compare.

    Raises:
        DfdError: the data, the weights or a model is missing or broken.
    """
    listed: SampleList = read_samples(options.manifest, options.split)
    samples = spread(listed.samples, options.limit)
    contenders = load_contenders(options.models, options.model, options.weights, options.threads)
    scores = score(samples, contenders)
    results = compare(samples, scores, np.random.default_rng(options.seed), options.rounds)
    for name, contender in contenders.items():
        manifest = contender.manifest
        results["models"][name] |= {
            "architecture": manifest.architecture,
            "weights_sha256": manifest.reference.get("weights_sha256", manifest.weights_sha256),
            "training_data": manifest.training_data,
        }
    split = f", split {options.split}" if options.split else ""
    return results | {
        "list": options.manifest.name + split,
        "drawn_by": listed.group_column or "video",
        "threads": options.threads,
        "seed": options.seed,
        "rounds": options.rounds,
        "scores": [
            {"path": sample.shown_name, "label": sample.label, "family": sample.family, "method": sample.method}
            | {name: one[at].fake_probability for name, one in scores.items()}
            for at, sample in enumerate(samples)
        ],
    }


def spread(samples: Sequence[Sample], limit: int) -> list[Sample]:
    """About `limit` videos, evenly out of the real ones and of each family in the list's order; all where it is 0."""
    step = max(1.0, len(samples) / limit) if limit else 1.0
    kinds: dict[tuple[bool, str], list[Sample]] = {}
    for sample in samples:
        kinds.setdefault((sample.is_fake, sample.family), []).append(sample)
    return [members[int(place)] for members in kinds.values() for place in np.arange(0, len(members), step)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, measure, print and write."""
    parser = argparse.ArgumentParser(description="Compare our models with MesoNet on the same videos.")
    data, weights = os.environ.get("DFD_DATA_DIR"), os.environ.get("DFD_PEER_WEIGHTS")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument(
        "--manifest", type=Path, help="CSV list with path and label (else clips/manifest.csv of the data)"
    )
    chosen.add_argument("--faces", action="store_true", help="the list clips/faces.csv of the data")
    parser.add_argument("--data", type=Path, default=data, help="data folder (else DFD_DATA_DIR)")
    parser.add_argument("--split", help="only this split of the list")
    parser.add_argument("--limit", type=int, default=0, help="about so many videos, evenly out of the families")
    parser.add_argument("--weights", type=Path, default=weights, help="folder of MesoNet's .h5 (else DFD_PEER_WEIGHTS)")
    parser.add_argument("--models", type=Path, default=default_models_dir(), help="folder of our models")
    parser.add_argument("--model", default="deepfake", help="name of our model")
    parser.add_argument("--threads", type=int, default=available_cpus(), help="of every model")
    parser.add_argument("--seed", type=int, default=1, help="of the bootstrap")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="draws of the bootstrap")
    parser.add_argument("--out", type=Path, help="folder for peers.json and peers.md")
    options = parser.parse_args(arguments)
    if options.weights is None:
        parser.error("name the folder of MesoNet's weights with --weights or DFD_PEER_WEIGHTS")
    if options.manifest is None and options.data is None:
        parser.error("name a list with --manifest, or the data folder with --data or DFD_DATA_DIR")
    options.manifest = options.manifest or options.data / "clips" / ("faces.csv" if options.faces else "manifest.csv")
    cv2.setNumThreads(options.threads)
    try:
        results = measure(options)
    except DfdError as error:
        parser.exit(4, f"peers: {error}\n")
    print(as_table(results))
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(results, indent=2, default=lambda estimate: estimate.to_dict())
        (options.out / "peers.json").write_text(text + "\n", encoding="utf-8")
        (options.out / "peers.md").write_text(as_table(results) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
