"""What machines' names mean, in sentences for people."""

from collections.abc import Mapping
from typing import Any, Final

from dfd.casefile.blocks import Tone
from dfd.credentials import CredentialState
from dfd.types import Reason, Verdict

VERDICT_TONES: Final = {Verdict.FAKE: Tone.FAKE, Verdict.REAL: Tone.REAL, Verdict.INCONCLUSIVE: Tone.OPEN}

VERDICTS: Final = {
    Verdict.FAKE: "The most suspicious face reaches the threshold from which a video is called fake.",
    Verdict.REAL: "Every face that can be judged scores clearly below the threshold from which a video is called fake.",
    Verdict.INCONCLUSIVE: "The evidence does not decide. This is an answer: no guess stands behind it.",
}

REASONS: Final = {
    Reason.NO_FACE: "No face was found in the frames that were looked at.",
    Reason.TOO_FEW_FRAMES: "Too few frames show the face for their mean to be trusted.",
    Reason.FACE_TOO_SMALL: "The face is too small in the picture.",
    Reason.TOO_DARK: "The face is too dark.",
    Reason.TOO_BLURRY: "The face is too blurred.",
    Reason.UNLIKE_TRAINING: "The face's light, sharpness or compression are unlike those that the model was trained "
    "on.",
    Reason.NEAR_THRESHOLD: "The probability is so near the threshold that chance could have put it on either side.",
    Reason.NO_FACE_FALLBACK: "No face was found, so the centre of the picture was scored instead of one.",
    Reason.DECODE_INCOMPLETE: "The file is damaged: decoding broke off before its end.",
}

CREDENTIALS: Final = {
    CredentialState.NOT_CHECKED: "Not checked: nobody looked whether the file holds content credentials.",
    CredentialState.ABSENT: "None: the file holds no content credentials. Most files hold none, and they are easily "
    "removed: that speaks neither for nor against it.",
    CredentialState.REMOTE: "The file says that its content credentials lie at an address on the network. They were "
    "not fetched, and nothing is known of them.",
    CredentialState.UNREADABLE: "Could not be read. That is not the same as none.",
    CredentialState.INVALID: "Present, but they do NOT hold: they do not belong to this file as it is now, or are "
    "damaged. What they say below is not vouched for.",
    CredentialState.VALID: "Present and whole: they belong to this file as it is. Who signed them is not known here "
    "to be trusted; anybody can sign under any name.",
    CredentialState.TRUSTED: "Present, whole and trusted: they belong to this file as it is, and an authority on this "
    "installation's list vouches for the signer.",
}

ACTIONS: Final = {
    "c2pa.created": "created",
    "c2pa.opened": "opened",
    "c2pa.placed": "placed into another work",
    "c2pa.edited": "edited",
    "c2pa.filtered": "filtered",
    "c2pa.cropped": "cropped",
    "c2pa.resized": "resized",
    "c2pa.color_adjustments": "colours adjusted",
    "c2pa.drawing": "drawn upon",
    "c2pa.converted": "converted",
    "c2pa.transcoded": "transcoded",
    "c2pa.repackaged": "repackaged",
    "c2pa.published": "published",
    "c2pa.removed": "something removed",
    "c2pa.redacted": "redacted",
    "c2pa.unknown": "changed, it is not said how",
}

SOURCES: Final = {
    "digitalCapture": "captured by a camera",
    "computationalCapture": "captured by a camera, computed",
    "trainedAlgorithmicMedia": "made by generative AI",
    "compositeWithTrainedAlgorithmicMedia": "composed with generative AI",
    "algorithmicallyEnhanced": "enhanced by an algorithm",
    "algorithmicMedia": "made by an algorithm",
    "compositeCapture": "composed of captures",
    "humanEdits": "edited by people",
    "digitalCreation": "made digitally by people",
    "screenCapture": "captured from a screen",
}


def reason_sentence(reason: str) -> str:
    """Why a verdict is weak; the name itself where a later version gave it."""
    try:
        return REASONS[Reason(reason)]
    except ValueError:
        return plain(reason)


def action_words(action: str) -> str:
    """A step of a file's history, and its code."""
    known = ACTIONS.get(action)
    return action if known is None else f"{known} ({action})"


def plain(name: str) -> str:
    """A machine's name without its underscores."""
    return name.replace("_", " ")


def number(value: float | None) -> str:
    """A probability."""
    return "none, nothing was scored" if value is None else f"{value:.3f}"


def size(count: int) -> str:
    """A number of bytes, exactly and in words."""
    if count < 1024:
        return f"{count} bytes"
    value, unit = float(count), "bytes"
    for unit in ("KiB", "MiB", "GiB", "TiB"):  # noqa: B007 - the last one stands where nothing larger is needed
        value /= 1024
        if value < 1024:
            break
    return f"{value:.2f} {unit} ({count:,} bytes)".replace(",", "\N{NO-BREAK SPACE}")


def bit_rate(bits_a_second: int | None) -> str:
    """A bit rate."""
    return (
        "not told"
        if bits_a_second is None
        else f"{bits_a_second / 1000:,.0f} kbit/s".replace(",", "\N{NO-BREAK SPACE}")
    )


def likelihood(counted: Mapping[str, Any]) -> str:
    """What a probability was worth where it was tried, in a sentence (`reliability` of the JSON report)."""
    share, low, high = (round(100 * counted[name]) for name in ("fake_share", "fake_share_low", "fake_share_high"))
    return (
        f"Of 100 videos scored like this (from {counted['low']:.2f} to {counted['high']:.2f}), about {share} were "
        f"fake in our tests (95 % interval {low} to {high}). That rests on {counted['real_count']} real and "
        f"{counted['fake_count']} fake videos in this range, with real and fake ones made equally frequent. "
        f"Tested on: {counted['tested_on']}. Where fakes are rarer than that, fewer of 100 are fake."
    )


def of_many(faces: int) -> str:
    """What that leaves out where several faces were followed: each was tried by itself."""
    return (
        f"In these tests each video was judged by one face. Here {faces} faces were followed, and the probability is "
        "that of the most suspicious of those that can be judged: the more faces a real video has, the more often one "
        "of them scores this high."
    )
