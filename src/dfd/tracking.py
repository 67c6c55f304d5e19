"""Which face is whose: identities over sampled frames.

Samples lie half a second apart or more, so the boxes of one face often do not overlap from one sample to the next: a
passer-by walks about nine face widths a second. Detections are therefore matched with tracks by a sum of squared
terms: the distance from where constant velocity puts the face, in face sizes; the change of size; the overlap; and how
much a small picture of head and chest changed. Squares make the cheapest assignment keep the order of people who move
side by side; the assignment is optimal over the whole frame, never greedy. When the frame as a whole changes, a new
shot has begun, and nobody is carried over.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dfd.types import BoundingBox, FaceDetection, FloatArray, Frame, ImageU8, TrackedFace

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_FRAME_GRID = (72, 128)  # points looked at for the shot test, rows and columns
_FRAME_CELL = 8
_FACE_GRID = (16, 16)
_FACE_CELL = 4
_LEVELS = 4  # of each channel in the frame's colour histogram
_REFUSED = 1e6  # cost of a pair that must not be; any admissible pair is far below

Costs = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TrackingConfig:
    """How readily a detection continues a track. The defaults were measured: docs/decisions/0003-faces.md.

    Attributes:
        max_gap_s: a track that was not seen for longer is over ...
        min_missed_frames: ... but this many samples without a detection are always forgiven, however far apart.
        slack_sides: distance that costs 1 for samples at the same time, in face sides ...
        speed_sides: ... plus this many face sides for every second between them.
        horizon_s: time over which velocity is trusted; it bounds both the prediction and the distance allowed.
        size_ratio: change of size, as a ratio, that costs 1.
        look_change: difference of looks (see `_look`) that costs 1.
        overlap_weight: cost of no overlap with the predicted box.
        max_cost: a dearer pair is not one person.
        shot_change: a frame that changed more (see `_change`, in [0, 2]) starts a new shot.
    """

    max_gap_s: float = 2.0
    min_missed_frames: int = 1
    slack_sides: float = 0.75
    speed_sides: float = 9.0
    horizon_s: float = 1.0
    size_ratio: float = 2.0
    look_change: float = 0.27
    overlap_weight: float = 0.1
    max_cost: float = 1.05
    shot_change: float = 0.12

    def __post_init__(self) -> None:
        positive = (self.slack_sides, self.look_change, self.max_cost, self.shot_change)
        if min(positive) <= 0 or self.size_ratio <= 1:
            raise ValueError(f"slack, look change, cost and shot change must be positive, size ratio over 1: {self}")
        if min(self.max_gap_s, self.min_missed_frames, self.speed_sides, self.horizon_s, self.overlap_weight) < 0:
            raise ValueError(f"gap, missed frames, speed, horizon and overlap weight must not be negative: {self}")


@dataclass(frozen=True, slots=True)
class _Sight:
    """One detection, in pixels of the upright source."""

    box: BoundingBox
    look: FloatArray


@dataclass(slots=True)
class _Track:
    """Where a face was last seen, and where it was going.

    Attributes:
        track_id: the identity.
        sight: the last detection.
        seen_s: its time.
        velocity: of the centre, pixels of the source a second.
        missed: frames since then without it.
        moved: whether `velocity` was measured yet.
    """

    track_id: int
    sight: _Sight
    seen_s: float
    velocity: tuple[float, float] = (0.0, 0.0)
    missed: int = 0
    moved: bool = False

    def predicted(self, time_s: float, horizon_s: float) -> BoundingBox:
        """The box where constant velocity puts it."""
        ahead_s = min(time_s - self.seen_s, horizon_s)
        shift_x, shift_y = self.velocity[0] * ahead_s, self.velocity[1] * ahead_s
        box = self.sight.box
        return BoundingBox(box.x1_px + shift_x, box.y1_px + shift_y, box.x2_px + shift_x, box.y2_px + shift_y)

    def follow(self, sight: _Sight, time_s: float) -> None:
        """Continue with a new detection."""
        elapsed_s = time_s - self.seen_s
        if elapsed_s > 0:
            (old_x, old_y), (new_x, new_y) = self.sight.box.centre_px, sight.box.centre_px
            measured = (new_x - old_x) / elapsed_s, (new_y - old_y) / elapsed_s
            share = 0.5 if self.moved else 1.0  # halve the detector's jitter once there is something to average with
            self.velocity = (
                self.velocity[0] + share * (measured[0] - self.velocity[0]),
                self.velocity[1] + share * (measured[1] - self.velocity[1]),
            )
            self.moved = True
        self.sight, self.seen_s, self.missed = sight, time_s, 0


class FaceTracker:
    """Gives the faces of one video their identities, frame after frame. Deterministic; one tracker a video.

    Identities count from 0 in order of appearance, from left to right within a frame, so the order in which the
    detector lists its faces does not matter.
    """

    def __init__(self, config: TrackingConfig = TrackingConfig()) -> None:
        self._config = config
        self._tracks: list[_Track] = []
        self._next_id = 0
        self._time_s = -math.inf
        self._view: _View | None = None

    def update(self, frame: Frame, detections: Sequence[FaceDetection]) -> list[TrackedFace]:
        """Continue with the next sampled frame; call it for frames without faces too.

        Args:
            frame: later than the one before, or of the same time.
            detections: in pixels of ``frame.image``.

        Returns:
            one tracked face for each detection, in the same order; no identity twice.

        Raises:
            ValueError: the frame lies before the last one.
        """
        if frame.pts_s < self._time_s:
            raise ValueError(f"frames must come in order of time, got {frame.pts_s} s after {self._time_s} s")
        self._time_s = frame.pts_s
        view = _view(frame.image)
        if self._view is not None and _change(self._view, view) > self._config.shot_change:
            self._tracks.clear()
        self._view = view
        self._tracks = [track for track in self._tracks if self._alive(track)]
        order = sorted(range(len(detections)), key=lambda index: _position(detections[index]))
        sights = [
            _Sight(detections[index].box.scaled(1 / frame.scale), _look(frame.image, detections[index].box))
            for index in order
        ]
        identities = dict(zip(order, self._identify(sights), strict=True))
        return [
            TrackedFace(identities[index], frame.index, frame.pts_s, detection)
            for index, detection in enumerate(detections)
        ]

    def _alive(self, track: _Track) -> bool:
        gap_s = self._time_s - track.seen_s
        return gap_s <= self._config.max_gap_s or track.missed <= self._config.min_missed_frames

    def _identify(self, sights: Sequence[_Sight]) -> list[int]:
        """The identity of each detection; tracks are continued, begun and aged."""
        costs = np.array([[self._cost(track, sight) for sight in sights] for track in self._tracks], np.float64)
        pairs = _assign(costs.reshape(len(self._tracks), len(sights)), self._config.max_cost)
        tracks = {column: self._tracks[row] for row, column in pairs}
        for track in self._tracks:
            track.missed += 1
        for column, sight in enumerate(sights):
            if column in tracks:
                tracks[column].follow(sight, self._time_s)
            else:
                tracks[column] = _Track(self._next_id, sight, self._time_s)
                self._tracks.append(tracks[column])
                self._next_id += 1
        return [tracks[column].track_id for column in range(len(sights))]

    def _cost(self, track: _Track, sight: _Sight) -> float:
        """How little the detection looks like the track's next: 0 is perfect, over ``max_cost`` is refused."""
        config = self._config
        elapsed_s = self._time_s - track.seen_s
        expected = track.predicted(self._time_s, config.horizon_s)
        (x, y), (expected_x, expected_y) = sight.box.centre_px, expected.centre_px
        side = math.sqrt(sight.box.side_px * expected.side_px)
        reach = side * (config.slack_sides + config.speed_sides * min(elapsed_s, config.horizon_s))
        distance = math.hypot(x - expected_x, y - expected_y) / reach
        growth = math.log(sight.box.side_px / expected.side_px) / math.log(config.size_ratio)
        look = float(np.abs(sight.look - track.sight.look).mean()) / config.look_change
        return distance**2 + growth**2 + look**2 + config.overlap_weight * (1 - sight.box.iou(expected))


