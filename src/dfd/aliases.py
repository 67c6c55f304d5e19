"""Aliases of a model: which version answers (champion), which is tried next (challenger), and which answered before.

Every change is a pure function of what was, so that the rules hold whatever keeps the aliases. A change raises the
revision by one, and a registry stores it only where the revision before is still the one it has: of two processes that
change at once, one is told to look again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Self

from dfd.errors import ModelConflict, ModelCorrupt

ALIASES_SCHEMA: Final = 1

MOST_HISTORY: Final = 100
"""Changes kept beside the aliases, the newest last; the audit file keeps them all."""

NO_PREVIOUS: Final = "there is no previous champion to go back to; promote the version that is to answer"


class Alias(StrEnum):
    """Names that stand for a version."""

    CHAMPION = "champion"
    """Answers."""
    CHALLENGER = "challenger"
    """Is to be tried; nothing goes to it by itself."""


class Action(StrEnum):
    """What can be done to aliases."""

    PROMOTE = "promote"
    ROLLBACK = "rollback"
    WITHDRAW = "withdraw"
    """Of a challenger: no version is to be tried."""


@dataclass(frozen=True, slots=True)
class Note:
    """Who changes something, when and why.

    Attributes:
        at_s: seconds since the epoch, kept to the millisecond.
        actor: who.
        reason: why.
        figures: numbers the decision rests on, by name.
    """

    at_s: float
    actor: str
    reason: str
    figures: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.actor.strip() or not self.reason.strip():
            raise ValueError("actor and reason must not be blank")
        object.__setattr__(self, "at_s", round(self.at_s, 3))


@dataclass(frozen=True, slots=True)
class AliasChange:
    """One change.

    Attributes:
        revision: of the aliases after it.
        action: what was done.
        alias: to which alias.
        before: version it named, None for none.
        after: version it names since, None for none.
        note: who, when and why.
    """

    revision: int
    action: Action
    alias: Alias
    before: str | None
    after: str | None
    note: Note

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, also of a line of the audit file; times are ISO 8601 in UTC."""
        return {
            "revision": self.revision,
            "at": datetime.fromtimestamp(self.note.at_s, UTC).isoformat(timespec="milliseconds"),
            "actor": self.note.actor,
            "action": self.action.value,
            "alias": self.alias.value,
            "from": self.before,
            "to": self.after,
            "reason": self.note.reason,
            "figures": dict(self.note.figures),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        at_s = datetime.fromisoformat(data["at"]).timestamp()
        note = Note(at_s, data["actor"], data["reason"], dict(data["figures"]))
        return cls(
            int(data["revision"]),
            Action(data["action"]),
            Alias(data["alias"]),
            data["from"],
            _version(data["to"]),
            note,
        )


@dataclass(frozen=True, slots=True)
class Aliases:
    """The aliases of one model.

    Attributes:
        revision: number of changes so far.
        champion: version that answers; None before the first promotion.
        challenger: version that is to be tried; never the champion.
        previous: champion before the last promotion, to which a rollback leads; None where there is none.
        history: the last changes, oldest first.
    """

    revision: int = 0
    champion: str | None = None
    challenger: str | None = None
    previous: str | None = None
    history: tuple[AliasChange, ...] = ()

    def version_of(self, alias: Alias) -> str | None:
        """The version an alias names; None for none."""
        return self.champion if alias is Alias.CHAMPION else self.challenger

    def names_of(self, version: str) -> tuple[str, ...]:
        """What a version is at present, among ``champion``, ``challenger`` and ``previous``."""
        named = {"champion": self.champion, "challenger": self.challenger, "previous": self.previous}
        return tuple(name for name, its in named.items() if its == version)

    def promoted(self, version: str, alias: Alias, note: Note) -> Self:
        """`version` bears the alias from now on. A challenger that becomes champion is challenger no more.

        Raises:
            ModelConflict: it bears it already, or the champion is to be its own challenger.
        """
        before = self.version_of(alias)
        if before == version:
            raise ModelConflict(f"version {version} is the {alias} already")
        if alias is Alias.CHALLENGER:
            if version == self.champion:
                raise ModelConflict(f"version {version} is the champion and cannot challenge itself")
            return self._changed(Action.PROMOTE, alias, version, note, challenger=version)
        return self._changed(
            Action.PROMOTE, alias, version, note, champion=version, previous=before, challenger=self._other(version)
        )

    def rolled_back(self, note: Note) -> Self:
        """The champion before is champion again. That works once: two people who roll back at once undo one promotion.

        Raises:
            ModelConflict: there is none to go back to.
        """
        if self.previous is None:
            raise ModelConflict(NO_PREVIOUS)
        back = self.previous
        return self._changed(
            Action.ROLLBACK, Alias.CHAMPION, back, note, champion=back, previous=None, challenger=self._other(back)
        )

    def withdrawn(self, note: Note) -> Self:
        """No version is the challenger any more.

        Raises:
            ModelConflict: none was.
        """
        if self.challenger is None:
            raise ModelConflict("there is no challenger to withdraw")
        return self._changed(Action.WITHDRAW, Alias.CHALLENGER, None, note, challenger=None)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form; `from_dict` reads it back to equal aliases."""
        history = [change.to_dict() for change in self.history]
        return {"schema": ALIASES_SCHEMA, **asdict(replace(self, history=())), "history": history}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build from the parsed JSON.

        Raises:
            ModelCorrupt: it is something else.
        """
        fields = dict(data)
        schema = fields.pop("schema", None)
        if schema != ALIASES_SCHEMA:
            raise ModelCorrupt(f"aliases of schema {schema!r} are not supported, this version reads {ALIASES_SCHEMA}")
        try:
            history = tuple(AliasChange.from_dict(change) for change in fields.pop("history"))
            named = {name: _version(fields.pop(name)) for name in ("champion", "challenger", "previous")}
            return cls(revision=int(fields.pop("revision")), history=history, **named, **fields)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ModelCorrupt(f"the aliases are not valid: {error}") from error

    def _other(self, version: str) -> str | None:
        """The challenger, unless it is `version`."""
        return None if self.challenger == version else self.challenger

    def _changed(self, action: Action, alias: Alias, after: str | None, note: Note, **named: str | None) -> Self:
        change = AliasChange(self.revision + 1, action, alias, self.version_of(alias), after, note)
        kept: Sequence[AliasChange] = (*self.history, change)[-MOST_HISTORY:]
        return replace(self, revision=change.revision, history=tuple(kept), **named)


def _version(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise TypeError(f"a version must be text, got {value!r}")
