"""Every number of a training run, in one value that is written beside its results."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from dfd.manifest import Alignment, InputContract, Layout

CONTRACT_V1 = InputContract(
    size_px=64, layout=Layout.NHWC, value_min=0.0, value_max=1.0, crop_margin=0.1, alignment=Alignment.EYES
)
"""The classic contract: 64x64 RGB in [0, 1], ``[N, 64, 64, 3]``."""

CONTRACT_V2 = InputContract(
    size_px=160,
    layout=Layout.NHWC,
    value_min=0.0,
    value_max=1.0,
    crop_margin=0.2,
    alignment=Alignment.EYES,
    frames=2,
)
"""Version 2: 160x160, with more of what surrounds the face, and the frame after it, ``[N, 160, 160, 6]``."""

MOTION_GAIN = 25.0
"""What the difference of two frames is multiplied by for the trunk that looks at it: differences of a fiftieth of the
range fill the range, what noise, skin and encoders leave, not what lips do."""


class Backbone(StrEnum):
    """What the network is built of (see `dfd_train.backbone`)."""

    B0 = "efficientnet_b0"
    LITE0 = "efficientnet_lite0"


class Pooling(StrEnum):
    """What the last layer sees of the feature maps."""

    LAST = "last"
    BANDS = "bands"


def _made(**weights: float) -> Mapping[str, float]:
    return MappingProxyType(weights)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is trained.

    Attributes:
        contract: the input contract of the model.
        backbone: the network.
        pooling: of its feature maps.
        stages: how many of the backbone's seven stages are used.
        frozen_stages: stages of the network, from the image on, that keep their ImageNet weights; the stem is frozen
            with the first.
        frozen_norms: whether batch normalisation keeps ImageNet's statistics and scales.
        trunks: of a model of two frames: ``still`` looks at the frame, ``half`` at the frame at half its size,
            ``change`` at its difference to the next, ``motion`` at that difference at half its size.
        head_strength: C of the logistic regression that fits the last layer before any weight is trained
            (`dfd_train.head`): the smaller, the more its weights are held down; 0 to start at random.
        head_batches: batches of pairs, made of photographs, that it is fitted to beside the clips.
        seed: of weights, order and augmentation.
        epochs: passes; the learning rate falls along a cosine over all of them. With 0 nothing but the last layer is
            fitted.
        steps_per_epoch: batches a pass.
        batch_size: images a batch.
        made_share: share of a batch, or of all weight in the regression, that is pairs of a real and a forgery made of
            it; the rest are genuine clips, both classes alike.
        made: weight of each family of made fakes, made on the spot (`dfd_train.synthesis.FORGERS`) or by the forge
            (`dfd_train.forge.FAMILIES`).
        mask_families: which regions self-blending may forge (`dfd_train.synthesis.MASK_FAMILIES`); all where empty.
        stills_share: share of the pairs made on the spot whose faces are photographs, which show far more people.
        stills: how many photographs, spread evenly over the set.
        worn_share: share of all images that go through a camera and an H.264 encoder (`dfd_train.camera.worn`).
        degraded_share: share that goes through a camera and JPEG only.
        learning_rate: peak, reached after a short warm-up.
        weight_decay: decoupled (AdamW).
        dropout: before the last layer.
        label_smoothing: of the binary cross-entropy.
        ema_momentum: of the average of the weights that is kept.
        mixed_precision: compute in bfloat16, which needs no loss scaling, where the device gains from it.
        unseen_family: family that the forge makes too, which no model is shown and every fold is judged by; empty for
            none.
        foundation: recipe of the model of one frame, trained on forgeries of the photographs alone, whose trunk is the
            start of this one's; None to start from ImageNet.
    """

    contract: InputContract
    backbone: Backbone
    pooling: Pooling
    stages: int = 7
    frozen_stages: int = 0
    frozen_norms: bool = False
    trunks: tuple[str, ...] = ("still", "half", "motion")
    head_strength: float = 0.0
    head_batches: int = 0
    seed: int = 1
    epochs: int = 10
    steps_per_epoch: int = 120
    batch_size: int = 64
    made_share: float = 0.375
    made: Mapping[str, float] = field(default_factory=lambda: _made(self_blend=1.0))
    mask_families: tuple[str, ...] = ()
    stills_share: float = 0.0
    stills: int = 1200
    worn_share: float = 0.25
    degraded_share: float = 0.45
    learning_rate: float = 6e-4
    weight_decay: float = 0.02
    dropout: float = 0.3
    label_smoothing: float = 0.05
    ema_momentum: float = 0.995
    mixed_precision: bool = False
    unseen_family: str = ""
    foundation: "Recipe | None" = None

    def __post_init__(self) -> None:
        if self.unseen_family in self.made:
            raise ValueError(f"family {self.unseen_family!r} cannot be unseen: the recipe trains on it")


_FOUNDATION = Recipe(
    replace(CONTRACT_V2, frames=1),
    Backbone.LITE0,
    Pooling.BANDS,
    stages=5,
    epochs=7,
    steps_per_epoch=250,
    made_share=1.0,
    made=_made(self_blend=0.4, swap=0.3, lipsync=0.15, rerender=0.15),
    stills_share=1.0,
    stills=2400,
    worn_share=0.15,
    degraded_share=0.45,
    learning_rate=1e-3,
    label_smoothing=0.02,
    ema_momentum=0.99,
)

RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        "1": Recipe(CONTRACT_V1, Backbone.B0, Pooling.LAST),
        "2": Recipe(
            CONTRACT_V2,
            Backbone.LITE0,
            Pooling.BANDS,
            stages=5,
            head_strength=1e-2,
            head_batches=40,
            epochs=0,
            made_share=0.1,
            made=_FOUNDATION.made,
            stills_share=1.0,
            stills=_FOUNDATION.stills,
            worn_share=_FOUNDATION.worn_share,
            degraded_share=_FOUNDATION.degraded_share,
            unseen_family="deepfake",
            foundation=_FOUNDATION,
        ),
    }
)
"""The recipe of each model version that `make train` can make."""
