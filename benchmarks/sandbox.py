"""What decoding in a process of its own costs: ``python -m benchmarks.sandbox``.

Analyses one clip in turn with the decoder in this process and in a process of its own, and compares processor time, of
this process and of all that it has started: wall time would hide work that another core does. Prints the ratio of each
turn, the median, and what starting the nursery takes, which a service pays once.
"""

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.clip import FULL_HD, make_clip

from dfd.bootstrap import analysis_options, build_parts
from dfd.reporting import report_to_dict
from dfd.settings import Settings, load_settings
from dfd.video.sandboxed import SandboxedOpener

_TICKS_HZ = os.sysconf("SC_CLK_TCK")


def processor_s() -> float:
    """Processor time of this process, of those that it has started, and of those that these have started and buried."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text(encoding="ascii").split():
            fields = Path(f"/proc/{child}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
            total += sum(int(ticks) for ticks in fields[11:15]) / _TICKS_HZ  # utime, stime, cutime, cstime
    return total


def one_turn(settings: Settings, clip: Path) -> tuple[float, float, str]:
    """Processor and wall seconds of one analysis with the parts of some settings, and its report as text."""
    parts = build_parts(settings)
    analyzer, options = parts.analyzer(), analysis_options(settings)
    if isinstance(parts.opener, SandboxedOpener):
        parts.opener.examine()
    started_s, started_wall_s = processor_s(), time.perf_counter()
    report = report_to_dict(analyzer.analyze(clip, options))
    taken = processor_s() - started_s, time.perf_counter() - started_wall_s
    if isinstance(parts.opener, SandboxedOpener):
        parts.opener.close()
    for name in ("timings_ms", "created_at"):
        report.pop(name, None)
    return *taken, json.dumps(report, sort_keys=True)


def start_s() -> float:
    """Processor seconds to start the nursery and one child."""
    before_s = processor_s()
    opener = SandboxedOpener()
    opener.examine()
    opener.close()
    return processor_s() - before_s


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clip", type=Path, help="any video instead of 30 s of 1080p")
    options = parser.parse_args(arguments)
    here = load_settings(threads=options.threads, sandbox=False)
    there = load_settings(threads=options.threads, sandbox=True)
    with tempfile.TemporaryDirectory() as folder:
        clip = options.clip
        if clip is None:
            clip = Path(folder) / "clip.mp4"
            make_clip(clip, FULL_HD)
        ratios = []
        for _ in range(options.repeat):
            here_s, here_wall_s, expected = one_turn(here, clip)
            there_s, there_wall_s, found = one_turn(there, clip)
            if found != expected:
                sys.exit("the reports differ")
            ratios.append(there_s / here_s)
            print(
                f"processor {here_s:.2f} s, sandboxed {there_s:.2f} s, ratio {ratios[-1]:.3f}; "
                f"wall {here_wall_s:.2f} s, sandboxed {there_wall_s:.2f} s"
            )
        starts = [start_s() for _ in range(options.repeat)]
    print(f"ratio {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f}); reports are the same bytes")
    print(f"starting: {statistics.median(starts):.2f} s of processor time, once")


if __name__ == "__main__":
    main()
