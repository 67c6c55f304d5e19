"""Identities over sampled frames: people side by side, crossing, missed, replaced at a cut."""

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stnp

from dfd.faces.blazeface import BlazeFaceDetector
from dfd.tracking import Costs, FaceTracker, TrackingConfig, _assign
from dfd.types import BoundingBox, FaceDetection, Frame, ImageU8

WIDTH, HEIGHT = 640, 360


@dataclass(frozen=True)
class Person:
    """A painted passer-by: a head of one colour on a chest of another."""

    skin: tuple[int, int, int]
    shirt: tuple[int, int, int]


ANN = Person(skin=(225, 180, 150), shirt=(40, 60, 150))
BEN = Person(skin=(140, 95, 70), shirt=(190, 40, 40))
TWIN = ANN

Places = Sequence[tuple[Person, float, float, float]]  # who, centre x, centre y, face side


def scene(seed: int = 0) -> ImageU8:
    """A place: blocks in shades of one colour that differs from seed to seed."""
    random = np.random.default_rng(seed)
    blocks = random.integers(70, 186, 3) + random.integers(-30, 31, (9, 16, 3))
    return np.asarray(np.kron(blocks, np.ones((40, 40, 1))), dtype=np.uint8)


def paint(people: Places, background: ImageU8) -> ImageU8:
    image = background.copy()
    for person, x, y, side in people:
        chest, head = (x - side, y + side * 0.6, x + side, y + 3 * side), box_at(x, y, side)
        for (x1, y1, x2, y2), colour in ((chest, person.shirt), (corners(head), person.skin)):
            image[max(0, int(y1)) : max(0, int(y2)), max(0, int(x1)) : max(0, int(x2))] = colour
    return image


def box_at(x: float, y: float, side: float) -> BoundingBox:
    return BoundingBox(x - side / 2, y - side / 2, x + side / 2, y + side / 2)


def corners(box: BoundingBox) -> tuple[float, float, float, float]:
    return box.x1_px, box.y1_px, box.x2_px, box.y2_px


def face_at(x: float, y: float, side: float, score: float = 0.9) -> FaceDetection:
    return FaceDetection(box_at(x, y, side), score)


class Film:
    """Feeds a tracker with painted frames, two a second."""

    def __init__(self, background: ImageU8 | None = None, step_s: float = 0.5, config: TrackingConfig | None = None):
        self.tracker = FaceTracker(config or TrackingConfig())
        self.background = scene() if background is None else background
        self.step_s = step_s
        self.count = 0

    def show(self, people: Places, missed: Sequence[int] = (), jitter: Sequence[float] = (0.0,)) -> list[int | None]:
        """The identity of each person, None where the detector missed them."""
        frame = Frame(self.count, self.count * self.step_s, paint(people, self.background))
        self.count += 1
        noise = itertools.cycle(jitter)
        seen = [index for index in range(len(people)) if index not in missed]
        faces = [
            face_at(
                people[index][1] + next(noise) * people[index][3],
                people[index][2] + next(noise) * people[index][3],
                people[index][3] * (1 + next(noise)),
            )
            for index in seen
        ]
        identities: list[int | None] = [None] * len(people)
        for index, tracked in zip(seen, self.tracker.update(frame, faces), strict=True):
            identities[index] = tracked.track_id
        return identities


def test_identities_count_from_zero_from_left_to_right() -> None:
    assert Film().show([(BEN, 500, 150, 50), (ANN, 100, 150, 50)]) == [1, 0]


def test_result_carries_the_frame_and_the_detection() -> None:
    face = face_at(100, 100, 40)
    (tracked,) = FaceTracker().update(Frame(7, 3.5, scene()), [face])
    assert (tracked.track_id, tracked.frame_index, tracked.pts_s) == (0, 7, 3.5)
    assert tracked.detection is face


