"""Content credentials (C2PA): what a file's signed history says, and who vouches for it.

Strangers chose every word of it, so all of it is bounded text (`dfd.media.bounded_text`).
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self

from dfd.media import check_bounded

MOST_ACTIONS: Final = 32
MOST_PROBLEMS: Final = 16


class CredentialState(StrEnum):
    """What was found. Only `ABSENT` says that there are none."""

    NOT_CHECKED = "not_checked"
    """Nobody looked."""
    ABSENT = "absent"
    """The file holds none; most files do not."""
    REMOTE = "remote"
    """The file says that they lie at an address, which was not asked."""
    UNREADABLE = "unreadable"
    """There may be some, and they could not be read."""
    INVALID = "invalid"
    """They do not belong to this file as it is, or are damaged."""
    VALID = "valid"
    """They belong to this file as it is; who signed is not known here to be trusted."""
    TRUSTED = "trusted"
    """They belong to this file as it is, and an authority that this installation trusts vouches for the signer."""


@dataclass(frozen=True, slots=True)
class CredentialAction:
    """One step of the history; None for what is not told.

    Attributes:
        action: its code, for example ``c2pa.edited``.
        software: what did it.
        when: as the file says it.
        source_type: last part of IPTC's digital source type, for example ``trainedAlgorithmicMedia``.
    """

    action: str
    software: str | None = None
    when: str | None = None
    source_type: str | None = None


@dataclass(frozen=True, slots=True)
class ContentCredentials:
    """What a file's content credentials say; None, or nothing, for what is not told.

    Attributes:
        state: what was found.
        detail: why they were not checked, could not be read, or where they lie.
        signer: common name of the certificate that signed them.
        issuer: organisation in that certificate.
        signed_at: when, as an authority for time stamps vouches; else as the signer says.
        time_stamped: whether it is an authority's time.
        generator: software that made the claim.
        title: of the file, when it was signed.
        ingredients: number of files that it was made from.
        actions: the first `MOST_ACTIONS` steps of its history.
        problems: codes of what does not hold, at most `MOST_PROBLEMS` (C2PA specification, "Validation").
    """

    state: CredentialState
    detail: str | None = None
    signer: str | None = None
    issuer: str | None = None
    signed_at: str | None = None
    time_stamped: bool = False
    generator: str | None = None
    title: str | None = None
    ingredients: int = 0
    actions: tuple[CredentialAction, ...] = ()
    problems: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.actions) > MOST_ACTIONS or len(self.problems) > MOST_PROBLEMS:
            raise ValueError(f"at most {MOST_ACTIONS} actions and {MOST_PROBLEMS} problems are kept")
        if isinstance(self.ingredients, bool) or not isinstance(self.ingredients, int) or self.ingredients < 0:
            raise ValueError(f"the number of ingredients is a count, got {self.ingredients!r}")
        if not isinstance(self.time_stamped, bool):
            raise ValueError("whether there is a time stamp is yes or no")  # noqa: TRY004 - as every other check here
        words = [*self.problems, *(one.action for one in self.actions)]
        told = [self.detail, self.signer, self.issuer, self.signed_at, self.generator, self.title]
        told += [text for one in self.actions for text in (one.software, one.when, one.source_type)]
        check_bounded([*words, *(text for text in told if text is not None)])

    def to_dict(self) -> dict[str, Any]:
        """The JSON form; `from_dict` reads it back to an equal value."""
        data = asdict(self)
        return {**data, "state": self.state.value, "actions": list(data["actions"]), "problems": list(self.problems)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build from the parsed JSON.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        fields = dict(data)
        return cls(
            state=CredentialState(fields.pop("state")),
            actions=tuple(CredentialAction(**one) for one in fields.pop("actions")),
            problems=tuple(fields.pop("problems")),
            **fields,
        )


NOT_CHECKED: Final = ContentCredentials(CredentialState.NOT_CHECKED, "nothing here reads content credentials")
"""What is said where no reader is at hand."""

ReadCredentials = Callable[[Path], ContentCredentials]
"""Reads those of a file. Never raises: what goes wrong is a state."""


def not_checked(path: Path) -> ContentCredentials:  # noqa: ARG001 - a `ReadCredentials`
    """The reader of those who have none."""
    return NOT_CHECKED
