"""Every family of made fakes by name, so that a recipe can weigh them and hold some out."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from dfd_train.synthesis.faces import Forger
from dfd_train.synthesis.lipsync import lipsync
from dfd_train.synthesis.self_blend import self_blend
from dfd_train.synthesis.swap import swap
from dfd_train.synthesis.upsampling import rerender


class PartnerKind(StrEnum):
    """Whose face a forger wants beside the sample."""

    NOBODY = "nobody"
    SAME_PERSON = "same_person"
    OTHER_PERSON = "other_person"


FORGERS: Mapping[str, Forger] = MappingProxyType(
    {"self_blend": self_blend, "swap": swap, "lipsync": lipsync, "rerender": rerender}
)
"""Forgers that need no decoder, by family."""

PARTNERS: Mapping[str, PartnerKind] = MappingProxyType(
    {
        "self_blend": PartnerKind.NOBODY,
        "swap": PartnerKind.OTHER_PERSON,
        "lipsync": PartnerKind.SAME_PERSON,
        "rerender": PartnerKind.NOBODY,
        "decoded": PartnerKind.NOBODY,
        "reenacted": PartnerKind.SAME_PERSON,
        "dubbed": PartnerKind.SAME_PERSON,
        "deepfake": PartnerKind.NOBODY,
    }
)
"""The partner each family wants, those with decoders (`dfd_train.synthesis.decoded`) too; None will do for the same
person."""
