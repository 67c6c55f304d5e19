"""The model card: what a version is, every figure that was measured of it, what it gets wrong, and how to use it.

::

    manifest (cross-validation, calibration, decision) + document of `dfd.evaluation` (test videos) -> MODEL_CARD.md
                                    document -> card/*.svg; sample clips, model -> card/failures.png

What a figure is worth is worded from the figure itself (`dfd_train.card.remarks`), so no version is praised by hand.
The same manifest, document and model give the same bytes; neither paths of a machine nor dates are written.
"""

from dfd_train.card.facts import compact, data_facts
from dfd_train.card.failures import Answer, sample_clips, show_failures
from dfd_train.card.writing import CARD_FOLDER, CARD_NAME, write_card

__all__ = [
    "CARD_FOLDER",
    "CARD_NAME",
    "Answer",
    "compact",
    "data_facts",
    "sample_clips",
    "show_failures",
    "write_card",
]
