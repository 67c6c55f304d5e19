"""What looks after the supply chain finds what it is there for."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest
from supply.audit import Findings, pinned_in
from supply.secret_scan import known_ones, suspects_in, unknown
from tests.architecture.tree import ROOT

from dfd.caller import EVERY_SCOPE, new_key


def document(*packages: Mapping[str, object]) -> dict[str, object]:
    return {"dependencies": list(packages), "fixes": []}


WEAK = {
    "name": "urllib3",
    "version": "2.0.0",
    "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["2.0.6"], "description": "..."}],
}
SOUND = {"name": "numpy", "version": "2.0.0", "vulns": []}
PASSED_OVER = {"name": "alembic", "skip_reason": "Dependency not found on PyPI"}


def test_a_known_weakness_fails_and_is_told_once() -> None:
    findings = Findings()
    for _ in range(2):
        findings.take(document(WEAK, SOUND))
    assert list(findings.lines()) == [
        "urllib3 2.0.0: PYSEC-1 (CVE-1), fixed in: 2.0.6",
        "2 packages looked up, 1 with known weaknesses",
    ]
    assert findings.exit_code(strict=False) == findings.exit_code(strict=True) == 1


def test_nothing_looked_for_is_not_nothing_found() -> None:
    findings = Findings()
    findings.take(document(PASSED_OVER))
    assert "NOT LOOKED UP: 1 packages" in list(findings.lines())[-1]
    assert (findings.exit_code(strict=False), findings.exit_code(strict=True)) == (0, 3)
    findings.take(document(WEAK))
    assert findings.exit_code(strict=True) == 1


def test_every_pin_counts_as_not_looked_up_where_the_tool_fails() -> None:
    pinned = list(pinned_in((ROOT / "requirements" / "serve.txt").read_text(encoding="utf-8")))
    assert "fastapi" in pinned
    assert len(set(pinned)) > 30
    assert list(pinned_in("psycopg[binary]==3.2 \\\n    --hash=sha256:aa==\n# a==b\n")) == ["psycopg"]


@pytest.mark.parametrize("folder", ["src", "tests"])
def test_secrets_are_found(tmp_path: Path, folder: str) -> None:
    """Put together here, so that this file holds none."""
    _, key = new_key("web", "acme", EVERY_SCOPE, 0.0, None)
    planted = {
        "key.py": f'KEY = "{key}"',
        "aws.txt": "aws_access_key_id = AKIA" + "Q3EGRZ7XWT5LPLNB",
        "id.pem": "-----BEGIN RSA " + "PRIVATE KEY-----",
        "token.md": "ghp_" + "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx",
    }
    for name, text in planted.items():
        path = tmp_path / folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text + "\n")
        found = list(suspects_in(f"{folder}/{name}", tmp_path))
        assert found, name
        assert all(one.file == f"{folder}/{name}" and one.line == 1 for one in found)


def test_a_variable_in_the_place_of_a_secret_is_none(tmp_path: Path) -> None:
    path = tmp_path / "make.sh"
    for value, count in (("$password", 0), ("%s", 0), ("${PASSWORD_2}", 0), ("{password}", 0), ("hunter" + "2x9", 1)):
        path.write_text(f"echo postgresql://dfd:{value}@host/dfd\n")
        assert len(list(suspects_in("make.sh", tmp_path))) == count, value


def test_what_is_known_to_be_no_secret_is_passed_over(tmp_path: Path) -> None:
    assert hashlib.sha256(b"PASSWORD").hexdigest() in known_ones()
    assert all(known_ones().values())
    assert unknown(["docs/settings.md"], known_ones()) == []
    assert unknown(["docs/settings.md"], {}) != []
