"""Known weaknesses of the pinned packages, by pip-audit, which asks the advisory service of PyPI.

    python -m supply.audit [--strict] REQUIREMENTS...

pip-audit passes over packages that the service does not know, and where an index without that service stands in for
PyPI that is all of them. So what could not be looked up is counted and said: "nothing found" is not "nothing looked
for".

Exit codes: 0, nothing is known, or it could not be looked up; 1, something is known; 3, with ``--strict``, something
could not be looked up.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOUND, NOT_LOOKED_UP = 1, 3


@dataclass
class Findings:
    """What came out of it.

    Attributes:
        known: weaknesses, by package and version.
        looked_up: packages that the service knew.
        unknown: packages that it did not, or that could not be asked for.
    """

    known: dict[str, set[str]] = field(default_factory=dict)
    looked_up: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)

    def take(self, document: Mapping[str, Any]) -> None:
        """Add what pip-audit says (``--format json``)."""
        for package in document["dependencies"]:
            if "skip_reason" in package:
                self.unknown.add(package["name"])
                continue
            pinned = f"{package['name']} {package['version']}"
            self.looked_up.add(pinned)
            if package["vulns"]:
                self.known.setdefault(pinned, set()).update(_told(one) for one in package["vulns"])

    def lines(self) -> Iterator[str]:
        """What there is to say."""
        for pinned, weaknesses in sorted(self.known.items()):
            yield from (f"{pinned}: {weakness}" for weakness in sorted(weaknesses))
        yield f"{len(self.looked_up)} packages looked up, {len(self.known)} with known weaknesses"
        if self.unknown:
            yield (
                f"NOT LOOKED UP: {len(self.unknown)} packages. The advisory service of PyPI did not know them, or "
                "could not be reached from here; run this where pypi.org answers."
            )

    def exit_code(self, strict: bool) -> int:
        """See above."""
        if self.known:
            return FOUND
        return NOT_LOOKED_UP if strict and self.unknown else 0


def _told(weakness: Mapping[str, Any]) -> str:
    fixed = ", ".join(weakness["fix_versions"]) or "none yet"
    return f"{weakness['id']} ({', '.join(weakness['aliases']) or 'no alias'}), fixed in: {fixed}"


def asked_of(path: Path, findings: Findings) -> None:
    """Look up the packages of one requirement file, or count them as not looked up."""
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "--disable-pip",
        "--require-hashes",
        "--format",
        "json",
        "--requirement",
    ]
    done = subprocess.run([*command, str(path)], capture_output=True, encoding="utf-8", check=False)  # noqa: S603 - ours
    try:
        document = json.loads(done.stdout)
    except ValueError:
        sys.stderr.write(f"{path}: pip-audit failed: {done.stderr.strip().splitlines()[-1:]}\n")
        findings.unknown.update(pinned_in(path.read_text(encoding="utf-8")))
    else:
        findings.take(document)


def pinned_in(text: str) -> Iterator[str]:
    """Names of the packages that a requirement file pins."""
    for line in text.splitlines():
        if "==" in line and not line.startswith((" ", "#")):
            yield line.partition("==")[0].partition("[")[0]


def main(arguments: Sequence[str]) -> int:
    """Look up every package of some requirement files; the exit code."""
    findings = Findings()
    for argument in arguments:
        if argument != "--strict":
            asked_of(Path(argument), findings)
    sys.stdout.writelines(line + "\n" for line in findings.lines())
    return findings.exit_code("--strict" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
