"""What a run needs before anything is trained."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.train.test_notebooks import write_data
from tests.train.test_training import CLIPS, TINY

from dfd_train.balance import balanced
from dfd_train.datasets import DatasetError
from dfd_train.workflow import Plan, gather_extras, read_clips


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
