"""What is told of the first trials while the rest of them run."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

import adaptive_cart as ac
from adaptive_cart.running import first_trials
from adaptive_cart.running.first_trials import shortly_first

TRIALS = 600


def told(hello: ac.Design, folder: Path, trials: int = TRIALS) -> list[str]:
    """What a run tells beside the engine."""
    said: list[str] = []
    ac.simulate(
        hello, trials=trials, out=folder, engine="simulate", jobs=1, block=100, tell=said.append
    )
    return said[1:]


def test_the_share_of_successes_is_that_of_the_first_trials_of_each_scenario(
    hello: ac.Design, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_trials, "WORTH_TELLING", 0.0)
    said = told(hello, tmp_path)
    table = pq.read_table(tmp_path / "trials.parquet").to_pandas()
    assert len(said) == len(hello.scenarios)
    for words, name in zip(said, hello.scenarios, strict=True):
        first = table[(table.scenario == name) & (table.trial < 250)]
        share = f"{100 * (first.reason == 'success').mean():.1f}% ("
        assert words.startswith(f"'{name}', first 250 of 600 trials: success {share}"), words


def test_nothing_is_told_where_the_table_follows_at_once(hello: ac.Design, tmp_path: Path) -> None:
    assert told(hello, tmp_path) == []


def test_a_run_that_goes_on_tells_how_many_trials_are_there(
    hello: ac.Design, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(hello, tmp_path, trials=300)
    monkeypatch.setattr(first_trials, "WORTH_TELLING", 0.0)
    scenarios = len(hello.scenarios)
    expected = f"{300 * scenarios:,} of {TRIALS * scenarios:,} trials were there already"
    assert told(hello, tmp_path) == [expected]


@pytest.mark.parametrize(
    ("stretch", "expected"),
    [((0, 200), [(0, 200)]), ((0, 250), [(0, 250)]), ((40, 2_540), [(40, 290), (290, 2_540)])],
)
def test_the_first_stretch_is_short_and_no_trial_is_left_out(
    stretch: tuple[int, int], expected: list[tuple[int, int]]
) -> None:
    pieces = shortly_first([(*stretch, (0, 1)), (stretch[1], 9_000, (0,))])
    assert pieces == [*((*span, (0, 1)) for span in expected), (stretch[1], 9_000, (0,))]