@pytest.mark.parametrize("shift", [-70.0, -35.0, 35.0, 70.0])
def test_a_pair_side_by_side_never_swaps_while_it_moves(shift: float) -> None:
    """At 70 px a sample one steps exactly where the other was."""
    film = Film()
    for step in range(5):
        x = 310 + (step - 2.5) * shift
        assert film.show([(ANN, x, 150, 50), (BEN, x + 70, 150, 50)]) == [0, 1]


@pytest.mark.parametrize("shift", [-45.0, 45.0])
def test_even_twins_side_by_side_do_not_swap_while_they_move(shift: float) -> None:
    """Nothing but their order tells them apart, and a half step brings each nearer to the other's last place."""
    film = Film(background=np.full((HEIGHT, WIDTH, 3), 120, np.uint8))
    for step in range(5):
        x = 310 + (step - 2.5) * shift
        assert film.show([(ANN, x, 150, 50), (TWIN, x + 70, 150, 50)]) == [0, 1]


@given(st.lists(st.floats(-0.12, 0.12), min_size=7, max_size=7))
def test_jitter_of_the_detector_does_not_swap_a_pair(jitter: list[float]) -> None:
    film = Film()
    for _ in range(4):
        assert film.show([(ANN, 250, 150, 50), (BEN, 320, 150, 50)], jitter=jitter) == [0, 1]


@pytest.mark.parametrize("absent", [0, 1])
def test_a_missed_detection_neither_swaps_nor_ends_a_track(absent: int) -> None:
    film = Film()
    pair = [(ANN, 250.0, 150.0, 50.0), (BEN, 320.0, 150.0, 50.0)]
    film.show(pair)
    expected: list[int | None] = [0, 1]
    expected[absent] = None
    assert film.show(pair, missed=[absent]) == expected
    assert film.show(pair) == [0, 1]


@pytest.mark.parametrize("pair", [(ANN, BEN), (ANN, TWIN)], ids=["two people", "twins"])
def test_people_who_cross_keep_their_identities(pair: tuple[Person, Person]) -> None:
    """Who walks behind is not seen while the other covers them; twins are told apart by their steady pace."""
    film = Film()
    for step in range(7):
        left, right = 120 + step * 60, 510 - step * 60
        hidden = abs(left - right) < 50
        expected = [None if hidden else 0, 1]
        assert film.show([(pair[0], left, 150, 50), (pair[1], right, 160, 50)], missed=[0] * hidden) == expected


def test_people_who_meet_and_turn_back_are_told_apart_by_their_looks() -> None:
    """Velocity says that they go on and pass each other; their looks say that they did not."""
    film = Film()
    for step in (0, 1, 2, 1, 0):
        assert film.show([(ANN, 160 + 60 * step, 150, 50), (BEN, 480 - 60 * step, 150, 50)]) == [0, 1]


def test_a_passer_by_is_followed_although_the_boxes_never_overlap() -> None:
    film = Film()
    assert [film.show([(ANN, 60 + 115 * step, 150, 30)]) for step in range(4)] == [[0]] * 4


def test_a_face_that_comes_closer_stays_the_same() -> None:
    film = Film()
    assert [film.show([(ANN, 300, 150, side)]) for side in (30, 40, 55, 75, 100)] == [[0]] * 5


def test_a_track_survives_a_bounded_gap() -> None:
    def after(missed_frames: int) -> list[int | None]:
        film = Film(config=TrackingConfig(max_gap_s=2.0))
        person = [(ANN, 300.0, 150.0, 50.0)]
        film.show(person)
        for _ in range(missed_frames):
            film.show(person, missed=[0])
        return film.show(person)

    assert [after(count) for count in range(6)] == [[0], [0], [0], [0], [1], [1]]


def test_one_missed_sample_is_forgiven_however_far_apart_samples_are() -> None:
    film = Film(step_s=14.0)
    person = [(ANN, 300.0, 150.0, 50.0)]
    assert film.show(person) == [0]
    film.show(person, missed=[0])
    assert film.show(person) == [0]
    film.show(person, missed=[0])
    film.show(person, missed=[0])
    assert film.show(person) == [1]


