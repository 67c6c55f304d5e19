"""Where the tree lies, for tests that read it."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("dfd", "dfd_train")


def modules(package: str) -> list[Path]:
    """Every Python file of a package under ``src``."""
    return sorted((ROOT / "src" / package).rglob("*.py"))


def name(path: Path) -> str:
    """The path as a test's name."""
    return path.relative_to(ROOT).as_posix()


def nodes(path: Path) -> Iterator[ast.AST]:
    """Every node of a module's syntax tree."""
    return ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path)))
