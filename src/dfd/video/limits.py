"""What a video may cost at most, checked before anything is decoded."""

from dataclasses import dataclass

from dfd.errors import MediaTooLarge


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """Bounds on what is decoded.

    Attributes:
        max_pixels: most pixels a frame may have; the default lets 8K through.
        max_duration_s: longest video, in seconds.
    """

    max_pixels: int = 8192 * 4608
    max_duration_s: float = 6 * 3600.0

    def __post_init__(self) -> None:
        if self.max_pixels < 1 or not self.max_duration_s > 0:
            raise ValueError(f"media limits must be positive, got {self}")

    def check_size(self, name: str, width_px: int, height_px: int) -> None:
        """Refuse frames with too many pixels.

        Raises:
            MediaTooLarge
        """
        if width_px * height_px > self.max_pixels:
            raise MediaTooLarge(
                f"{name}: frames of {width_px}x{height_px} pixels are over the limit of "
                f"{self.max_pixels / 1e6:.1f} megapixels; scale the video down or raise MAX_PIXELS"
            )

    def check_duration(self, name: str, duration_s: float) -> None:
        """Refuse videos that last too long.

        Raises:
            MediaTooLarge
        """
        if duration_s > self.max_duration_s:
            raise MediaTooLarge(
                f"{name}: a duration of {duration_s:.0f} s is over the limit of {self.max_duration_s:.0f} s; "
                "cut the video or raise MAX_DURATION_S"
            )
