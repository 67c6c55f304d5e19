"""False alarms by group: names that are read, and shares with their intervals."""

import pytest
from benchmarks.groups import groups_of, rows_of, shown, wilson


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("21_0_0_20170116215656696.jpg", ["all", "male", "White", "to 29"]),
        ("30_1_4_2017.jpg", ["all", "female", "other", "30 to 44"]),
        ("60_1_3_2017.jpg", ["all", "female", "Indian", "60 and more"]),
        ("44_0_20170109.jpg", ["all"]),  # UTKFace has such names: a part is missing
        ("x_9_9_2017.jpg", ["all"]),
    ],
)
def test_a_name_tells_the_groups_of_a_photograph(name: str, groups: list[str]) -> None:
    assert groups_of(name) == groups


def test_the_interval_is_wilsons() -> None:
    assert wilson(5, 10) == pytest.approx((0.5, 0.2366, 0.7634), abs=1e-4)  # as statsmodels has it
    assert wilson(0, 10) == pytest.approx((0.0, 0.0, 0.2775), abs=1e-4)
    assert wilson(10, 10) == pytest.approx((1.0, 0.7225, 1.0), abs=1e-4)


def test_shares_are_counted_from_the_threshold_and_from_its_margin() -> None:
    scores = [("20_0_0_1.jpg", 0.9), ("20_1_0_1.jpg", 0.6), ("70_1_1_1.jpg", 0.1)]
    rows = {row.group: row for row in rows_of(scores, 0.6, 0.2)}
    assert list(rows) == ["all", "male", "female", "White", "Black", "to 29", "60 and more"]
    assert rows["all"].photographs == 3
    assert rows["all"].mean == pytest.approx(1.6 / 3)
    assert (rows["all"].over_threshold[0], rows["all"].called_fake[0]) == pytest.approx((2 / 3, 1 / 3))
    assert rows["female"].called_fake[0] == 0
    assert "| male | 1 | 0.900 | 1.000 (0.207 to 1.000) | 1.000 (0.207 to 1.000) |" in shown(
        list(rows.values()), 0, 0.6, 0.2
    )
