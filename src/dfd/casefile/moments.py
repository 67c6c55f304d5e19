"""Key frames as blocks of a document, and the sentence that says what they are."""

from collections.abc import Mapping
from typing import Any, Final

from dfd.casefile.blocks import Picture, Pictures
from dfd.casefile.content import KeyFrames
from dfd.casefile.courses import clock, face_numbers
from dfd.explanation.key_frames import Jpeg, Moment, Moments

NO_FACES: Final = KeyFrames((), "No face was scored, so no frame counted.")
FILE_GONE: Final = KeyFrames((), "None: the file is no longer kept, and pictures are made from it alone.")
FILE_CHANGED: Final = KeyFrames((), "None: the file can no longer be read as it was when it was analysed.")
OTHER_MODEL: Final = KeyFrames(
    (), "None: another version of the model answers now than the one that made this report; analyse the file again."
)

_SHOWN: Final = (
    "The frames that counted most: the most suspicious of the leading face, then one of each other face. Beside each "
    "frame, where a box marks the face, the picture of the face that the model was shown"
)
_MAPS: Final = (
    ", and the evidence in it: orange places spoke for fake, blue ones for real. The strongest colour is the "
    "strongest place of that face: it does not mean a sure answer, and two faces cannot be compared by it. A map "
    "tells what moved the model, not what was forged. Maps of this model were measured to be faithful to it (see its "
    "model card)."
)


def key_frames_of(moments: Moments, report: Mapping[str, Any]) -> KeyFrames:
    """What the report of a case shows of them.

    Args:
        moments: the pictures.
        report: the JSON report that they are of, which gives the faces their numbers.
    """
    if not moments.shown and not moments.missing:
        return NO_FACES
    maps = _MAPS if moments.no_maps is None else f". No heat maps are shown: {moments.no_maps}."
    number_of = face_numbers(report)
    missing = f" {moments.missing} of them could not be found again." if moments.missing else ""
    return KeyFrames([_pictures(moment, number_of) for moment in moments.shown], _SHOWN + maps + missing)


def _pictures(moment: Moment, number_of: Mapping[int, int]) -> Pictures:
    place = moment.place
    which = f"face {number_of[place.track_id]} at {clock(place.pts_s)}"
    shown = [_picture(moment.frame, f"Frame with a box around {which}"), _picture(moment.face, f"Crop of {which}")]
    if moment.evidence is not None:
        shown.append(_picture(moment.evidence, f"Heat map over {which}"))
    return Pictures(shown, f"{which.capitalize()}: probability of fake {place.fake_probability:.3f}")


def _picture(jpeg: Jpeg, says: str) -> Picture:
    return Picture(jpeg.content, jpeg.width_px, jpeg.height_px, says)
