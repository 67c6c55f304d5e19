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
        """
        if not clips:
            raise DatasetError("no real clip with a face to train the forge on: cut some with `dfd-train data`")
        train_networks(self._folder, clips, self._settings, progress=progress)

    def render(self, clips: Sequence[ForgeClip], families: Sequence[str] = FAMILIES, *, progress: bool) -> list[str]:
        """Forge each clip once in each family, unless that is done of the same clips; afterwards `store` holds them.

        Args:
            clips: real ones.
            families: some of `dfd_train.forge.rendering.FAMILIES`.
            progress: whether to show a bar.

        Returns:
            their keys in the store.

        Raises:
            ConfigurationError: `train` has not been called, or a family is unknown.
        """
        if unknown := sorted(set(families) - set(FAMILIES)):
            raise ConfigurationError(f"unknown families {', '.join(unknown)}: known are {', '.join(FAMILIES)}")
        renderer = Renderer(self._folder, self._settings, clips)
        wanted = [(clip, family) for clip in clips for family in families]
        known = {clip.fingerprint for clip in clips}
        keys = []
        for clip, family in tqdm(wanted, "forging", unit="clip", disable=not progress):
            key = f"{clip.key}__{family}"
            made_of = self.store.made_of(key)
            if clip.fingerprint not in made_of[:1] or not known.issuperset(made_of):
                forged = renderer.forged(clip, family)
                if forged is None:
                    continue
                self.store.write(forged)
            keys.append(key)
        return keys