@dataclass(frozen=True, slots=True)
class _View:
    """A frame at a glance.

    Attributes:
        luma: ``(9, 16) float32`` mean luma of its cells, 0 to 255.
        colours: ``(64,) float32`` share of each colour.
    """

    luma: FloatArray
    colours: FloatArray


def _view(image: ImageU8) -> _View:
    height, width = image.shape[:2]
    points = _points(image, BoundingBox(0, 0, width, height), _FRAME_GRID)
    luma = _cells(points @ _LUMA, _FRAME_CELL)
    levels = points.astype(np.uint8) // (256 // _LEVELS)
    codes = (levels[..., 0] * _LEVELS + levels[..., 1]) * _LEVELS + levels[..., 2]
    counts = np.bincount(codes.ravel(), minlength=_LEVELS**3).astype(np.float32)
    return _View(luma, counts / np.float32(codes.size))


def _change(before: _View, after: _View) -> float:
    """How much a frame changed as a whole, in [0, 2]: share of other colours times (1 - correlation of layout).

    A pan moves the layout but keeps the colours, a flash changes the colours but keeps the layout: only a new shot
    changes both.
    """
    recoloured = float(np.abs(before.colours - after.colours).sum()) / 2
    first, second = before.luma - before.luma.mean(), after.luma - after.luma.mean()
    energy = float(np.sqrt((first**2).sum() * (second**2).sum()))
    correlation = float((first * second).sum()) / energy if energy > 1e-3 else 0.0
    return recoloured * (1 - correlation)


