"""What people are told instead of codes: what happened, and what they can do next."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from dfd.types import Reason


class Words(NamedTuple):
    """A sentence or two on what happened, and one on what to do next."""

    said: str
    next: str


_LATER: Final = "Wait a moment and try again."
_OPERATOR: Final = "Try again; if it stays so, tell whoever runs this service, with the request number below."
_OTHER_FILE: Final = "Try another copy of the video, if possible the original file."
_BACK: Final = "Go back to the history and choose another analysis."

PROBLEMS: Final[Mapping[str, Words]] = {
    "unreadable_media": Words("This file cannot be analysed.", _OTHER_FILE),
    "media_not_found": Words("The file could not be found any more.", "Choose it again."),
    "not_a_file": Words("This is a folder, not a file.", "Choose the video inside it."),
    "unreadable_video": Words(
        "This file is not a video that can be read. It may be damaged, incomplete or of another kind.",
        "Check that it plays on your computer, then upload it again, or try another copy.",
    ),
    "no_video_stream": Words("This file has sound but no picture.", "Choose a file with a video in it."),
    "decode_timed_out": Words(
        "The video takes too long to decode.", "Cut out the part that matters, or scale it down to a smaller picture."
    ),
    "decode_out_of_memory": Words(
        "The video takes too much memory to decode.",
        "Scale it down to a smaller picture, or cut out the part that matters.",
    ),
    "unsupported_codec": Words(
        "The video or photograph is stored in a format that cannot be decoded here.",
        "Convert a video to MP4 with H.264, a photograph to JPEG or PNG, and try again; keep the original for your "
        "records.",
    ),
    "media_too_large": Words(
        "The picture is too large, or the video too long, for this service.", "Cut out the part that matters."
    ),
    "unreadable_report": Words("The report cannot be read.", _OPERATOR),
    "bad_request": Words("The service did not understand the request.", "Reload the page and try again."),
    "invalid_parameter": Words("A value in the request is not allowed.", "Check what you typed and try again."),
    "upload_too_large": Words(
        "The file is larger than this service takes.", "Cut out the part that matters, or save it in a smaller size."
    ),
    "upload_timeout": Words(
        "The upload stopped on its way.", "Check your connection and try again; nothing was kept of it."
    ),
    "malformed_upload": Words("The upload broke off before its end.", "Check your connection and try again."),
    "unsupported_content_type": Words("The upload did not come as a file.", "Choose the file again."),
    "unauthorized": Words("You are not signed in, or no longer.", "Sign in with your API key."),
    "forbidden": Words(
        "Your key does not allow this.", "Sign in with a key that does, or ask whoever runs this service for one."
    ),
    "cross_site": Words(
        "The request came from another site, and was refused.", "Open this service itself and try again."
    ),
    "callback_refused": Words("The callback address is refused.", "Leave it out or choose another one."),
    "job_not_found": Words(
        "There is no such analysis. It may have been deleted, or its time of retention is over.", _BACK
    ),
    "version_not_found": Words("There is no such version of the model.", "Choose one of those listed."),
    "artifact_not_found": Words(
        "The file is no longer kept.", "Upload the video again to see it beside its scores; the report stays."
    ),
    "range_not_satisfiable": Words("The file is shorter than what was asked for.", "Reload the page."),
    "delivery_not_found": Words("There is no such delivery.", _BACK),
    "face_not_found": Words("This face is not found in the video any more.", "Choose another face or another moment."),
    "explanation_unavailable": Words(
        "There is no heat map for this answer: another version of the model gave it, or its maps did not pass the "
        "check of faithfulness.",
        "Analyse the video again with the model that answers now.",
    ),
    "job_conflict": Words("That is not possible while the analysis is in this state.", "Reload the page."),
    "job_ended": Words("The analysis has ended already.", "Reload the page to see its result."),
    "delivery_conflict": Words("The event cannot be sent again now.", _LATER),
    "report_not_ready": Words("There is no report yet.", "Wait for the end of the analysis."),
    "idempotency_conflict": Words("The same upload was under way with other content.", "Choose the file again."),
    "configuration": Words("The service is not set up correctly.", _OPERATOR),
    "model": Words("The model does not answer.", _OPERATOR),
    "model_not_found": Words("The model is missing.", _OPERATOR),
    "model_corrupt": Words("The model's files are damaged.", _OPERATOR),
    "model_conflict": Words("The model is being changed at this moment.", _LATER),
    "recalibration_refused": Words("The model was not fitted again.", _OPERATOR),
    "backend_unavailable": Words("The model does not answer at this moment.", _LATER),
    "unavailable": Words("A part of the service is away.", _LATER),
    "job_store_unavailable": Words("The list of analyses cannot be reached.", _LATER),
    "identity_unavailable": Words("Tokens cannot be checked at this moment.", _LATER),
    "registry_unavailable": Words("The list of models cannot be reached.", _LATER),
    "storage_unavailable": Words("The store of uploaded files cannot be reached.", _LATER),
    "storage_full": Words("There is no room left for the upload.", "Tell whoever runs this service; try later."),
    "overloaded": Words("The service is busy.", _LATER),
    "queue_full": Words("Too many analyses are waiting already.", "Try again in a few minutes."),
    "rate_limited": Words("You have asked often in the last minute.", "Wait a minute and try again."),
    "quota_exceeded": Words("Your quota of today is used up.", "Try again tomorrow, or ask for a larger quota."),
    "internal": Words("Something went wrong inside the service.", _OPERATOR),
    "not_found": Words("There is no such page.", "Check the address, or start from the first page."),
    "method_not_allowed": Words("That is not possible here.", "Reload the page."),
    "worker_lost": Words(
        "The analysis was interrupted each time it was tried. The file may be too demanding for this machine.",
        "Try a shorter cut of the video.",
    ),
    "job_timeout": Words("The analysis took longer than is allowed.", "Try a shorter cut of the video."),
    "unreachable": Words(
        "The service does not answer. It may be restarting, or your connection is gone.",
        "Nothing is lost: try again in a moment.",
    ),
}
"""By code: those of `dfd.api.problems`, of failed jobs, and ``unreachable``, which only browsers know."""

UNKNOWN: Final = Words("Something unexpected happened.", _OPERATOR)

REASONS: Final[Mapping[Reason, Words]] = {
    Reason.NO_FACE: Words(
        "No face was found in the frames that were looked at.",
        "DFD judges faces only. Use a part of the video where one is turned to the camera.",
    ),
    Reason.TOO_FEW_FRAMES: Words(
        "Too few frames show a face to judge it.", "Use a longer clip, or more frames a second."
    ),
    Reason.FACE_TOO_SMALL: Words(
        "The face is too small in the picture.", "Use a version of higher resolution, or a closer shot."
    ),
    Reason.TOO_DARK: Words("The face is too dark.", "Use a brighter part of the video."),
    Reason.TOO_BLURRY: Words(
        "The face is too blurred.", "Use the original file: copies from social media lose detail."
    ),
    Reason.UNLIKE_TRAINING: Words(
        "The picture of this face is unlike what the model was trained on, so its score means little.",
        "Look for another source of the same footage, and weigh other evidence.",
    ),
    Reason.NEAR_THRESHOLD: Words(
        "The score lies too close to the threshold to call the video fake or real.",
        "Look at the moments that stand out below, and weigh other evidence.",
    ),
    Reason.NO_FACE_FALLBACK: Words(
        "No face was found, so the centre of the picture was scored instead.", "Take the score as a hint at most."
    ),
    Reason.DECODE_INCOMPLETE: Words(
        "The file is damaged: only its first part could be read.", "Look for an undamaged copy."
    ),
}

STATES: Final[Mapping[str, str]] = {
    "queued": "Waiting",
    "running": "Analysing",
    "succeeded": "Done",
    "failed": "Failed",
    "cancelled": "Cancelled",
    "expired": "Expired",
}

VERDICTS: Final[Mapping[str, Words]] = {
    "fake": Words("Fake", "At least one face scores clearly above the threshold."),
    "real": Words("Real", "Every face that can be judged scores clearly below the threshold."),
    "inconclusive": Words("Inconclusive", "There is not enough evidence to call this video fake or real."),
}

DRIFT_LEVELS: Final[Mapping[str, str]] = {
    "no_reference": "The model has nothing to compare with.",
    "too_few": "Too few videos to tell whether they differ from those of training.",
    "stable": "Like those of training.",
    "moderate": "Somewhat unlike those of training.",
    "large": "Unlike those of training: its figures may not hold.",
}

MEASURES: Final[Mapping[str, str]] = {
    "score": "Score of the leading face (logit)",
    "log2_face_side_px": "Size of faces (log2 of pixels)",
    "brightness": "Brightness of faces",
    "log2_sharpness": "Sharpness of faces (log2)",
    "flatness": "Flatness of faces",
}

REGIONS: Final[Mapping[str, str]] = {
    "eyes": "Eyes and brows",
    "mouth": "Mouth",
    "nose": "Nose",
    "border": "Border of the face",
    "skin": "Skin",
    "background": "Hair and background",
}


def of_problem(code: str) -> Words:
    """What is said of a code, known or not."""
    return PROBLEMS.get(code, UNKNOWN)


def for_scripts() -> dict[str, Any]:
    """What the scripts of the page say, JSON-ready."""
    return {
        "problems": {code: list(words) for code, words in PROBLEMS.items()},
        "unknown": list(UNKNOWN),
        "states": dict(STATES),
        "verdicts": {name: words.said for name, words in VERDICTS.items()},
        "regions": dict(REGIONS),
    }
