"""The printed table: decimal points below each other, and rows and digits that are there."""

from __future__ import annotations

from pathlib import Path

from adaptive_cart.results.figure import Figure
from adaptive_cart.results.laid_out import Column, _aligned
from adaptive_cart.results.tables import AVERAGES, _average_groups, _digits, summary
from adaptive_cart.running.run import simulate
from results.test_operating import THREE_ARMS, designed


def test_points_stand_below_each_other_and_room_is_left_for_one_that_is_not_there() -> None:
    assert _aligned(Column("n", ("12", "3.5", ""))) == ["   n", "12  ", " 3.5", "    "]
    assert _aligned(Column("n", ("12", "3"))) == [" n", "12", " 3"]


def test_every_arm_with_a_success_of_its_own_has_a_row(tmp_path: Path) -> None:
    result = simulate(
        designed(THREE_ARMS), trials=20, engine="simulate", jobs=1, out=tmp_path / "run"
    )
    lines = [line.split() for line in summary(result).splitlines()]
    success = {arm: result.figure("expected", "arm_success", arm=arm).estimate for arm in "ab"}
    for arm in "ab":
        (row,) = (line for line in lines if line[:1] == [arm])
        assert float(row[1]) == round(success[arm], 2)


def test_an_average_that_is_not_sure_has_no_more_digits_than_each_of_its_kind() -> None:
    unsure = Figure(0.25, 0.2, 0.0, 0.6, 10)
    (group,) = _average_groups({"honest": dict.fromkeys(AVERAGES, unsure)})
    shown = {column.heading: column.cells for column in group.columns}
    assert shown.pop("helped") == shown.pop("harmed") == ("0.2",)
    assert set(shown.values()) == {("0.25",)}


def test_what_has_no_error_has_four_digits_where_so_many_may_be_shown() -> None:
    sure, unsure = Figure(0.25, 0.0, 0.25, 0.25, None), Figure(0.25, 0.2, 0.0, 0.6, 10)
    assert [_digits(sure, least, most) for least, most in ((2, 5), (5, 5), (0, 2))] == [4, 5, 2]
    assert _digits(unsure, 2, 5) == 2
