"""How faithful explanations of a model are: ``python -m benchmarks.explanations``.

Faces are taken from labelled videos, explained, and judged (`dfd.evaluation.explanations`). Shuffled weights need the
ONNX file to be taken apart, which serving never does, so this is no command of `dfd`. With ``--write`` the figures go
into the manifest of the version; until they are there, and pass, nothing is explained.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from dfd.backends.onnx_runtime import OnnxRuntimeBackend
from dfd.errors import InputError
from dfd.evaluation.explanations import Judge, JudgedFace, Judgement, every, recorded
from dfd.evaluation.samples import Sample, read_samples
from dfd.explanation.curtain import Score
from dfd.explanation.faces import FacePlace, FoundFace, find_face
from dfd.explanation.heat import HeatConfig
from dfd.explanation.regions import regions_of
from dfd.faces.blazeface import BlazeFaceDetector
from dfd.manifest import ModelManifest
from dfd.ports import FaceDetector
from dfd.video.pyav import PyAvOpener

SEED = 0
SHUFFLES = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the figures, and write them where that is asked for."""
    options = _options(arguments)
    path = options.model / "manifest.json"
    manifest = ModelManifest.read(path)
    weights = options.model / manifest.weights_file
    config = HeatConfig(calls=options.calls)
    rng = np.random.default_rng(SEED)
    faces = list(_faces(options.list, options.faces, manifest, options.threads, rng))
    judge = Judge(manifest, OnnxRuntimeBackend(weights, manifest, options.threads).predict, config)
    judgements: list[Judgement] = []
    for face in faces:
        judgements.append(judge.judged(face, rng))
        _tell(f"{len(judgements)} of {len(faces)} judged")
    likenesses: dict[str, list[tuple[int, float, float]]] = {"last_layer": [], "all_layers": []}
    for name, found in likenesses.items():
        for seed in range(SHUFFLES):
            score = shuffled(weights, manifest, last_only=name == "last_layer", seed=seed, threads=options.threads)
            found += [(number, *judge.likeness(face, score)) for number, face in every(faces, options.every)]
        _tell(f"{name} shuffled")
    record = recorded(manifest, config, faces, judgements, likenesses, rng)
    sys.stdout.write(json.dumps(asdict(record), indent=2) + "\n")
    if options.write:
        replace(manifest, explanation=record).write(path)
    return 0 if all(record.passed.values()) else 1


def shuffled(weights: Path, manifest: ModelManifest, *, last_only: bool, seed: int, threads: int) -> Score:
    """The model with its weights in random order, tensor by tensor: their size stays, what was learned goes.

    Args:
        weights: the ONNX file.
        manifest: of the model.
        last_only: only those of the last layer that multiplies.
        seed: of the order.
        threads: of the runtime.
    """
    rng = np.random.default_rng(seed)
    model = onnx.load(str(weights))
    wanted = _of_last_layer(model.graph) if last_only else {one.name for one in model.graph.initializer}
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.name in wanted and values.dtype == np.float32 and values.size > 1:
            order = rng.permutation(values.ravel()).reshape(values.shape)
            tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(order), tensor.name))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shuffled.onnx"
        onnx.save(model, str(path))
        return OnnxRuntimeBackend(path, manifest, threads).predict


def _of_last_layer(graph: onnx.GraphProto) -> set[str]:
    """Weights of the last node that multiplies by a matrix."""
    known = {one.name for one in graph.initializer}
    for node in reversed(graph.node):
        mine = known.intersection(node.input)
        if node.op_type in {"Conv", "Gemm", "MatMul"} and mine:
            return mine
    raise ValueError("the model has no layer whose weights could be shuffled")


def _faces(
    lists: Sequence[Path], most: int, manifest: ModelManifest, threads: int, rng: np.random.Generator
) -> Iterator[JudgedFace]:
    """At most so many faces, half of them of fakes, each of a video of its own, people in turn."""
    samples = [sample for path in lists for sample in read_samples(path).samples]
    opener, detector = PyAvOpener(threads=threads), BlazeFaceDetector(threads=threads)
    for label in (False, True):
        mine = [sample for sample in samples if sample.is_fake is label]
        taken = 0
        for number in _in_turn(mine, rng):
            if taken == most // 2:
                break
            face = _face(mine[number], manifest, opener, detector)
            if face is not None:
                taken += 1
                yield face


def _in_turn(samples: Sequence[Sample], rng: np.random.Generator) -> list[int]:
    """Numbers of the samples in random order, such that every cluster has its turn before one has its second."""
    order, seen = rng.permutation(len(samples)), dict[tuple[str, ...], int]()
    turns = []
    for number in order:
        cluster = samples[number].cluster
        seen[cluster] = seen.get(cluster, 0) + 1
        turns.append((seen[cluster], int(number)))
    return [number for _, number in sorted(turns, key=lambda turn: turn[0])]


def _face(sample: Sample, manifest: ModelManifest, opener: PyAvOpener, detector: FaceDetector) -> JudgedFace | None:
    """Faces at a third and at two thirds of a video; None where one has none."""
    try:
        with opener.open(sample.path) as source:
            length_s = source.info.duration_s
            found: list[FoundFace] = []
            for time_s in (length_s / 3, length_s * 2 / 3):
                frame = next(iter(source.sample([time_s])))
                seen = detector.detect(frame.image)
                if not seen or seen[0].landmarks_px is None:
                    return None
                place = FacePlace(0, frame.pts_s, seen[0].box.scaled(1 / frame.scale), 0.0)
                found.append(find_face(source, detector, place, manifest.input))
    except InputError as error:
        _tell(f"{sample.shown_name}: {error}")
        return None
    regions = [
        dict(regions_of(face.landmarks_px, manifest.input.size_px)) for face in found if face.landmarks_px is not None
    ]
    if len(regions) < 2:
        return None
    return JudgedFace(found[0].crop, regions[0], found[1].crop, regions[1], "/".join(sample.cluster), sample.is_fake)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.explanations", description=__doc__)
    parser.add_argument("--list", type=Path, action="append", required=True, help="CSV of videos; may be repeated")
    parser.add_argument("--model", type=Path, required=True, help="folder of the version, models/NAME/VERSION")
    parser.add_argument("--faces", type=int, default=80, help="faces judged, half of them of fakes")
    parser.add_argument("--every", type=int, default=4, help="shuffled weights are looked at on every so-manieth face")
    parser.add_argument("--calls", type=int, default=HeatConfig().calls, help="model calls for one map")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="write the figures into the manifest")
    return parser.parse_args(arguments)


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
