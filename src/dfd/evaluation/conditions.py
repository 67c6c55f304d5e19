"""The conditions under which videos are judged: as they are, or spoilt in one of the ways that videos get spoilt.

The first seven kinds and their five levels are the perturbations of DeeperForensics-1.0 (Jiang et al., CVPR 2020;
``perturbation/`` of its repository), applied to the video before faces are looked for. ``JPEG`` is its name for what
really is pixelation. Unlike the reference, values are rounded and clipped where it truncates and may wrap around.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from dfd.evaluation import perturbations
from dfd.evaluation.perturbations import FrameChange
from dfd.evaluation.reencoding import Encoding, has_encoder


@dataclass(frozen=True, slots=True, order=True)
class Condition:
    """One kind of damage at one level; `CLEAN` is none."""

    kind: str
    level: float


CLEAN = Condition("clean", 0)


@dataclass(frozen=True, slots=True)
class FrameKind:
    """Damage that is done to each frame alone.

    Attributes:
        title: in words.
        change: does it.
        strengths: what `change` is given, by level.
        size_factor: size of the changed frame over the original's, by level; 1 where it is missing.
    """

    title: str
    change: FrameChange
    strengths: Mapping[float, float]
    size_factor: Mapping[float, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VideoKind:
    """Damage that is done by encoding the video anew.

    Attributes:
        title: in words.
        encoding: how, by level.
    """

    title: str
    encoding: Mapping[float, Encoding]


def _five(*strengths: float) -> dict[float, float]:
    return dict(enumerate(strengths, start=1))


def _h264(crf: int, short_side_px: int | None = None, rate_hz: int | None = None) -> Encoding:
    return Encoding("libx264", crf, short_side_px, rate_hz)


KINDS: Mapping[str, FrameKind | VideoKind] = MappingProxyType(
    {
        "CS": FrameKind("colour saturation", perturbations.saturation, _five(0.4, 0.3, 0.2, 0.1, 0.0)),
        "CC": FrameKind("colour contrast", perturbations.contrast, _five(0.85, 0.725, 0.6, 0.475, 0.35)),
        "BW": FrameKind("grey blocks", perturbations.blocks, _five(16, 32, 48, 64, 80)),
        "GNC": FrameKind("noise", perturbations.noise, _five(0.001, 0.002, 0.005, 0.01, 0.05)),
        "GB": FrameKind("blur", perturbations.blur, _five(7, 9, 13, 17, 21)),
        "JPEG": FrameKind("pixelation", perturbations.pixelation, _five(2, 3, 4, 5, 6)),
        "VC": VideoKind("compression", {level: _h264(round(crf)) for level, crf in _five(30, 32, 35, 38, 40).items()}),
        "H264": VideoKind("H.264 at CRF", {crf: _h264(crf) for crf in (23, 28, 35, 40)}),
        "H265": VideoKind("H.265 at CRF", {crf: Encoding("libx265", crf) for crf in (28, 35)}),
        "480p": VideoKind("480p, then H.264 at CRF", {35: _h264(35, short_side_px=480)}),
        "social": VideoKind(
            "480p, 24 frames a second, then H.264 at CRF", {30: _h264(30, short_side_px=480, rate_hz=24)}
        ),
        "resize": FrameKind("size divided by", perturbations.unchanged, {2: 0, 4: 0}, {2: 1 / 2, 4: 1 / 4}),
        "gamma": FrameKind("low light, gamma", perturbations.gamma, {2: 2, 2.5: 2.5, 3: 3}),
    }
)

DEEPER_FORENSICS = ("CS", "CC", "BW", "GNC", "GB", "JPEG", "VC")
_QUICK_LEVEL = 3


@dataclass(frozen=True, slots=True)
class Conditions:
    """What to judge under besides the clean videos.

    Attributes:
        wanted: in order, without `CLEAN`.
        skipped: kinds left out, because their encoder is not in this build of FFmpeg.
    """

    wanted: tuple[Condition, ...] = ()
    skipped: tuple[str, ...] = ()


def conditions_of(extent: str, available: Callable[[str], bool] = has_encoder) -> Conditions:
    """The conditions of a set.

    Args:
        extent: ``none``, ``quick`` (level 3 of the seven, and 480p at CRF 35) or ``full`` (everything).
        available: whether there is an encoder of a name.

    Raises:
        ValueError: there is no such set.
    """
    if extent == "none":
        return Conditions()
    if extent == "quick":
        return Conditions((*(Condition(kind, _QUICK_LEVEL) for kind in DEEPER_FORENSICS), Condition("480p", 35)))
    if extent != "full":
        raise ValueError(f"there is no set of conditions {extent!r}")
    skipped = tuple(name for name, kind in KINDS.items() if not _can(kind, available))
    wanted = (Condition(name, level) for name in KINDS if name not in skipped for level in levels(name))
    return Conditions(tuple(wanted), skipped)


def levels(kind: str) -> tuple[float, ...]:
    """The levels of a kind, mildest first."""
    found = KINDS[kind]
    return tuple(found.strengths if isinstance(found, FrameKind) else found.encoding)


def _can(kind: FrameKind | VideoKind, available: Callable[[str], bool]) -> bool:
    return isinstance(kind, FrameKind) or all(available(encoding.codec) for encoding in kind.encoding.values())
