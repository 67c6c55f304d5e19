"""What a run needs before anything is trained, and how its version comes to its folder."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.train.test_notebooks import write_data
from tests.train.test_training import CLIPS, TINY

from dfd.errors import ConfigurationError
from dfd_train.balance import balanced
from dfd_train.datasets import DatasetError
from dfd_train.export import ParityError, built_beside
from dfd_train.workflow import Plan, gather_extras, read_clips, run


def test_clips_that_would_be_kept_under_one_name_are_refused(tmp_path: Path) -> None:
    write_data(tmp_path)
    plan = Plan(tmp_path, tmp_path / "work", tmp_path / "out")
    assert len(read_clips(plan)[0]) == 12
    listed = tmp_path / "clips" / "faces.csv"
    (tmp_path / "clips" / "more").mkdir()
    (tmp_path / "clips" / "real_0.mp4").rename(tmp_path / "clips" / "more" / "real_1.mp4")
    listed.write_text(listed.read_text().replace("real_0.mp4", "more/real_1.mp4"))
    with pytest.raises(DatasetError, match="for example real_1: remove the duplicates, or rename files of one name"):
        read_clips(plan)


def test_a_class_without_a_face_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    """Listed clips of it do not help."""
    blind = [(clip, replace(crops, exact=crops.exact[:0]) if clip.is_fake else crops) for clip, crops in CLIPS]
    with pytest.raises(DatasetError, match="no fake clips for training that show a face"):
        gather_extras(Plan(tmp_path, tmp_path, tmp_path), TINY, blind)
    with pytest.raises(DatasetError, match="no fake clips for training that show a face"):
        balanced([clip for clip, crops in blind if crops.count], seed=1)


def version(folder: Path, weights: str) -> None:
    (folder / "manifest.json").write_text("{}")
    (folder / weights).touch()


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_version_takes_the_place_of_another_as_a_whole(tmp_path: Path) -> None:
    place = tmp_path / "deepfake" / "7"
    for weights in ("old.onnx", "new.onnx"):
        with built_beside(place) as folder:
            version(folder, weights)
        assert names(tmp_path) == {"deepfake/7/manifest.json", f"deepfake/7/{weights}"}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ParityError("logits differ")])
def test_a_version_that_is_not_finished_leaves_all_as_it_was(error: BaseException, tmp_path: Path) -> None:
    with built_beside(tmp_path / "7") as folder:
        version(folder, "old.onnx")
    for place in (tmp_path / "7", tmp_path / "8"):
        with pytest.raises(type(error)), built_beside(place) as folder:
            (folder / "new.onnx").touch()
            raise error
    assert names(tmp_path) == {"7/manifest.json", "7/old.onnx"}
    assert [path.name for path in tmp_path.iterdir()] == ["7"]


def test_a_version_whose_change_of_place_was_cut_short_is_found_again(tmp_path: Path) -> None:
    (tmp_path / ".7.old").mkdir()
    version(tmp_path / ".7.old", "old.onnx")
    with pytest.raises(ParityError), built_beside(tmp_path / "7"):
        raise ParityError("logits differ")
    assert names(tmp_path) == {"7/manifest.json", "7/old.onnx"}


def test_a_folder_of_other_things_is_not_given_to_a_version(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ConfigurationError, match="not by a model version: give another folder, or empty it"):
        run(Plan(tmp_path / "data", tmp_path / "work", tmp_path), TINY)
    with pytest.raises(ConfigurationError, match="not by a model version"), built_beside(tmp_path):
        pass
    assert names(tmp_path) == {"thesis.tex"}
