"""What the HTTP interface answers, as pydantic models: validation, OpenAPI and documentation in one place."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field

from dfd.types import Reason, Verdict

WITHOUT_NUL: Final = r"^[^\x00]*$"
"""Pattern of texts that are kept, or looked for: PostgreSQL takes none with NUL."""

Probability = Annotated[float, Field(ge=0, le=1, description="Calibrated probability of fake.", examples=[0.971204])]


class Answer(BaseModel):
    """Strict: a field that is not described here would be a silent change of the interface."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)


class FrameSample(Answer):
    """The most suspicious face of one sampled frame."""

    t: Annotated[float, Field(description="Presentation time of the frame, in seconds.", examples=[0.5])]
    score: Probability


class Meta(Answer):
    """What the verdict rests on."""

    src_fps: Annotated[
        float | None, Field(description="Average frame rate of the source; null for a still image.", examples=[29.97])
    ]
    total_frames: Annotated[
        int | None, Field(description="Frames of the source; null when unknown.", examples=[300], ge=0)
    ]
    used_step: Annotated[int, Field(description="Source frames from one sample to the next.", examples=[15], ge=1)]
    face_frames: Annotated[int, Field(description="Sampled frames with at least one face.", examples=[20], ge=0)]
    face_detect_rate: Annotated[
        float, Field(description="Share of sampled frames with a face.", examples=[1.0], ge=0, le=1)
    ]


class Track(Answer):
    """One face followed through the video."""

    track_id: Annotated[int, Field(description="Number of the track.", examples=[0])]
    start_s: Annotated[float, Field(description="Time of its first scored frame, in seconds.", examples=[0.0])]
    end_s: Annotated[float, Field(description="Time of its last scored frame, in seconds.", examples=[9.5])]
    face_count: Annotated[int, Field(description="Scored faces.", examples=[20], ge=0)]
    fake_probability: Probability
    median_face_side_px: Annotated[
        float, Field(description="Typical longer side of the face, in pixels of the upright source.", examples=[212.5])
    ]


class Model(Answer):
    """Which model answers."""

    name: Annotated[str, Field(examples=["deepfake"])]
    version: Annotated[str, Field(examples=["1"])]
    weights_sha256: Annotated[str, Field(description="Hash of the weights, hexadecimal.", examples=["5e" * 32])]


class AnsweringModel(Model):
    """Which model answered, and where it ran."""

    backends: Annotated[
        list[str],
        Field(description="Backends that scored the faces: `onnx`, `tfserving`, `oip`.", examples=[["onnx"]]),
    ]


class Backend(Answer):
    """What scores faces."""

    name: Annotated[str, Field(description="`onnx`, `tfserving` or `oip`.", examples=["oip"])]
    ready: Annotated[bool, Field(description="Whether it would answer itself; a fall-back does not count.")]
    server: Annotated[
        Any,
        Field(
            description="What its server says of the model, as it says it; null where there is none, or no answer.",
            examples=[{"name": "deepfake", "ready": True}],
        ),
    ] = None
    reason: Annotated[str | None, Field(description="Why it is not ready; null where it is.")] = None
    breaker: Annotated[
        str | None,
        Field(
            description="`open` while the server is left alone after failures, `half_open` when it is to be tried, "
            "else `closed`; null where there is no server."
        ),
    ] = None
    fallback: Annotated[
        str | None, Field(description="Backend that answers in its place; null where none may or can.")
    ] = None


class Following(Answer):
    """An alias that the service follows from version to version."""

    alias: Annotated[str, Field(description="`champion` or `challenger`.", examples=["champion"])]
    wanted: Annotated[str | None, Field(description="Version it names; null where that is not known.", examples=["3"])]
    error: Annotated[
        str | None,
        Field(
            description="Code of what keeps that version from answering, so that the one before goes on; null where "
            "nothing does.",
            examples=["model_corrupt"],
        ),
    ] = None