def _look(image: ImageU8, box: BoundingBox) -> FloatArray:
    """Head and chest in 4x4 cells: ``(48,) float32``, log luma about its mean, then twice red and blue over luma.

    The logarithm and the ratios make it mind colours and the layout of light and dark, not the exposure.
    """
    centre_x, centre_y = box.centre_px
    side = box.side_px
    area = BoundingBox(centre_x - 0.75 * side, centre_y - 0.9 * side, centre_x + 0.75 * side, centre_y + 1.2 * side)
    points = _points(image, area, _FACE_GRID)
    luma = points @ _LUMA
    light = np.float32(16) + luma  # keeps noise in dark places small
    shade = _cells(np.log(light), _FACE_CELL)
    red = _cells((points[..., 0] - luma) / light, _FACE_CELL)
    blue = _cells((points[..., 2] - luma) / light, _FACE_CELL)
    return np.concatenate([shade.ravel() - shade.mean(), 2 * red.ravel(), 2 * blue.ravel()])


def _points(image: ImageU8, area: BoundingBox, grid: tuple[int, int]) -> FloatArray:
    """Nearest pixels on a grid over an area, ``(rows, columns, 3) float32``; beyond the image its edge repeats."""
    rows = area.y1_px + (np.arange(grid[0]) + 0.5) * (area.height_px / grid[0])
    columns = area.x1_px + (np.arange(grid[1]) + 0.5) * (area.width_px / grid[1])
    rows = np.clip(rows, 0, image.shape[0] - 1).astype(np.intp)
    columns = np.clip(columns, 0, image.shape[1] - 1).astype(np.intp)
    return np.asarray(image[rows[:, None], columns], dtype=np.float32)


def _cells(values: FloatArray, size: int) -> FloatArray:
    """Means of square cells of a ``(rows, columns)`` array."""
    rows, columns = values.shape
    means = values.reshape(rows // size, size, columns // size, size).mean(axis=(1, 3))
    return np.asarray(means, dtype=np.float32)


def _position(detection: FaceDetection) -> tuple[float, ...]:
    box = detection.box
    return box.x1_px, box.y1_px, box.x2_px, box.y2_px, -detection.score


def _assign(costs: Costs, max_cost: float) -> list[tuple[int, int]]:
    """Pair rows with columns so that the sum of ``cost - max_cost`` is least; no pair costs `max_cost` or more.

    Shortest augmenting paths: Jonker and Volgenant, "A shortest augmenting path algorithm for dense and sparse linear
    assignment problems", 1987, in the rectangular form of Crouse, "On implementing 2D rectangular assignment
    algorithms", 2016. A further column for each row lets that row stay single.

    Args:
        costs: ``(rows, columns)``, not negative; either may be 0.
        max_cost: what staying single costs.

    Returns:
        ``(row, column)`` pairs, by row.
    """
    rows, columns = costs.shape
    single = np.where(np.eye(rows, dtype=bool), max_cost, _REFUSED)
    full = np.concatenate([np.where(costs < max_cost, costs, _REFUSED), single], axis=1)
    row_of, column_of = np.full(columns + rows, -1), np.full(rows, -1)
    row_price, column_price = np.zeros(rows), np.zeros(columns + rows)
    for row in range(rows):
        path, column = _cheapest_path(full, row, row_of, row_price, column_price)
        while column >= 0:  # hand every row on the path its new column; the last one had none
            taker = int(path[column])
            row_of[column] = taker
            column_of[taker], column = column, int(column_of[taker])
    return [(row, int(column)) for row, column in enumerate(column_of) if column < columns]


def _cheapest_path(
    costs: Costs, start: int, row_of: npt.NDArray[np.intp], row_price: Costs, column_price: Costs
) -> tuple[npt.NDArray[np.intp], int]:
    """Search (Dijkstra) from a row without a column to a free one, and bring the prices (dual variables) up to date.

    Args:
        costs: ``(R, C)``, R <= C.
        start: the row.
        row_of: ``(C,)`` row of each column, -1 where free.
        row_price: ``(R,)``, changed in place.
        column_price: ``(C,)``, changed in place.

    Returns:
        for each column the row it was reached from, and the free column.
    """
    length, path = np.full(costs.shape[1], np.inf), np.full(costs.shape[1], -1)
    done = np.zeros(costs.shape[1], dtype=bool)
    row, column, walked = start, -1, 0.0
    while row >= 0:
        through = walked + costs[row] - row_price[row] - column_price
        better = ~done & (through < length)
        length[better], path[better] = through[better], row
        column = int(np.argmin(np.where(done, np.inf, length)))
        walked, row = float(length[column]), int(row_of[column])
        done[column] = True
    taken = np.flatnonzero(done & (row_of >= 0))
    row_price[row_of[taken]] += walked - length[taken]
    row_price[start] += walked
    column_price[done] -= walked - length[done]
    return path, column
