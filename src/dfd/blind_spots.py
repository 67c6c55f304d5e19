"""What a model cannot see, whatever its figures say: because it is not shown it. For its card, the page and reports."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BlindSpot:
    """One of them: its name, and a sentence or two; words between backticks are those of the interface."""

    title: str
    text: str


def blind_spots(size_px: int, frames: int) -> tuple[BlindSpot, ...]:
    """Of a model that is shown faces.

    Args:
        size_px: side to which a face is brought.
        frames: pictures of a face that the model sees at once (`dfd.manifest.InputContract.frames`).
    """
    moving = (
        "It sees what changes from one frame to the next, never longer movement: blinking, breathing and the rhythm "
        "of speech are beyond it."
        if frames == 2
        else "It sees single pictures: nothing of movement."
    )
    return (
        BlindSpot("Detail and time", f"A face is brought to {size_px} px; finer traces are gone. {moving}"),
        BlindSpot(
            "New methods",
            "A forgery that resembles none of its training clips may be called real. The figures by family on held-out "
            "sources, where each source is judged by a model that has not seen it, are the best forecast of that.",
        ),
        BlindSpot(
            "Sound, lips against words, identity, context",
            "It does not hear, does not know who somebody is, and does not see that a scene is staged, cut or "
            "captioned falsely.",
        ),
        BlindSpot(
            "Everything but faces",
            "Edited bodies, backgrounds, objects and whole generated scenes without a face are outside its sight: such "
            "a video is `inconclusive`, not `real`.",
        ),
        BlindSpot(
            "Bad pictures",
            "Strong compression and small, dark or blurred faces hide what it looks for. They are reported as reasons "
            "and make the verdict `inconclusive`.",
        ),
        BlindSpot("People", "Most training reals are politicians, actors and presenters in good light."),
    )
