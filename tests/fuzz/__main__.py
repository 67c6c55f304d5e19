"""``make fuzz``: thousands of spoilt files and some bombs through the service; exit code 1 where one does harm.

A file is named by seed and number: ``--only N --keep FILE`` makes it again.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz.bombs import BOMBS
from tests.fuzz.mutations import spoilt
from tests.fuzz.running import Service, service, summary
from tests.fuzz.seeds import make_seeds

_WARM_UP = 100
_MOST_GROWTH_MB = 64.0


async def run(options: argparse.Namespace, folder: Path) -> int:
    """Send what the options say, print figures, and tell the exit code."""
    seeds = make_seeds(folder)
    if options.only is not None:
        one = spoilt(seeds, options.seed, options.only)
        Path(options.keep or one.name).write_bytes(one.data)
        print(one.how)
    until_s = time.monotonic() + 60 * options.minutes
    async with service(folder, options.threads) as running:
        if options.bombs:
            await _bombs(running, folder)
        first = options.first if options.only is None else options.only
        count = options.count if options.only is None else 1
        before = running.left()
        sent_before = len(running.sent)
        for number in range(first, first + count):
            if time.monotonic() > until_s:
                print(f"out of time: go on with --first {number}")
                break
            one = spoilt(seeds, options.seed, number)
            await running.send(f"{number} ({one.how})", one.name, one.data)
            if number == first + _WARM_UP:
                before = running.left()
        print(summary(running.sent[sent_before:]))
        after = running.left()
    print(f"before: {before}\nafter:  {after}")
    wrong = list(running.wrong)
    if after.things != before.things:
        wrong.append("something was left behind")
    if after.memory_mb > before.memory_mb + _MOST_GROWTH_MB:
        wrong.append("memory grows")
    print("\n".join(wrong) or "no harm done")
    return 1 if wrong else 0


async def _bombs(running: Service, folder: Path) -> None:
    for name, bomb in BOMBS.items():
        path = folder / name
        bomb.make(path)
        size_mb = path.stat().st_size / 1e6
        sent = await running.send(name, name, path.read_bytes(), bomb.statuses)
        memory_mb = running.left().memory_mb
        print(f"{name}: {size_mb:.2f} MB, {sent.status} {sent.code}, {sent.seconds:.1f} s, {memory_mb:.0f} MB")
    sent = await running.send_without_end()
    print(f"endless upload: {sent.status} {sent.code}, {sent.seconds:.1f} s")


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the options, run, and tell the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=5000, help="spoilt files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--minutes", type=float, default=30, help="no further file after that")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", type=int, help="one file, by its number")
    parser.add_argument("--keep", help="where to write it")
    parser.add_argument("--no-bombs", dest="bombs", action="store_false")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="dfd-fuzz-") as folder:
        return asyncio.run(run(options, Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
