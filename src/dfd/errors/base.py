"""The root of the tree of errors."""

from typing import ClassVar


class DfdError(Exception):
    """Base of every error DFD raises on purpose; its message is fit to be shown to the user."""

    code: ClassVar[str] = "internal"