def test_another_person_in_the_same_place_after_a_cut_is_another_track() -> None:
    film = Film()
    film.show([(ANN, 300, 150, 60)])
    assert film.show([(ANN, 300, 150, 60)]) == [0]
    film.background = scene(seed=1)
    assert film.show([(TWIN, 300, 150, 60)]) == [1]


def test_another_person_in_the_same_place_without_a_cut_is_another_track() -> None:
    film = Film()
    film.show([(ANN, 300, 150, 60)])
    assert film.show([(BEN, 300, 150, 60)]) == [1]


def test_a_change_of_exposure_is_no_cut() -> None:
    tracker, image = FaceTracker(), paint([(ANN, 300, 150, 60)], scene())
    for index, light in enumerate((1.0, 0.5, 1.2, 0.8)):
        frame = Frame(index, index * 0.5, np.clip(image * light, 0, 255).astype(np.uint8))
        assert [face.track_id for face in tracker.update(frame, [face_at(300, 150, 60)])] == [0]


def test_a_pan_is_no_cut() -> None:
    wide = np.concatenate([scene(), scene()[:, ::-1]], axis=1)
    tracker = FaceTracker()
    for step in range(5):
        view = np.ascontiguousarray(wide[:, step * 60 : step * 60 + WIDTH])
        frame = Frame(step, step * 0.5, paint([(ANN, 300, 150, 60)], view))
        assert [face.track_id for face in tracker.update(frame, [face_at(300, 150, 60)])] == [0]


def test_a_frame_of_another_scale_is_compared_in_pixels_of_the_source() -> None:
    tracker = FaceTracker()
    image = paint([(ANN, 300, 150, 60)], scene())
    tracker.update(Frame(0, 0.0, image, scale=1.0), [face_at(300, 150, 60)])
    half = Frame(1, 0.5, np.ascontiguousarray(image[::2, ::2]), scale=0.5)
    assert tracker.update(half, [face_at(150, 75, 30)])[0].track_id == 0


def test_a_frame_out_of_order_is_refused() -> None:
    tracker = FaceTracker()
    tracker.update(Frame(0, 1.0, scene()), [])
    with pytest.raises(ValueError, match="order of time"):
        tracker.update(Frame(1, 0.5, scene()), [])


@pytest.mark.parametrize("changes", [{"max_cost": 0.0}, {"size_ratio": 1.0}, {"max_gap_s": -1.0}])
def test_a_senseless_configuration_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must"):
        TrackingConfig(**changes)


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (500, 3)])
def test_tiny_images_and_boxes_over_the_edge_are_taken(size: tuple[int, int]) -> None:
    tracker = FaceTracker()
    frame = Frame(0, 0.0, np.zeros((*size, 3), np.uint8))
    assert len(tracker.update(frame, [face_at(0, 0, 10), face_at(900, -50, 40)])) == 2


faces = st.builds(
    face_at,
    x=st.floats(-20, WIDTH + 20),
    y=st.floats(-20, HEIGHT + 20),
    side=st.floats(5, 200),
    score=st.floats(0.5, 1),
)
films = st.lists(st.lists(faces, max_size=5), min_size=1, max_size=5)


BACKGROUND = scene()


def identities(film: Sequence[Sequence[FaceDetection]], step_s: float = 0.5, start_s: float = 0.0) -> list[list[int]]:
    tracker, image = FaceTracker(), BACKGROUND
    return [
        [face.track_id for face in tracker.update(Frame(index, start_s + index * step_s, image), detections)]
        for index, detections in enumerate(film)
    ]


