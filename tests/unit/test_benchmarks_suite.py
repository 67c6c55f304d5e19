"""The arithmetic, tables and plots of the benchmarks of many clips, lengths and clients; measuring is for people."""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import av
import numpy as np
import pytest
from benchmarks import goals, lengths, matrix, service
from benchmarks.clip import ENCODERS, ClipSpec, can_encode, make_clip
from benchmarks.everything import figures
from benchmarks.goals import GOALS, goals_table
from benchmarks.plots import columns, write_plots
from benchmarks.points import AXES, BASE, points
from benchmarks.running import clip_in, processor_time_of_all_s
from benchmarks.stages import REST, TOTAL, stages_ms
from benchmarks.stages import table as stages_table

SVG = "{http://www.w3.org/2000/svg}"


def run(seconds: float) -> dict[str, float]:
    return {"seconds": seconds, "cpu_s": 2 * seconds, "sampled_frames": 20, "scored_faces": 40}


def keyframe_gaps(path: Path) -> list[int]:
    """Frames from each keyframe of a clip to the next."""
    with av.open(str(path)) as container:
        kinds = [frame.key_frame for frame in container.decode(video=0)]
    places = [place for place, is_key in enumerate(kinds) if is_key]
    return [later - earlier for earlier, later in pairwise(places)]