class Prediction(Answer):
    """The verdict on one video."""

    score: Annotated[
        Annotated[float, Field(ge=0, le=1)] | None,
        Field(
            description="Calibrated probability of fake for the leading face, the most suspicious of those that can be "
            "judged, if any can; null when nothing was scored.",
            examples=[0.971204],
        ),
    ]
    label: Annotated[Verdict, Field(description="The verdict.", examples=["fake"])]
    frame_samples: Annotated[list[FrameSample], Field(description="The course of the video, by ascending time.")]
    version: Annotated[str, Field(description="Version of the model.", examples=["1"])]
    latency_ms: Annotated[
        float, Field(description="Wall time from the request's head to the answer.", examples=[812.4], ge=0)
    ]
    meta: Meta
    reasons: Annotated[
        list[Reason],
        Field(description="Why the verdict is inconclusive, or what weakens it.", examples=[["near_threshold"]]),
    ]
    threshold: Annotated[
        float, Field(description="Score from which a video is called fake.", examples=[0.5], gt=0, lt=1)
    ]
    operating_point: Annotated[
        str | None,
        Field(
            description="Operating point of the model that the threshold belongs to; null where it is the model's own "
            "threshold, or a number the service was set up with.",
            examples=["low_false_alarm"],
        ),
    ]
    tracks: Annotated[list[Track], Field(description="Every face followed, the leading one first.")]
    model: AnsweringModel
    input_sha256: Annotated[str, Field(description="Hash of the uploaded file, hexadecimal.", examples=["c0" * 32])]


class Health(Answer):
    """What the service says of itself."""

    ok: Annotated[bool, Field(description="Whether the model answers, if only by a fall-back.")]
    backend: Backend
    tfserving: Annotated[
        Any, Field(description="What TensorFlow Serving says of the model; null where it does not answer.")
    ] = None
    version: Annotated[str, Field(description="Version of the model.", examples=["1"])]
    model: Model
    following: Annotated[
        Following | None, Field(description="The alias that `MODEL_VERSION` names; null where it names a version.")
    ] = None
    service_version: Annotated[str, Field(description="Version of DFD.", examples=["0.1.0"])]
    running: Annotated[int, Field(description="Analyses running now.", examples=[1], ge=0)]
    admitted: Annotated[int, Field(description="Uploads being received, waiting or analysed.", examples=[2], ge=0)]
    capacity: Annotated[int, Field(description="Uploads admitted at most.", examples=[6], ge=1)]


class Alive(Answer):
    """The process answers."""

    ok: Annotated[bool, Field(description="Always true.")] = True


class ParameterError(Answer):
    """One parameter at fault."""

    parameter: Annotated[str, Field(examples=["fps"])]
    message: Annotated[str, Field(examples=["Input should be less than or equal to 60"])]


class Problem(Answer):
    """Problem details (RFC 9457)."""

    type: Annotated[str, Field(description="Stable name of the kind.", examples=["urn:dfd:problem:unreadable_video"])]
    title: Annotated[str, Field(description="Summary of the kind.", examples=["The file is no readable video"])]
    status: Annotated[int, Field(description="HTTP status.", examples=[422])]
    detail: Annotated[str, Field(description="What happened this time.", examples=["the upload is empty"])]
    code: Annotated[str, Field(description="Stable code, for programs.", examples=["unreadable_video"])]
    instance: Annotated[str, Field(description="This occurrence.", examples=["urn:dfd:request:3f2a9c"])]
    request_id: Annotated[str, Field(description="To be named in a bug report.", examples=["3f2a9c"])]
    errors: Annotated[
        Sequence[ParameterError] | None, Field(description="The parameters at fault, where there are any.")
    ] = None


class SigningKey(Answer):
    """A public key as a JSON Web Key (RFC 8037)."""

    kty: Annotated[str, Field(description="Type of key.", examples=["OKP"])]
    crv: Annotated[str, Field(description="Its curve.", examples=["Ed25519"])]
    x: Annotated[
        str, Field(description="Its 32 bytes, base64url.", examples=["11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"])
    ]
    kid: Annotated[
        str,
        Field(
            description="`signature.key_id` of reports that it checks: its thumbprint (RFC 7638).",
            examples=["kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"],
        ),
    ]
    use: Annotated[str, Field(description="What it is for.", examples=["sig"])]
    alg: Annotated[str, Field(description="How it signs.", examples=["EdDSA"])]


class SigningKeys(Answer):
    """A JSON Web Key Set (RFC 7517)."""

    keys: list[SigningKey]