@given(films)
def test_no_identity_occurs_twice_in_a_frame_and_none_is_skipped(film: list[list[FaceDetection]]) -> None:
    result = identities(film)
    assert [len(ids) for ids in result] == [len(detections) for detections in film]
    assert all(len(set(ids)) == len(ids) for ids in result)
    used = {identity for ids in result for identity in ids}
    assert used == set(range(len(used)))


@given(films, st.randoms(use_true_random=False))
def test_the_order_of_detections_does_not_matter(film: list[list[FaceDetection]], random: Random) -> None:
    shuffled = [list(detections) for detections in film]
    for detections in shuffled:
        random.shuffle(detections)
    places = [
        {corners(face.box): identity for face, identity in zip(detections, ids, strict=True)}
        for detections, ids in zip(film, identities(film), strict=True)
    ]
    moved = [
        {corners(face.box): identity for face, identity in zip(detections, ids, strict=True)}
        for detections, ids in zip(shuffled, identities(shuffled), strict=True)
    ]
    distinct = [len(place) == len(detections) for place, detections in zip(places, film, strict=True)]
    if all(distinct):
        assert places == moved


@given(films)
def test_the_same_film_gives_the_same_identities_at_any_time_of_day(film: list[list[FaceDetection]]) -> None:
    assert identities(film) == identities(film) == identities(film, start_s=1024.0)


@given(st.floats(0.05, 1.9), st.integers(1, 4))
def test_still_faces_keep_their_identities_at_any_rate(step_s: float, count: int) -> None:
    still = [face_at(60 + 120 * index, 150, 50) for index in range(count)]
    assert identities([still] * 4, step_s) == [list(range(count))] * 4


@given(
    stnp.arrays(
        np.float64,
        stnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=5),
        elements=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 2.0]) | st.floats(0, 3),
    )
)
def test_the_assignment_is_the_best_of_all(costs: Costs) -> None:
    pairs = _assign(costs, 1.2)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    assert all(costs[pair] < 1.2 for pair in pairs)
    gain = sum(1.2 - costs[pair] for pair in pairs)
    assert gain == pytest.approx(best_gain(costs, 1.2))


def best_gain(costs: Costs, max_cost: float) -> float:
    """By trying every assignment of the longer side to the shorter."""
    gains = np.clip(max_cost - (costs if costs.shape[0] <= costs.shape[1] else costs.T), 0, None)
    rows = range(gains.shape[0])
    return max(
        float(sum(gains[row, column] for row, column in zip(rows, columns, strict=True)))
        for columns in itertools.permutations(range(gains.shape[1]), gains.shape[0])
    )


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_nothing_to_assign(shape: tuple[int, int]) -> None:
    assert _assign(np.zeros(shape), 1.0) == []


@pytest.mark.real_data
def test_a_real_crowd_gives_a_sensible_number_of_tracks() -> None:
    """Seven people are visible; the boy and the tall man are there nearly all the time, a woman walks across."""
    folder = os.environ.get("DFD_DATA_DIR")
    if not folder:
        pytest.skip("DFD_DATA_DIR does not name the data folder")
    path = Path(folder) / "robust" / "multiface_crowd.mp4"
    if not path.exists():
        pytest.skip(f"{path.name} is not in the data folder")
    tracker, detector = FaceTracker(), BlazeFaceDetector(threads=1)
    tracks: dict[int, list[float]] = {}
    with av.open(str(path)) as container:
        for index, picture in enumerate(container.decode(video=0)):
            if index % 13 == 0 and picture.time is not None:
                pixels = picture.reformat(width=1280, height=720, format="rgb24").to_ndarray()
                image = np.asarray(pixels, dtype=np.uint8)
                for face in tracker.update(Frame(index, picture.time, image), detector.detect(image)):
                    tracks.setdefault(face.track_id, []).append(face.pts_s)
    lengths = sorted(map(len, tracks.values()), reverse=True)
    assert sum(lengths) >= 24
    assert 5 <= len(tracks) <= 9
    assert lengths[0] >= 8
    assert lengths[1] >= 5
