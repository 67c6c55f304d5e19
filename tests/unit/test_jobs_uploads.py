"""The uploads that jobs keep: none is left behind, and what is kept can be read."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from tests.fakes import FakeStorage
from tests.unit.test_jobs import REQUEST, House, received

from dfd.errors import StorageUnavailable
from dfd.ports import JobFilter

ALL = JobFilter()


class LosesAnswers(FakeStorage):
    """Writes, and says that it did not."""

    def put(self, key: str, source: Path | Iterable[bytes]) -> None:
        super().put(key, source)
        raise StorageUnavailable("the answer was lost")


def test_a_file_whose_writing_was_not_confirmed_is_taken_back(tmp_path: Path) -> None:
    house = House(storage=LosesAnswers())
    with pytest.raises(StorageUnavailable):
        house.desk.submit([received(tmp_path, b"video")], REQUEST)
    assert house.storage.objects == {}
    assert house.desk.page(ALL, 10) == ([], None)