@pytest.mark.parametrize("codec", [codec for codec in ENCODERS if can_encode(codec)])
def test_a_clip_has_the_codec_size_and_keyframes_that_were_asked_for(codec: str, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    make_clip(path, ClipSpec((320, 192), 0.5, codec=codec, gop=5))

    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert context.codec.canonical_name == codec
        assert (context.width, context.height) == (320, 192)
    gaps = keyframe_gaps(path)
    assert gaps and max(gaps) <= 5


def test_libx264_can_be_written_here() -> None:
    assert can_encode("h264")


def test_without_a_choice_keyframes_are_the_encoders_own(tmp_path: Path) -> None:
    make_clip(tmp_path / "clip.mp4", ClipSpec((96, 64), 1.0))

    assert keyframe_gaps(tmp_path / "clip.mp4") == []


def likeness(grid: tuple[int, int], folder: Path) -> float:
    """Least correlation of the first of 3 x 2 cells of a clip with another."""
    path = folder / f"{grid[0]}.mp4"
    make_clip(path, ClipSpec((384, 256), 0.1, noise=0.0, grid=grid))
    with av.open(str(path)) as container:
        image = next(container.decode(video=0)).to_ndarray(format="gray")
    first, *others = [image[row : row + 128, left : left + 128].ravel() for row in (0, 128) for left in (0, 128, 256)]
    return min(float(np.corrcoef(first, other)[0, 1]) for other in others)


def test_a_grid_shows_the_same_person_several_times(tmp_path: Path) -> None:
    assert likeness((3, 2), tmp_path) > 0.95
    assert likeness((1, 1), tmp_path) < 0.5


def test_a_clip_is_made_once_and_never_by_halves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = ClipSpec((96, 64), 0.1)
    path = clip_in(tmp_path, "clip", spec)
    made = path.stat().st_mtime_ns

    assert clip_in(tmp_path, "clip", spec).stat().st_mtime_ns == made
    assert list(tmp_path.iterdir()) == [path]

    def breaks_off(target: Path, _spec: ClipSpec) -> None:
        target.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("benchmarks.running.make_clip", breaks_off)
    with pytest.raises(KeyboardInterrupt):
        clip_in(tmp_path, "other", spec)
    assert not (tmp_path / "other.mp4").exists()


def test_each_point_differs_from_the_base_in_what_its_axis_says() -> None:
    found = list(points())

    assert {point.axis for point in found} == set(AXES)
    assert len({point.key for point in found}) == len(found)
    assert found[0].spec == BASE
    for point in found[1:]:
        changed = {name for name in ClipSpec.__slots__ if getattr(point.spec, name) != getattr(BASE, name)}
        allowed = {"size": {"size_px", "preset"}, "codec": {"codec"}, "GOP": {"gop", "codec"}, "faces": {"grid"}}
        assert changed and changed <= allowed[point.axis]


def test_a_codec_that_cannot_be_written_is_left_out_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.points.can_encode", lambda codec: codec != "av1")

    assert not any(point.spec.codec == "av1" for point in points())
    results = matrix.measure_all(Path(), 1, 1, 1.0, only=["nothing"])
    assert results["missing_codecs"] == ["av1"]
    assert "nothing here writes them: av1" in matrix.table(results)


def matrix_row(axis: str, name: str, naive: float | None) -> matrix.Row:
    turns = [{"analysis": run(1), "decode": run(2)}, {"analysis": run(3), "decode": run(4)}]
    if naive:
        turns = [turn | {"naive": run(naive)} for turn in turns]
    facts = {"axis": axis, "name": name, "size_px": [2, 2], "codec": "h264", "mbps": 4.94, "peak_mb": 321.4}
    return matrix.summarise(turns) | facts


def matrix_results() -> matrix.Row:
    rows = [matrix_row("base", "1080p H.264", 9.0), matrix_row("faces", "6", None)]
    return {"rows": rows, "repeat": 2, "threads": 2, "clip_seconds": 10.0, "missing_codecs": []}


def test_ratios_of_the_matrix_are_taken_within_a_turn() -> None:
    row = matrix_row("base", "it", 9.0)

    assert row["analysis_to_decode"] == {"median": 0.625, "min": 0.5, "max": 0.75}
    assert row["naive_to_analysis"] == {"median": 6.0, "min": 3.0, "max": 9.0}
    assert matrix_row("base", "it", None)["naive_to_analysis"] is None


def test_the_table_of_the_matrix_shows_every_figure() -> None:
    lines = matrix.table(matrix_results()).splitlines()

    base = [cell.strip() for cell in lines[2].strip("|").split("|")]
    figures_of_base = ["4.9", "40", "3.00", "0.62 (0.50 to 0.75)", "0.62 (0.50 to 0.75)", "6.00 (3.00 to 9.00)", "321"]
    assert base == ["base", "1080p H.264", *figures_of_base]
    assert lines[3].split("|")[8].strip() == ""


def test_the_plots_of_the_matrix_have_a_dot_for_each_figure(tmp_path: Path) -> None:
    write_plots(tmp_path / "new", matrix.plots(matrix_results()))

    dots = {path.name: len(ElementTree.parse(path).findall(f"{SVG}circle")) for path in (tmp_path / "new").iterdir()}
    assert dots == {"matrix-decode.svg": 2, "matrix-memory.svg": 2, "matrix-naive.svg": 1, "matrix-processor.svg": 2}
    without_naive = matrix_results() | {"rows": [matrix_row("faces", "6", None)]}
    assert set(matrix.plots(without_naive)) == {"matrix-decode.svg", "matrix-memory.svg", "matrix-processor.svg"}


def test_a_plot_places_its_figures_by_value() -> None:
    figures = [("a", {"median": 1.0, "min": 0.5, "max": 2.0}), ("<b>", {"median": 2.0, "min": 2.0, "max": 2.0})]
    drawn = ElementTree.fromstring(columns("what", "ratio", figures, goal=1.0))

    [first, second] = [float(dot.attrib["cy"]) for dot in drawn.findall(f"{SVG}circle")]
    lines = [line for line in drawn.findall(f"{SVG}polyline") if line.attrib["class"] == "reference"]
    assert second < first  # larger is higher
    assert float(lines[0].attrib["points"].split()[0].split(",")[1]) == pytest.approx(first)
    assert "<b>" in [text.text for text in drawn.iter(f"{SVG}text")]


def length_row(name: str, seconds: int, peak_mb: float) -> lengths.Row:
    scale = max(1.0, seconds / 300)
    turns = [(run(10), run(20 / scale)), (run(15), run(20 / scale)), (run(30), run(20 / scale))]
    facts = {"name": name, "seconds_long": seconds, "decoded_s": seconds / scale, "mbps": 5.0, "peak_mb": peak_mb}
    return lengths.summarise(turns, scale) | facts


def test_a_part_that_was_decoded_is_scaled_to_the_whole() -> None:
    row = length_row("2 h", 7200, 480.0)

    assert row["decode_s"]["median"] == pytest.approx(20)
    assert row["analysis_to_decode"] == pytest.approx({"median": 0.75, "min": 0.5, "max": 1.5})


def test_two_hours_are_judged_and_shown_and_shorter_clips_are_not_judged() -> None:
    short = lengths.results_of([length_row("5 s", 5, 300.0)], 3, 2)
    results = lengths.results_of([length_row("5 s", 5, 300.0), length_row("2 h", 7200, 480.0)], 3, 2)

    assert short["goals"] == []
    judged = {row["name"]: (row["value"], row["met"]) for row in results["goals"]}
    assert judged == {"two_hours_to_decode": (pytest.approx(0.75), False), "two_hours_peak_mb": (480.0, True)}
    text = lengths.table(results)
    assert "| 2 h | 20 | 15.0 | 20.0 (from 300 s) | 0.75 (0.50 to 1.50) | 0.75 (0.50 to 1.50) | 480 |" in text
    assert "| 5 s | 20 | 15.0 | 20.0 | 0.75 (0.50 to 1.50) | 0.75 (0.50 to 1.50) | 300 |" in text
    assert ElementTree.fromstring(lengths.plots(results)["lengths-memory.svg"]).tag == f"{SVG}svg"


def test_a_long_clip_is_its_piece_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.lengths._SIZE_PX", (96, 64))
    path = lengths.Length("30 s", 30).clip(tmp_path)

    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 900
    assert {file.name for file in tmp_path.iterdir()} == {"length-10s.mp4", "length-30s.mp4"}


def service_turn(one: float, two: float, both: float, served: float) -> dict[str, service.Work]:
    speeds = dict(zip(service.ARRANGEMENTS, (one, two, both), strict=True))
    turn = {name: {"per_s": speed, "cpu_s": 0.5} for name, speed in speeds.items()}
    return turn | {service.SERVICE: {"per_s": served, "cpu_s": 0.6, "refused": 2.0}}


def test_the_service_is_compared_with_the_fastest_arrangement() -> None:
    turns = [service_turn(1, 2, 3, 2.7), service_turn(1, 4, 3, 3.3), service_turn(1, 2, 3, 1.5)]
    results = service.summarise(turns)

    assert results["best"] == "2 x 2 threads"
    assert results["service_to_library"] == pytest.approx({"median": 0.9, "min": 0.5, "max": 1.1})
    assert results["cpu_to_library"]["median"] == pytest.approx(1.2)
    [judged] = results["goals"]
    assert judged["met"] == (results["service_to_library"]["median"] >= 0.9)
    text = service.table(results | {"repeat": 3, "count": 48})
    assert "| service / library, 2 x 2 threads | 0.90 (0.50 to 1.10) | 1.20 (1.20 to 1.20) |" in text


def test_every_goal_is_in_the_table_and_says_why_it_was_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(goals, "missing_for_cuda", lambda: "there is no driver")
    lines = goals_table({"service_to_library": 0.95}).splitlines()[2:]
    said = {goal.name: line for goal, line in zip(GOALS, lines, strict=True)}

    assert "0.95" in said["service_to_library"] and said["service_to_library"].endswith("| yes |")
    assert said["analysis_to_decode"].endswith("| not measured here: make bench |")
    assert said["two_hours_peak_mb"].endswith("| not measured here: make bench-lengths |")
    assert said["gpu_video_s_per_s"].endswith("| not measured: there is no driver |")
    monkeypatch.setattr(goals, "missing_for_cuda", lambda: "")
    assert goals_table({}).splitlines()[-1].endswith("| not measured here: make bench-gpu |")


def test_all_parts_make_one_table_of_goals() -> None:
    found = {"lengths": {"two_hours_peak_mb": 400.0, "rows": []}, "service": {"service_to_library": 1.0, "best": "x"}}

    assert figures(found) == {"two_hours_peak_mb": 400.0, "service_to_library": 1.0}


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_processor_time_counts_children_that_live_and_those_that_ended() -> None:
    spins = "import time\nwhile time.process_time() < 0.3: pass\n"
    before_s = processor_time_of_all_s(os.getpid())
    subprocess.run([sys.executable, "-c", spins], check=True)
    ended_s = processor_time_of_all_s(os.getpid())
    waits = f"{spins}print('spun', flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", waits], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "spun\n"
        living_s = processor_time_of_all_s(os.getpid())
        child.communicate("\n")

    assert ended_s - before_s >= 0.28  # it counts in steps of 10 ms
    assert living_s - ended_s >= 0.28


def test_the_stages_of_a_clip_make_up_the_whole(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    make_clip(clip, ClipSpec((320, 192), 1.0))
    found = stages_ms(clip)

    assert {"decode", "detect", "crop", "score", REST} <= set(found)
    assert sum(taken for name, taken in found.items() if name != TOTAL) == pytest.approx(found[TOTAL])
    assert next(iter(found)) == max((name for name in found if name not in (TOTAL, REST)), key=lambda name: found[name])
    lines = stages_table({"decode": 750.0, "detect": 200.0, REST: 50.0, TOTAL: 1000.0}).splitlines()
    assert [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:4]] == [
        ["decode", "750", "75%"],
        ["detect", "200", "20%"],
    ]
