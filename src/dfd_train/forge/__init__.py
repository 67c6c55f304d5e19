"""Forgeries that need small neural networks, made to train the detector on.

`Forge.train` trains three autoencoders and, by the method of the first deepfakes, one decoder a person; `Forge.render`
forges real clips with them. Faces are at most 128 px wide and go into a crop store, never into a video.
"""

from dfd_train.forge.forge import Forge
from dfd_train.forge.pictures import FORGED_PX, ForgeClip, forge_clips
from dfd_train.forge.rendering import FAMILIES
from dfd_train.forge.settings import ForgeSettings
from dfd_train.forged_store import ForgedClip, ForgedStore

__all__ = ["FAMILIES", "FORGED_PX", "Forge", "ForgeClip", "ForgeSettings", "ForgedClip", "ForgedStore", "forge_clips"]
