"""Every number of a training run, in one value that is written beside its results."""

from dataclasses import dataclass

from dfd.manifest import Alignment, InputContract, Layout

CONTRACT_V1 = InputContract(
    size_px=64, layout=Layout.NHWC, value_min=0.0, value_max=1.0, crop_margin=0.1, alignment=Alignment.EYES
)
"""The classic contract: 64x64 RGB in [0, 1], ``[N, 64, 64, 3]``."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is trained.

    Attributes:
        contract: the input contract of the model.
        seed: of weights, order and augmentation.
        epochs: passes; the learning rate falls along a cosine over all of them.
        steps_per_epoch: batches a pass.
        batch_size: images a batch; half genuine clips (both classes alike), half self-blended pairs by
            `blended_share`.
        blended_share: share of a batch that is self-blended pairs (a real and its blend).
        learning_rate: peak, reached after a short warm-up.
        weight_decay: decoupled (AdamW).
        dropout: before the last layer.
        label_smoothing: of the binary cross-entropy.
        ema_momentum: of the average of the weights that is kept.
        mixed_precision: compute in float16 where the device gains from it.
    """

    contract: InputContract = CONTRACT_V1
    seed: int = 1
    epochs: int = 10
    steps_per_epoch: int = 120
    batch_size: int = 64
    blended_share: float = 0.375
    learning_rate: float = 6e-4
    weight_decay: float = 0.02
    dropout: float = 0.3
    label_smoothing: float = 0.05
    ema_momentum: float = 0.995
    mixed_precision: bool = False
