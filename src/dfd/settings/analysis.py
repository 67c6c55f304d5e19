"""Settings of one analysis: what is looked at, how, and with what of the machine. A part of `dfd.settings.Settings`."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, Field

from dfd.device import Device
from dfd.processors import available_cpus
from dfd.tuning import MOST_THREADS


class AnalysisSettings(BaseModel):
    """How a file is analysed."""

    threads: int = Field(
        0,
        ge=0,
        le=1024,
        description="CPU threads of one analysis; 0: all there are, shared by `JOB_WORKERS`",
    )
    device: Device = Field(
        Device.AUTO,
        description="What computes the networks of this process: `cpu`, `cuda`, or `auto`, CUDA where it can be used",
    )
    decoder_threads: int = Field(
        0,
        ge=0,
        le=MOST_THREADS,
        description="Threads that decode one file; 0: as `TUNING_FILE` says, else one to spare",
    )
    call_threads: int = Field(
        0, ge=0, le=MOST_THREADS, description="CPU threads of one call of a network; 0: as `TUNING_FILE` says, else 1"
    )
    piece_crops: int = Field(
        0, ge=0, le=MOST_THREADS, description="Most faces in one call on the CPU; 0: as `TUNING_FILE` says, else 2"
    )
    finds_ahead: bool | None = Field(
        None,
        description="Look for faces in a thread of their own; unset: as `TUNING_FILE` says, else from four threads on",
    )
    tuning_file: Path | None = Field(
        None, description="What `dfd doctor --tune` remembers; unset: `dfd/tuning.json` in the folder of caches"
    )
    xdg_cache_home: Path | None = Field(None, description="Folder of caches (XDG); unset: `~/.cache`")
    threshold: float | None = Field(
        None, gt=0, lt=1, description="Probability from which a video is called fake; unset: the model's own"
    )
    operating_point: str | None = Field(
        None,
        pattern=r"^[a-z][a-z0-9_]*$",
        description="Threshold of the model by name, for example `low_false_alarm`; `THRESHOLD` wins over it",
    )
    default_fps: float = Field(2.0, gt=0, le=120, description="Frames sampled for each second of video")
    max_frames: int = Field(256, ge=1, le=100_000, description="Most frames sampled; spread over longer videos")
    min_face_frames: int = Field(3, ge=1, description="Fewer samples of a face than this are too few for a verdict")
    face_detector: Literal["blazeface", "centerface", "haar", "retinaface"] = Field(
        "blazeface",
        description="Face detector: `blazeface`; `centerface`, slower and more thorough; `haar`, OpenCV's, slower and "
        "weaker; `retinaface`, by weights of your own",
    )
    retinaface_weights: Path | None = Field(None, description="ONNX file of `FACE_DETECTOR=retinaface`")
    no_face_fallback: bool = Field(
        False, description="Score the centre square of a video without any face, and say so in the report"
    )
    working_side_px: int = Field(
        1280, ge=256, le=8192, description="Frames are scaled down to this longer side before faces are looked for"
    )
    max_pixels: int = Field(8192 * 4608, ge=1, description="Most pixels a frame may have (8K has 33 million)")
    max_duration_s: float = Field(21_600.0, gt=0, description="Longest video taken, in seconds")
    sandbox: bool = Field(True, description="Decode media in processes that can do nothing else; needs Linux")
    decode_timeout_s: float = Field(900.0, gt=0, description="Longest wait for a file's frames in all, in seconds")
    decode_memory_mb: int | None = Field(
        None, ge=64, description="Most memory that decoding a file takes, in MiB; unset: as `MAX_PIXELS` needs it"
    )
    c2pa_trust_anchors: Path | None = Field(
        None, description="PEM file of authorities whose content credentials are trusted; unset: nobody's are"
    )
    report_signing_key: Path | None = Field(
        None, description="PEM file of the Ed25519 key that signs reports; unset: they are not signed"
    )

    @property
    def cpu_threads(self) -> int:
        """Threads of one analysis, resolved: at least 1."""
        return self.threads or available_cpus()

    def shared_by(self, analyses: int) -> Self:
        """These settings for so many analyses at the same time: unless `threads` is set, each has its share."""
        return self.model_copy(update={"threads": self.threads or max(1, available_cpus() // analyses)})
