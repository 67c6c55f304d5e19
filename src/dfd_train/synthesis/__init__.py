"""Made fakes: pure functions that turn real faces into pairs of a real and a forgery.

`FORGERS` names the families; each takes a face, a partner where it needs one (`PARTNERS`) and a generator. `forge_clip`
forges all frames of a clip alike. None of them needs a neural network; those that do are in `dfd_train.forge`.
"""

from dfd_train.synthesis.catalogue import FORGERS, PARTNERS, PartnerKind
from dfd_train.synthesis.faces import FaceSample, Forged, Forger
from dfd_train.synthesis.regions import MASK_FAMILIES
from dfd_train.synthesis.self_blend import self_blend
from dfd_train.synthesis.sequence import forge_clip
from dfd_train.synthesis.swap import Partners, choose_donor, choose_partner

__all__ = [
    "FORGERS",
    "MASK_FAMILIES",
    "PARTNERS",
    "FaceSample",
    "Forged",
    "Forger",
    "PartnerKind",
    "Partners",
    "choose_donor",
    "choose_partner",
    "forge_clip",
    "self_blend",
]
