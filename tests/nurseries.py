"""Processes that decoders are forked from: those of this process, apart from the servers that other tests run."""

from pathlib import Path


def nurseries() -> list[int]:
    """Process numbers of the nurseries that this process has started (`dfd.sandbox.nursery`)."""
    return [child for child in children_of("self") if _is_nursery(child)]


def forked() -> list[int]:
    """Process numbers of what these have forked."""
    return [child for nursery in nurseries() for child in children_of(nursery)]


def children_of(process: int | str) -> list[int]:
    """Process numbers of the children of all threads of a process; none once it is gone."""
    found: list[int] = []
    try:
        for task in Path(f"/proc/{process}/task").iterdir():
            found += [int(pid) for pid in (task / "children").read_text(encoding="ascii").split()]
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def _is_nursery(process: int) -> bool:
    try:
        return b"dfd.sandbox.nursery" in Path(f"/proc/{process}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
