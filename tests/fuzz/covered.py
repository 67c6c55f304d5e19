"""``make fuzz-parsers``: our own parsers under atheris, which looks for bytes that reach code not reached before.

One parser after the other, each in a process of its own, for so many runs; the first fault ends it and shows the bytes.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz.parsers import PARSERS


def cover(name: str, runs: int, seed: int, most_bytes: int) -> None:
    """Run one parser in this process, which ends with it."""
    import atheris  # noqa: PLC0415 - a requirement of this command alone

    parser = PARSERS[name]
    atheris.instrument_all()
    with tempfile.TemporaryDirectory(prefix="dfd-corpus-") as folder:
        for number, example in enumerate(parser.examples):
            (Path(folder) / str(number)).write_bytes(example)
        options = [f"-runs={runs}", f"-seed={seed}", f"-max_len={most_bytes}", "-print_final_stats=1", folder]
        atheris.Setup([sys.argv[0], *options], parser)
        atheris.Fuzz()


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the options and run."""
    options_of = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options_of.add_argument("--runs", type=int, default=200_000)
    options_of.add_argument("--seed", type=int, default=1)
    options_of.add_argument("--most-bytes", type=int, default=512)
    options_of.add_argument("--parser", choices=sorted(PARSERS), help="one alone, in this process")
    options = options_of.parse_args(arguments)
    if options.parser is not None:
        cover(options.parser, options.runs, options.seed, options.most_bytes)
        return 0
    for name in PARSERS:
        more = [f"--runs={options.runs}", f"--seed={options.seed}", f"--most-bytes={options.most_bytes}"]
        done = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.covered", f"--parser={name}", *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        sys.stdout.write(f"{name}: {_figures(done.stdout)}\n")
        if done.returncode:
            sys.stdout.write(done.stdout)
            return 1
    return 0


def _figures(told: str) -> str:
    """The last line of libFuzzer's that says how much was reached."""
    lines = [line for line in told.splitlines() if " cov: " in line]
    return lines[-1].strip() if lines else "no figures"


if __name__ == "__main__":
    sys.exit(main())
