"""The protocol between backups and a database: all rows of one moment out, all rows in."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

Row = Mapping[str, str | int | float | bool | None]
"""A row by column, in values that JSON has; bytes as text that begins with ``base64:``."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A database as it was at one moment.

    Attributes:
        revision: of its tables, as its migrations number them.
        tables: their names, those first that others refer to.
        rows: gives the rows of a table, in the order of its key, a few in memory at a time.
    """

    revision: str
    tables: tuple[str, ...]
    rows: Callable[[str], Iterator[Row]]


class TableCopier(ABC):
    """Copies all tables of a database out and in.

    Every method raises `JobStoreUnavailable` when the database does not answer.
    """

    @abstractmethod
    def snapshot(self, scratch: Path) -> AbstractContextManager[Snapshot]:
        """All rows as they are now; who writes meanwhile neither waits nor is seen.

        Args:
            scratch: folder for what is needed until the block is left.

        Raises:
            ConfigurationError: there are no tables, or they are those of a newer version of DFD.
        """

    @abstractmethod
    def is_empty(self) -> bool:
        """Whether there is no row."""

    @abstractmethod
    def restore(self, revision: str, tables: Mapping[str, Callable[[], Iterator[Row]]]) -> None:
        """Replace all rows, in one transaction, and bring the tables up to date.

        Args:
            revision: of the tables that the rows are of.
            tables: the rows of each.

        Raises:
            UnreadableBackup: the rows do not fit the tables.
            ConfigurationError: the rows, or the tables that are there, are of a newer version of DFD.
        """
