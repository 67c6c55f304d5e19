"""Time one video with the embedded model and with model servers on the same machine.

``python -m benchmarks.backends`` starts Triton and KServe (``make servers`` installs them) with the shipped model, and
analyses one clip by each backend in turn, ``--repeat`` times, so that a change in the machine's load meets all of them.
A ratio is taken within a turn; the table shows its median, smallest and largest. Triton runs two threads for a model,
as the embedded backend here. Beside the clip, one batch of 32 crops is timed alone.

Last, four videos at the same time and one alone, with the shared calls of `dfd.backends.micro_batching` and without.

Goals for one video at a time: the embedded backend at least as fast as Triton (ratio >= 1.0), and the binary protocol
adds at most 15 % to a video's time. JSON is measured without a goal: it is for compatibility.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
from tests.model_servers import add_triton_model, kserve_server, shipped, triton_server

from dfd.backends.micro_batching import MicroBatcher
from dfd.backends.onnx_runtime import OnnxRuntimeBackend
from dfd.bootstrap import analysis_options, build_detector, build_opener
from dfd.bootstrap.backends import build_backend
from dfd.pipeline import Analyzer
from dfd.ports import ModelBackend
from dfd.registry.directory import RegisteredModel
from dfd.settings import Settings, load_settings

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
EMBEDDED = "embedded"
LEAST_RATIO = 1.0
MOST_ADDED = 0.15
AT_ONCE = 4

Seconds = dict[str, list[float]]


def backends(model: RegisteredModel, addresses: Mapping[str, dict[str, str]], threads: int) -> dict[str, ModelBackend]:
    """A backend for each of the addresses, and the embedded one."""
    settings: dict[str, Settings] = {EMBEDDED: load_settings(threads=threads)}
    for name, address in addresses.items():
        settings[name] = load_settings(threads=threads, request_timeout=300.0, **address)
    return {name: build_backend(chosen, model) for name, chosen in settings.items()}


def take_turns(work: Mapping[str, Callable[[], object]], repeat: int) -> Seconds:
    """Wall seconds of each, `repeat` times in turn, after one call of each that does not count."""
    for call in work.values():
        call()
    seconds: Seconds = {name: [] for name in work}
    for _ in range(repeat):
        for name, call in work.items():
            started = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - started)
    return seconds


def ratios(seconds: Seconds, name: str) -> list[float]:
    """Time of a backend divided by that of the embedded one, turn by turn."""
    return [other / own for other, own in zip(seconds[name], seconds[EMBEDDED], strict=True)]


def table(video: Seconds, batch: Seconds) -> str:
    """The results for people, with the goals."""
    lines = ["| backend | video, s | to embedded (min to max) | batch of 32, ms |", "|---|--:|--:|--:|"]
    for name in video:
        found = ratios(video, name)
        spread = f"{statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f})"
        cells = (name, f"{statistics.median(video[name]):.2f}", spread, f"{statistics.median(batch[name]) * 1000:.0f}")
        lines.append(f"| {' | '.join(cells)} |")
    binary = {name: statistics.median(ratios(video, name)) for name in video if name.startswith("Triton")}
    fastest, added = min(binary.values()), max(binary.values()) - 1
    kept = _met(fastest >= LEAST_RATIO)
    return "\n".join(
        [
            *lines,
            "",
            f"Triton's time to that of embedded: {fastest:.2f} (goal >= {LEAST_RATIO:.1f}): {kept}",
            f"binary protocol adds {added:+.0%} (goal <= {MOST_ADDED:.0%}): {_met(added <= MOST_ADDED)}",
        ]
    )


def _met(met: bool) -> str:
    return "met" if met else "not met"


def sharing(clip: Path, repeat: int, threads: int) -> dict[str, Seconds]:
    """Seconds for one video and for four at the same time, with shared calls and without."""
    model = shipped()["deepfake"]
    settings = load_settings(threads=threads)
    detector, opener = build_detector(settings.face_detector, threads), build_opener(settings)
    bare = OnnxRuntimeBackend(model.weights_path, model.manifest, threads)
    found = {"bare": bare, "shared": MicroBatcher(bare, model.manifest.max_batch)}
    analyzers = {name: Analyzer(opener, detector, backend, model.manifest) for name, backend in found.items()}
    options = analysis_options(settings)

    def together(analyzer: Analyzer, count: int) -> None:
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(lambda _: analyzer.analyze(clip, options), range(count)))

    return {
        name: take_turns({key: partial(together, made, count) for key, made in analyzers.items()}, repeat)
        for name, count in (("alone", 1), ("four", AT_ONCE))
    }


def measure(clip: Path, repeat: int, threads: int) -> tuple[Seconds, Seconds]:
    """Start the servers and run everything; seconds for the clip, and for one batch."""
    model = shipped()["deepfake"]
    settings = load_settings(threads=threads)
    detector, opener = build_detector(settings.face_detector, threads), build_opener(settings)
    options = analysis_options(settings)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dfd-bench-")))
        add_triton_model(folder / "repository", model.manifest, model.weights_path)
        triton = stack.enter_context(triton_server(folder / "repository", folder))
        kserve = stack.enter_context(kserve_server({"deepfake": model.weights_path}, folder))
        addresses = {
            "Triton, gRPC": {"model_backend": "oip", "oip_url": triton.grpc_url},
            "Triton, HTTP binary": {"model_backend": "oip", "oip_url": triton.http_url},
            "KServe, HTTP binary": {"model_backend": "oip", "oip_url": kserve.http_url},
            "KServe, REST JSON": {"model_backend": "tfserving", "tf_serving_url": kserve.http_url},
        }
        found = backends(model, addresses, threads)
        analyzers = {name: Analyzer(opener, detector, backend, model.manifest) for name, backend in found.items()}
        video = take_turns({name: partial(made.analyze, clip, options) for name, made in analyzers.items()}, repeat)
        crops = np.random.default_rng(0).random((32, *model.manifest.input.tensor_shape), np.float32)
        batch = take_turns({name: partial(made.predict, crops) for name, made in found.items()}, repeat)
    return video, batch


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, default=SAMPLES / "real_astronaut.mp4", help="the video")
    parser.add_argument("--repeat", type=int, default=5, help="turns (default 5)")
    parser.add_argument("--threads", type=int, default=2, help="threads of the embedded backend (default 2)")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    options = parser.parse_args(arguments)
    video, batch = measure(options.clip, options.repeat, options.threads)
    shared = sharing(options.clip, options.repeat, options.threads)
    if options.json:
        print(json.dumps({"video_s": video, "batch_s": batch, "sharing_s": shared}, indent=2))
        return
    print(table(video, batch))
    for name, seconds in shared.items():
        found = [own / other for own, other in zip(seconds["shared"], seconds["bare"], strict=True)]
        spread = f"{statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f})"
        print(f"{name}: time with shared calls to that without: {spread} (goal <= 1.05)")


if __name__ == "__main__":
    main()
