"""Which part of a file a caller wants (RFC 9110, section 14)."""

import re
from typing import Final

from dfd.errors import RangeNotSatisfiable

_ONE_RANGE: Final = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.IGNORECASE)


def wanted_part(header: str | None, size_bytes: int) -> tuple[int, int] | None:
    """Read a ``Range`` header.

    Args:
        header: its value; None where there is none.
        size_bytes: of the file.

    Returns:
        the first byte and the one behind the last; None for the whole file, which is also the answer to a header that
        makes no sense, or asks for several parts, as the RFC allows.

    Raises:
        RangeNotSatisfiable: the file has none of these bytes.
    """
    found = _ONE_RANGE.fullmatch(header or "")
    first, last = found.groups() if found else ("", "")
    if not first and not last:
        return None
    if not first:
        start, end = max(0, size_bytes - int(last)), size_bytes
    else:
        start, end = int(first), min(int(last) + 1, size_bytes) if last else size_bytes
        if last and int(last) < start:
            return None
    if start >= size_bytes:
        raise RangeNotSatisfiable(f"the file has {size_bytes} bytes, and none of those asked for", size_bytes)
    return start, end
