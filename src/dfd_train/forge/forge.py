"""The forge as a whole: networks and forged clips in one folder."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from dfd.errors import ConfigurationError
from dfd_train.datasets import DatasetError
from dfd_train.forge.pictures import ForgeClip
from dfd_train.forge.rendering import FAMILIES, Renderer
from dfd_train.forge.settings import ForgeSettings
from dfd_train.forge.training import train_networks
from dfd_train.forged_store import ForgedStore


class Forge:
    """Trains decoders and forges with them; both go on where they were cut short.

    Args:
        folder: of networks (``*.keras``) and forged clips (``clips/*.npz``).
        settings: all numbers.

    Raises:
        ConfigurationError: the folder holds networks of other settings.
    """

    def __init__(self, folder: Path, settings: ForgeSettings) -> None:
        self._folder = folder
        self._settings = settings
        self._learned_from = folder / "learned_from.json"
        self.store = ForgedStore(folder / "clips")
        folder.mkdir(parents=True, exist_ok=True)
        lasting = {**dataclasses.asdict(settings), "people": None}  # more people may come later
        text = json.dumps(lasting, sort_keys=True)
        record = folder / "settings.json"
        if record.exists() and record.read_text() != text:
            raise ConfigurationError(f"{folder} was made with other settings: give another folder, or delete it")
        record.write_text(text)

    def train(self, clips: Sequence[ForgeClip], *, progress: bool) -> None:
        """Train the three autoencoders, the shared face encoder and one decoder a person.

        Args:
            clips: real ones only.
            progress: whether to show bars.

        Raises:
            DatasetError: there is no clip.
            ConfigurationError: the folder was made of other clips.
        """
        if not clips:
            raise DatasetError("no real clip with a face to train the forge on: cut some with `dfd-train data`")
        self._claim(clips)
        train_networks(self._folder, clips, self._settings, progress=progress)

    def render(self, clips: Sequence[ForgeClip], families: Sequence[str] = FAMILIES, *, progress: bool) -> list[str]:
        """Forge each clip once in each family, unless that is done; afterwards `store` holds them.

        Args:
            clips: some of those that `train` was given.
            families: some of `dfd_train.forge.rendering.FAMILIES`.
            progress: whether to show a bar.

        Returns:
            their keys in the store.

        Raises:
            ConfigurationError: `train` has not been called, or was given other clips, or a family is unknown.
        """
        if unknown := sorted(set(families) - set(FAMILIES)):
            raise ConfigurationError(f"unknown families {', '.join(unknown)}: known are {', '.join(FAMILIES)}")
        renderer = Renderer(self._folder, self._settings, clips)
        if self._learned_from.exists() and not self._known().issuperset(clip.fingerprint for clip in clips):
            raise self._made_of_others()
        wanted = [(clip, family) for clip in clips for family in families]
        keys = []
        for clip, family in tqdm(wanted, "forging", unit="clip", disable=not progress):
            key = f"{clip.key}__{family}"
            if key not in self.store:
                forged = renderer.forged(clip, family)
                if forged is None:
                    continue
                self.store.write(forged)
            keys.append(key)
        return keys

    def _claim(self, clips: Sequence[ForgeClip]) -> None:
        """Make the folder that of some clips: networks of others may know people who are held out from these."""
        fingerprints = sorted(clip.fingerprint for clip in clips)
        if not self._learned_from.exists():
            partial = self._learned_from.with_suffix(".partial")
            partial.write_text(json.dumps(fingerprints))
            partial.rename(self._learned_from)
        elif self._known() != {*fingerprints}:
            raise self._made_of_others()

    def _known(self) -> set[str]:
        """Fingerprints of the clips that the networks learn from."""
        return set(json.loads(self._learned_from.read_text()))

    def _made_of_others(self) -> ConfigurationError:
        return ConfigurationError(f"{self._folder} was made of other clips: give another folder, or delete it")
