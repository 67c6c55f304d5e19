"""The pieces of Markdown that the card is made of. Text from outside (names of methods, of clips) is escaped."""

import re
from collections.abc import Mapping, Sequence

from dfd.evaluation.markup import interval_of, value_of

Figure = Mapping[str, float] | None
"""A figure: ``value``, ``low`` and ``high``; None where it is undefined."""

INTERVAL = "95 % interval"

_SPECIAL = re.compile(r"([\\`*_\[\]<>|])")


def escaped(text: str) -> str:
    """Text that stands for itself, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """A table whose cells are Markdown already; the columns of `numbers` stand to the right. Nothing without rows.

    Raises:
        ValueError: a row has not as many cells as the head.
    """
    if any(len(row) != len(head) for row in rows):
        raise ValueError(f"every row of the table of {head[0]!r} needs {len(head)} cells")
    if not rows:
        return ""
    rule = ["---:" if column in numbers else "---" for column in range(len(head))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *rows))


def bullets(items: Sequence[str]) -> str:
    """A list of sentences."""
    return "\n".join(f"- {item}" for item in items)


def with_interval(figure: Figure) -> str:
    """A figure and its interval for the running text."""
    return value_of(figure) if figure is None else f"{value_of(figure)} ({interval_of(figure)})"


def signed(figure: Figure) -> tuple[str, str]:
    """A change and its interval, for two columns."""
    if figure is None:
        return "n/a", "n/a"
    return f"{figure['value']:+.3f}", f"{figure['low']:+.3f} to {figure['high']:+.3f}"


def counted(number: int, noun: str) -> str:
    """``1 fake``, ``2 fakes``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(names: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
