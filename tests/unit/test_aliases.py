"""Aliases of a model: what may follow what, whatever the order, and that two who change at once cannot both win."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, RuleBasedStateMachine, invariant, multiple, rule
from tests.onnx_models import write_registry

from dfd.aliases import MOST_HISTORY, Alias, Aliases, Note
from dfd.errors import ModelConflict, ModelCorrupt, RegistryUnavailable
from dfd.registry.alias_file import ALIASES_NAME, AUDIT_NAME, AliasFile, _locked
from dfd.registry.directory import DirectoryRegistry

NOTE = Note(1_700_000_000.1234, "ann", "because")
VERSIONS = st.sampled_from(["1", "2", "3"])


def promoted(*versions: str) -> Aliases:
    aliases = Aliases()
    for version in versions:
        aliases = aliases.promoted(version, Alias.CHAMPION, NOTE)
    return aliases


def test_a_promotion_remembers_whom_it_replaced() -> None:
    aliases = promoted("1", "2")
    assert (aliases.champion, aliases.previous, aliases.revision) == ("2", "1", 2)
    assert aliases.names_of("1") == ("previous",)
    [_, last] = aliases.history
    assert (last.before, last.after, last.note.actor, last.note.at_s) == ("1", "2", "ann", 1_700_000_000.123)


def test_a_challenger_that_wins_challenges_no_more() -> None:
    aliases = promoted("1").promoted("2", Alias.CHALLENGER, NOTE)
    assert (aliases.champion, aliases.challenger) == ("1", "2")
    won = aliases.promoted("2", Alias.CHAMPION, NOTE)
    assert (won.champion, won.challenger, won.previous) == ("2", None, "1")


def test_a_rollback_works_once() -> None:
    back = promoted("1", "2", "3").rolled_back(NOTE)
    assert (back.champion, back.previous) == ("2", None)
    with pytest.raises(ModelConflict, match="no previous champion"):
        back.rolled_back(NOTE)


def test_a_challenger_is_withdrawn_once() -> None:
    aliases = promoted("1").promoted("2", Alias.CHALLENGER, NOTE).withdrawn(NOTE)
    assert (aliases.champion, aliases.challenger, aliases.revision) == ("1", None, 3)
    assert (aliases.history[-1].before, aliases.history[-1].after) == ("2", None)
    assert Aliases.from_dict(json.loads(json.dumps(aliases.to_dict()))) == aliases
    with pytest.raises(ModelConflict, match="no challenger"):
        aliases.withdrawn(NOTE)


@pytest.mark.parametrize("alias", list(Alias))
def test_nothing_is_promoted_to_what_it_is(alias: Alias) -> None:
    aliases = Aliases().promoted("1", alias, NOTE)
    with pytest.raises(ModelConflict, match=f"is the {alias} already"):
        aliases.promoted("1", alias, NOTE)


def test_a_champion_does_not_challenge_itself() -> None:
    with pytest.raises(ModelConflict, match="cannot challenge itself"):
        promoted("1").promoted("1", Alias.CHALLENGER, NOTE)


@pytest.mark.parametrize(("actor", "reason"), [("", "why"), ("who", " ")])
def test_a_change_names_who_and_why(actor: str, reason: str) -> None:
    with pytest.raises(ValueError, match="blank"):
        Note(0.0, actor, reason)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"schema": 2},
        {"schema": 1, "revision": 1},
        {"schema": 1, "revision": 0, "champion": 2, "challenger": None, "previous": None, "history": []},
        {"schema": 1, "revision": 0, "champion": None, "challenger": None, "previous": None, "history": [{}]},
        {"schema": 1, "revision": 0, "champion": None, "challenger": None, "previous": None, "history": [], "x": 1},
    ],
)
def test_what_are_no_aliases_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(ModelCorrupt):
        Aliases.from_dict(data)


@given(
    at_s=st.floats(0, 4e9),
    actor=st.text(min_size=1).filter(str.strip),
    reason=st.text(min_size=1).filter(str.strip),
    figures=st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False)),
)
def test_aliases_survive_json(at_s: float, actor: str, reason: str, figures: dict[str, float]) -> None:
    aliases = promoted("1").promoted("2", Alias.CHAMPION, Note(at_s, actor, reason, figures))
    assert Aliases.from_dict(json.loads(json.dumps(aliases.to_dict()))) == aliases


def test_the_history_is_bounded() -> None:
    aliases = promoted(*("12"[turn % 2] for turn in range(MOST_HISTORY + 20)))
    assert [change.revision for change in aliases.history] == list(range(21, MOST_HISTORY + 21))


class Promoting(RuleBasedStateMachine):
    """Several people who look at a real alias file now, and change it now or later."""

    seen: Bundle[Aliases] = Bundle("seen")

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.file = AliasFile(Path(self._folder.name))
        self.stack: list[str | None] = [None]  # champion, and before it the one that a rollback leads to
        self.changes = 0

    def teardown(self) -> None:
        self._folder.cleanup()

    @rule(target=seen)
    def look(self) -> Aliases:
        return self.file.read()

    @rule(target=seen, aliases=seen, version=VERSIONS, alias=st.sampled_from(list(Alias)))
    def promote(self, aliases: Aliases, version: str, alias: Alias) -> Aliases | MultipleResults[Aliases]:
        current = self.file.read()
        try:
            changed = aliases.promoted(version, alias, NOTE)
        except ModelConflict:
            taken = aliases.version_of(alias) == version
            assert taken or (alias is Alias.CHALLENGER and aliases.champion == version)
            return multiple()
        if not self._stored(changed, current):
            return multiple()
        if alias is Alias.CHAMPION:
            self.stack = [current.champion, version]
        return changed

    @rule(target=seen, aliases=seen)
    def roll_back(self, aliases: Aliases) -> Aliases | MultipleResults[Aliases]:
        current = self.file.read()
        try:
            changed = aliases.rolled_back(NOTE)
        except ModelConflict:
            assert aliases.previous is None
            return multiple()
        if not self._stored(changed, current):
            return multiple()
        self.stack = self.stack[:1]
        return changed

    def _stored(self, changed: Aliases, current: Aliases) -> bool:
        """Store; only what was made from the newest may be stored."""
        try:
            self.file.store(changed)
        except ModelConflict:
            assert changed.revision != current.revision + 1
            assert self.file.read() == current
            return False
        assert changed.revision == current.revision + 1
        assert self.file.read() == changed
        self.changes += 1
        return True

    @invariant()
    def the_rules_hold(self) -> None:
        kept = self.file.read()
        assert kept.champion == self.stack[-1]
        assert kept.previous == (self.stack[0] if len(self.stack) == 2 else None)
        assert kept.revision == self.changes
        assert kept.champion is None or kept.champion not in (kept.challenger, kept.previous)

    @invariant()
    def every_change_is_in_the_audit_file_once(self) -> None:
        path = Path(self._folder.name) / AUDIT_NAME
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        assert [json.loads(line)["revision"] for line in lines] == list(range(1, self.changes + 1))


TestPromoting = Promoting.TestCase
TestPromoting.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)


def test_a_line_that_the_audit_file_lacks_comes_with_the_next_change(tmp_path: Path) -> None:
    file, audit = AliasFile(tmp_path), tmp_path / AUDIT_NAME
    file.store(promoted("1"))
    file.store(promoted("1", "2"))
    first, second = audit.read_text().splitlines()
    audit.write_text(first + "\n" + second[: len(second) // 2])  # the process was killed while it wrote
    file.store(promoted("1", "2", "3"))
    lines = audit.read_text().splitlines()
    assert lines[0] == first
    assert [json.loads(line)["revision"] for line in lines[2:]] == [2, 3]


def test_a_lock_that_somebody_keeps_is_told(tmp_path: Path) -> None:
    times_s = iter([0.0, 5.0, 11.0])
    with _locked(tmp_path / "lock"), pytest.raises(RegistryUnavailable, match="another process holds"):  # noqa: SIM117
        with _locked(tmp_path / "lock", lambda: next(times_s)):
            pytest.fail("two hold it")
    with _locked(tmp_path / "lock"):
        pass  # it was given back


@pytest.mark.parametrize("content", ["{", "[]", '{"schema": 1}'])
def test_a_damaged_file_is_told_and_not_overwritten(tmp_path: Path, content: str) -> None:
    write_registry(tmp_path)
    path = tmp_path / "deepfake" / ALIASES_NAME
    path.write_text(content)
    registry = DirectoryRegistry(tmp_path)
    with pytest.raises(ModelCorrupt, match=r"aliases\.json"):
        registry.aliases("deepfake")
    with pytest.raises(ModelCorrupt, match=r"aliases\.json"):
        registry.store_aliases("deepfake", promoted("1"))
    assert path.read_text() == content
