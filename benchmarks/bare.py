"""The bare library under as much work as it can do: ``python -m benchmarks.bare COUNT CLIP``.

One process analyses a clip so many times, several at once, and prints wall and processor seconds as a JSON object. It
has analysed before the clock starts.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.running import processor_time_of_all_s

from dfd.bootstrap import analysis_options, build_analyzer
from dfd.settings import load_settings


def main(arguments: Sequence[str] | None = None) -> None:
    """Analyse and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, help="analyses in all")
    parser.add_argument("clip", type=Path)
    parser.add_argument("--workers", type=int, required=True, help="analyses at the same time")
    parser.add_argument("--threads", type=int, required=True, help="threads of each")
    options = parser.parse_args(arguments)
    settings = load_settings(threads=options.threads)
    analyzer, choices = build_analyzer(settings), analysis_options(settings)
    with ThreadPoolExecutor(options.workers) as pool:
        list(pool.map(lambda _: analyzer.analyze(options.clip, choices), range(options.workers)))
        used_s, started_s = processor_time_of_all_s(os.getpid()), time.perf_counter()
        reports = list(pool.map(lambda _: analyzer.analyze(options.clip, choices), range(options.count)))
        seconds = time.perf_counter() - started_s
        used_s = processor_time_of_all_s(os.getpid()) - used_s
    probabilities = {report.fake_probability for report in reports}
    json.dump({"seconds": seconds, "cpu_s": used_s, "probabilities": sorted(map(str, probabilities))}, sys.stdout)


if __name__ == "__main__":
    main()
