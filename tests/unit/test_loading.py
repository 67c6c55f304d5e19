"""A command gets under way: what decodes starts early, and garbage is looked for again afterwards."""

import gc
from pathlib import Path

import pytest
from tests.nurseries import nurseries

from dfd.cli.loading import early_launcher, quick_loading
from dfd.errors import ConfigurationError
from dfd.sandbox.layers import Limits
from dfd.settings import Settings


@pytest.fixture(autouse=True)
def _bare_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def test_what_decodes_is_started_before_it_is_asked_for() -> None:
    before = set(nurseries())
    launcher = early_launcher()
    assert launcher is not None
    try:
        launcher.spawn(Limits(1 << 30, 1 << 33, 10, 16), []).end()
        assert len(set(nurseries()) - before) == 1
    finally:
        launcher.close()


def test_nothing_is_started_where_this_process_decodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX", "false")
    before = nurseries()
    assert early_launcher() is None
    assert nurseries() == before


def test_settings_that_do_not_hold_are_left_to_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_FRAMES", "many")
    assert early_launcher() is None


def test_garbage_is_looked_for_again_whatever_happens() -> None:
    with pytest.raises(ConfigurationError), quick_loading():
        assert not gc.isenabled()
        raise ConfigurationError("while loading")
    assert gc.isenabled()
    gc.unfreeze()
