"""The smallest size: what trying every size finds, from a few of them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.cli import main
from adaptive_cart.errors import InputError
from adaptive_cart.nouns.streams import fresh_seed
from adaptive_cart.results.figure import proportion
from adaptive_cart.sweeps.confirmed_size import Afresh, confirmed
from adaptive_cart.sweeps.foretold_thresholds import ForetoldThresholds
from adaptive_cart.sweeps.sizing import Size, _search
from adaptive_cart.sweeps.tried_sizes import Tried

HELLO = Path(__file__).parents[2] / "designs" / "hello.toml"
GOAL, RATE = 0.3, 0.5


def single_arm(**changes: Any) -> ac.Design:
    """One look at one arm: success from so many responders on, so that power goes up and down."""
    asked = {"endpoint": "dfr", "arm": "cart", "above": GOAL}
    return ac.Design(**{
        "name": "one arm", "arms": {"cart": {}},
        "endpoints": {"dfr": {"type": "landmark", "month": 6.0}},
        "enrolment": {"max_n": 40, "per_month": 3.0}, "looks": {"observed": [40]},
        "rules": [{"name": "efficacy", "then": "declare_success", "posterior": asked,
                   "at_least": 0.975}],
        "scenarios": {"null": {"role": "null", "dfr": {"cart": GOAL}},
                      "expected": {"role": "alternative", "dfr": {"cart": RATE}}},
        **changes,
    })  # fmt: skip


def power_of(size: int) -> float:
    """Power of one look at so many, by the definition of the rule: a uniform prior and its tail."""
    held = [x for x in range(size + 1) if stats.beta.sf(GOAL, 1 + x, 1 + size - x) >= 0.975]
    return float(stats.binom.pmf(held, size, RATE).sum())


def by_hand(sizes: list[int], power: Callable[[int], float], wanted: float) -> int | None:
    """The smallest size from which every larger one has the power."""
    answer = None
    for number in reversed(sizes):
        if power(number) < wanted:
            break
        answer = number
    return answer


@pytest.mark.slow
@pytest.mark.parametrize("wanted", [0.55, 0.7, 0.8, 0.9, 0.95])
def test_it_is_what_every_size_by_hand_gives_where_power_goes_up_and_down(wanted: float) -> None:
    found = ac.size(single_arm(), wanted, least=20, most=100)
    assert found.answer == by_hand(list(range(20, 101)), power_of, wanted)
    assert len(found.tried) < 81 / 2
    for one in found.tried:
        assert one.success["expected"].estimate == pytest.approx(power_of(one.size), abs=1e-9)
        assert one.looks == (one.size,)


def test_thresholds_that_are_told_are_those_that_were_sought() -> None:
    raw = ac.load_design(HELLO).plain()
    raw["rules"][1] = {
        "name": "futility", "then": "declare_futility", "looks": [1], "below": "calibrate",
        "posterior": {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.0},
    }  # fmt: skip
    raw["calibration"] = {
        "false_stop": {"futility": {"at_most": 0.1, "scenarios": ["expected"]}},
    }
    found = ac.size(ac.Design(**raw), 0.5, least=60, most=72).found
    assert found is not None
    assert [*found.thresholds] == ["futility"]


def power_with_looks(numbers: list[int], goal: float, rate: float, threshold: float) -> float:
    """Success at one of several looks at one arm, count by count."""
    running, before, success = np.ones(1), 0, 0.0
    for n in numbers:
        running = np.convolve(running, stats.binom.pmf(np.arange(n - before + 1), n - before, rate))
        x = np.arange(n + 1)
        holds = stats.beta.sf(goal, 1 + x, 1 + n - x) >= threshold
        success += float(running[holds].sum())
        running, before = np.where(holds, 0.0, running), n
    return success


@pytest.mark.parametrize(
    ("looks", "rate", "threshold", "wanted"),
    [([21, 35], 0.3, 0.975, 0.85),
     pytest.param([19, 24, 48], 0.25, 0.95, 0.8, marks=pytest.mark.slow)],
)  # fmt: skip
def test_a_size_far_from_the_line_by_a_step_of_the_power_is_not_overlooked(
    looks: list[int], rate: float, threshold: float, wanted: float
) -> None:
    """Power falls below the one wanted once more at a size that the line says has enough."""
    goal, written = 0.1, looks[-1]
    asked = {"endpoint": "dfr", "arm": "cart", "above": goal}
    design = single_arm(
        enrolment={"max_n": written, "per_month": 3.0}, looks={"observed": looks},
        rules=[{"name": "efficacy", "then": "declare_success", "posterior": asked,
                "at_least": threshold}],
        scenarios={"null": {"role": "null", "dfr": {"cart": goal}},
                   "expected": {"role": "alternative", "dfr": {"cart": rate}}},
    )  # fmt: skip

    def power(size: int) -> float:
        moved = [int(np.floor(n / written * size + 0.5)) for n in looks]
        return power_with_looks(moved, goal, rate, threshold)

    sizes = list(range(written // 2, 3 * written + 1))
    found = ac.size(design, wanted, least=sizes[0], most=sizes[-1])
    assert found.answer == by_hand(sizes, power, wanted)
    for one in found.tried:
        assert one.success["expected"].estimate == pytest.approx(power(one.size), abs=1e-9)


def test_a_design_with_looks_is_sized_in_a_tenth_of_the_runs() -> None:
    design = ac.load_design(HELLO)
    found = ac.size(design, 0.9)
    assert found.answer == 144
    assert len(found.tried) <= 76 / 10
    assert found.found is not None
    assert found.found.looks == (57.0, 102.0, 144.0)  # 60, 105 and 150 times 0.96, to blocks of 3
    by_itself = {
        number: ac.simulate(
            design.replace({"enrolment.max_n": number, "looks.observed": looks})
        ).figure("expected", "success").estimate
        for number, looks in ((141, [57, 99, 141]), (144, [57, 102, 144]))
    }  # fmt: skip
    assert by_itself[141] < 0.9 <= by_itself[144]
    assert found.found.success["expected"].estimate == by_itself[144]


def test_the_search_finds_what_every_size_does_on_curves_that_go_up_and_down() -> None:
    rng = np.random.default_rng(7)
    sizes = list(range(20, 200, 2))
    run = 0
    for _ in range(200):
        steepness, middle = rng.uniform(0.3, 1.2), rng.uniform(6.0, 11.0)
        height, length = rng.uniform(0.0, 0.05), rng.integers(2, 9)
        wanted = rng.uniform(0.6, 0.95)
        curve = {
            size: float(
                np.clip(
                    stats.norm.cdf(steepness * (np.sqrt(size) - middle))
                    - height * (place % length) / length,
                    0.0,
                    1.0,
                )
            )
            for place, size in enumerate(sizes)
        }
        known: dict[int, float] = {}

        def power(size: int, curve: dict[int, float] = curve, known: Any = known) -> float:
            return float(known.setdefault(size, curve[size]))

        _search(sizes, power, wanted)
        assert by_hand(sorted(known), curve.__getitem__, wanted) == by_hand(
            sizes, curve.__getitem__, wanted
        )
        run += len(known)
    assert run < 200 * len(sizes) / 3


@pytest.mark.parametrize(
    ("everywhere", "answer"), [(1.0, 20), (0.99, 20), (0.02, None), (0.0, None)]
)
def test_few_sizes_are_run_where_all_have_the_power_or_none_has(
    everywhere: float, answer: int | None
) -> None:
    sizes, run = list(range(20, 200, 2)), set[int]()

    def power(size: int) -> float:
        run.add(size)
        return everywhere

    _search(sizes, power, 0.8)
    assert by_hand(sorted(run), lambda _: everywhere, 0.8) == answer
    assert len(run) <= 5


@pytest.mark.slow
def test_every_size_has_its_own_threshold_where_that_is_asked() -> None:
    design = single_arm(calibration={"type_one_error": 0.025})
    found = ac.size(design, 0.8, least=36, most=60, recalibrate=True)
    assert found.found is not None
    for one in found.tried:
        error = one.type_one_error
        assert error is not None
        assert error.estimate <= 0.025
        fewest = next(x for x in range(99) if stats.binom.sf(x - 1, one.size, GOAL) <= 0.025)
        assert error.estimate == pytest.approx(float(stats.binom.sf(fewest - 1, one.size, GOAL)))
    assert len({json.dumps(one.thresholds) for one in found.tried}) > 1
    assert "thresholds calibrated for it: efficacy 0.9" in found.text()


def test_no_size_has_a_power_that_is_out_of_reach() -> None:
    found = ac.size(single_arm(), 0.99, least=20, most=40)
    assert found.answer is None
    assert "no size searched has power 0.99 in expected: 40 has 0." in found.text()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"power": 1.0}, "--power: found 1; a number between 0 and 1"),
        ({"power": 0.8, "scenarios": ["kind"]}, "no scenario 'kind'"),
        ({"power": 0.8, "least": 60, "most": 60}, "no two sizes lie between them"),
    ],
)
def test_what_cannot_be_searched_is_refused(asked: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        ac.size(single_arm(), **asked)


# ── simulated ─────────────────────────────────────────────────────────────────────────────────
def coin(power: Callable[[int], float], seed: int) -> Callable[..., Any]:
    """Success on fresh trials that are coins; more go on from fewer."""
    rng = np.random.default_rng(seed)
    thrown: dict[int, Any] = {}

    def run(size: int, trials: int, _: Any = ()) -> Any:
        coins = thrown.setdefault(size, rng.random(4_000) < power(size))
        return {"expected": proportion(int(coins[:trials].sum()), trials)}

    return run


def test_a_size_that_lacks_the_power_is_taken_in_one_search_of_twenty_at_most() -> None:
    """Sizes that lack it by next to nothing are the hardest; one estimate takes half of them."""
    taken = by_estimate = 0
    for seed in range(1_000):
        run = coin(lambda size: 0.7999, seed)
        found = confirmed(range(20, 60), 0.8, 4_000, ["expected"], run)
        assert len(found) <= 5
        taken += found[-1].holds
        by_estimate += run(20, 4_000)["expected"].estimate >= 0.8
    assert taken <= 1_000 * 0.05 + 3.0 * np.sqrt(1_000 * 0.05 * 0.95)
    assert by_estimate > 400
    run = coin(lambda size: 0.76 + (size - 20) * 0.02, 1)
    found = confirmed(range(20, 60), 0.8, 4_000, ["expected"], run)
    assert [one.holds for one in found] == [False] * (len(found) - 1) + [True]
    assert [one.size for one in found] == [*range(20, 20 + len(found))]
    assert len(found) > 2
    for one in found:
        assert one.trials in (400, 1_333, 4_000)
        assert one.success == run(one.size, one.trials)
        events = one.success["expected"].estimate * one.trials
        more = stats.binom.sf(round(events) - 1, one.trials, one.lower["expected"])
        assert float(more) == pytest.approx(0.05 / 15, rel=1e-6)
        given_up = one.success["expected"].estimate < 0.8
        assert one.holds or given_up or one.trials == 4_000


def test_a_scenario_that_is_shown_to_have_the_power_is_not_run_further() -> None:
    """Where one is beyond doubt after a tenth, only the other goes on; both bounds are told."""
    asked: list[tuple[int, tuple[str, ...]]] = []

    def run(_: int, trials: int, names: Any) -> Any:
        asked.append((trials, tuple(names)))
        power = {"plain": 0.99, "hard": 0.815}
        return {name: proportion(round(power[name] * trials), trials) for name in names}

    (one,) = confirmed([20], 0.8, 9_000, ["plain", "hard"], run)
    assert asked == [(900, ("plain", "hard")), (3_000, ("hard",)), (9_000, ("hard",))]
    assert one.holds
    assert one.lower["plain"] == pytest.approx(stats.beta.ppf(0.05 / 15, 891, 10), rel=1e-6)
    assert one.words().startswith("20 on up to 9,000 fresh trials: power at least ")


@pytest.mark.slow
def test_a_search_finds_what_every_size_by_itself_does_in_several_scenarios() -> None:
    """The slow twin: ``simulate`` of every size; where power is beyond doubt is left out or not."""
    scenarios = {"null": {"role": "null", "dfr": {"cart": GOAL}}} | {
        name: {"role": "alternative", "dfr": {"cart": rate}}
        for name, rate in (("low", 0.48), ("kind", 0.5), ("high", 0.75))
    }
    told: dict[str, Any] = {"trials": 400, "engine": "simulate", "jobs": 1}
    found = ac.size(single_arm(scenarios=scenarios), 0.7, least=50, most=90, fresh=0, **told)
    sizes, has = list(range(50, 91)), {}
    for number in sizes:
        made = single_arm(scenarios=scenarios, looks={"observed": [number]},
                          enrolment={"max_n": number, "per_month": 3.0})  # fmt: skip
        run = ac.simulate(made, scenarios=["low", "kind", "high"], **told)
        has[number] = {n: run.figure(n, "success") for n in ("low", "kind", "high")}
    least = {number: min(one.estimate for one in has[number].values()) for number in sizes}
    assert found.answer == by_hand(sizes, least.__getitem__, 0.7)
    for one in found.tried:
        assert {n: f for n, f in one.success.items() if n != "null"}.items() <= (
            has[one.size].items()
        )
        assert one.power(["low", "kind", "high"]) == least[one.size]
    assert any("high" not in one.success for one in found.tried)


def test_a_line_is_drawn_by_no_more_trials_than_there_are(monkeypatch: Any) -> None:
    asked: list[int] = []

    def run(_: Any, __: Any, scenarios: Any, trials: int) -> dict[str, Any]:
        asked.append(trials)
        return {name: proportion(trials // 2, trials) for name in scenarios}

    monkeypatch.setattr("adaptive_cart.sweeps.size_runs.SizeRuns._success", run)
    ac.size(single_arm(), 0.7, least=34, most=46, fresh=0, trials=20, engine="simulate", jobs=1)
    assert set(asked) == {20}


@pytest.mark.slow
def test_scenarios_in_which_no_power_is_wanted_are_run_about_the_answer_alone() -> None:
    """What a size is told with is what a run of it finds, in whichever scenarios it was run."""
    told: dict[str, Any] = {"trials": 100, "engine": "simulate", "jobs": 1}
    found = ac.size(single_arm(), 0.7, least=34, most=46, fresh=0, **told)
    both = [one.size for one in found.tried if "null" in one.success]
    assert found.answer in both
    assert set(both) <= set(range((found.answer or 0) - 1, (found.answer or 0) + 2))
    for one in (found.tried[0], found.found):
        assert one is not None
        run = ac.simulate(single_arm(enrolment={"max_n": one.size, "per_month": 3.0},
                                     looks={"observed": [one.size]}), **told)  # fmt: skip
        for name, figure in one.success.items():
            assert figure == run.figure(name, "success")


def test_a_simulated_size_is_confirmed_and_no_size_is_run_twice(tmp_path: Path) -> None:
    told: dict[str, Any] = {"least": 40, "most": 44, "trials": 200, "engine": "simulate",
                            "jobs": 1, "fresh": 1_000, "out": tmp_path / "out"}  # fmt: skip
    words: list[str] = []
    found = ac.size(single_arm(), 0.7, **told, tell=words.append)
    assert found.afresh
    assert found.afresh[0].size == found.promised
    for one in found.afresh:
        run = ac.simulate(
            single_arm(enrolment={"max_n": one.size, "per_month": 3.0},
                       looks={"observed": [one.size]}),
            trials=one.trials, seed=fresh_seed(single_arm().simulation.seed, "size"),
            engine="simulate", jobs=1, scenarios=["expected"],
        )  # fmt: skip
        assert one.success["expected"] == run.figure("expected", "success")
        assert one.holds == (one.lower["expected"] >= 0.7)
    assert found.answer == (found.afresh[-1].size if found.afresh[-1].holds else None)
    assert f"{found.promised} on {found.afresh[0].trials:,} fresh trials: power" in found.text()
    assert not any("were run before" in one for one in words)
    again = ac.size(single_arm(), 0.7, **told, tell=words.append)
    assert again == found
    assert f"{len(found.tried)} of the sizes were run before" in words


def test_the_command_writes_every_size_that_was_run_and_nothing_over_what_is_not_its_own(
    tmp_path: Path,
) -> None:
    file = tmp_path / "design.toml"
    file.write_text(single_arm().as_toml(), encoding="utf-8")
    words = ["size", str(file), "--power", "0.8", "--least", "36", "--most", "50"]
    words += ["--out", str(tmp_path / "out")]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    answer = json.loads((tmp_path / "out" / "size.json").read_text("utf-8"))
    assert answer["answer"] == by_hand(list(range(36, 51)), power_of, 0.8)
    with (tmp_path / "out" / "size.csv").open(encoding="utf-8") as rows:
        sizes = {int(row["max_n"]) for row in csv.DictReader(rows)}
    assert sizes == set(answer["run"])
    assert f"{answer['answer']} participants: power 8" in done.output
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "size.csv").write_text("mine", encoding="utf-8")
    refused = CliRunner().invoke(main, [*words[:-1], str(tmp_path / "mine")])
    assert refused.exit_code == 2
    assert (tmp_path / "mine" / "size.csv").read_text("utf-8") == "mine"


def test_a_search_without_an_answer_is_told_where_the_largest_size_was_not_run() -> None:
    design = single_arm()
    sizes = [
        Tried(n, (float(n),), {}, {"expected": proportion(have, 100)}, {"expected": "alternative"},
              {})
        for n, have in ((20, 62), (40, 81), (41, 79))
    ]  # fmt: skip
    lacking = Afresh(40, {"expected": proportion(76, 100)}, {"expected": 0.7}, holds=False)
    told = Size(design, 0.8, ("expected",), (20, 80, 1), tuple(sizes), None, 0.01, promised=40,
                fresh=100, afresh=(lacking,)).text(around=0)  # fmt: skip
    assert [row.split()[0] for row in told.splitlines()[1:2]] == ["40"]
    assert "no size was shown to have power 0.8 in expected" in told
    far = Size(design, 0.8, ("expected",), (20, 80, 1), tuple(sizes), None, 0.01).text()
    assert "no size searched has power 0.8 in expected: 41 has 0.7900" in far


# ── thresholds that are foretold ──────────────────────────────────────────────────────────────
def test_thresholds_on_a_line_are_foretold_at_the_level_of_all_trials() -> None:
    """Those of fewer trials are stricter by as much at every size: they tell the slope alone."""
    line = {size: 2.0 - 1.5 * size**-0.5 for size in (40, 60, 80, 110)}
    known = ForetoldThresholds(full=1_000)
    for size in (40, 110):
        known.put(size, float(stats.norm.cdf(line[size] + 0.2)), 100)
    assert known.of(60) is None  # of no size all trials are there
    known.put(80, float(stats.norm.cdf(line[80])), 1_000)
    assert known.of(60) == pytest.approx(stats.norm.cdf(line[60]))
    known.put(110, float(stats.norm.cdf(line[110])), 1_000)
    known.put(110, 0.5, 100)  # fewer trials do not take its place
    assert known.of(110) == pytest.approx(stats.norm.cdf(line[110]))


def with_strata() -> ac.Design:
    """Two arms in two strata, whose thresholds and powers are simulated."""
    asked = {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.0}
    return ac.Design(**{
        "name": "two strata", "arms": {"soc": {"control": True}, "cart": {}},
        "strata": {"a": 0.6, "b": 0.4},
        "endpoints": {"dfr": {"type": "landmark", "month": 4.0}},
        "enrolment": {"max_n": 60, "per_month": 5.0}, "looks": {"observed": [30, 60]},
        "rules": [{"name": "efficacy", "then": "declare_success", "posterior": asked,
                   "at_least": "calibrate"}],
        "calibration": {"type_one_error": 0.05, "null_region": {"soc": [0.2, 0.5]}},
        "scenarios": {"null": {"role": "null", "dfr": {"soc": 0.3, "cart": 0.3}},
                      "expected": {"role": "alternative", "dfr": {"soc": 0.3, "cart": 0.6}}},
    })  # fmt: skip


@pytest.mark.slow
def test_a_few_calibrated_sizes_find_what_calibrating_each_finds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []
    asked: dict[str, Any] = {"least": 40, "most": 110, "trials": 4_000, "fresh": 20_000}
    found = ac.size(with_strata(), 0.75, tell=told.append, **asked)
    foretold = [one.size for one in found.tried if one.foretold]
    assert foretold
    assert f"the thresholds of the other {len(foretold)} are foretold" in found.text()
    hanging = [one for one in found.tried if one.size <= (found.promised or 0)][-2:]
    assert found.found is not None
    assert not any(one.foretold for one in (*hanging, found.found))
    monkeypatch.setattr(ForetoldThresholds, "of", lambda self, size: None)
    slow = ac.size(with_strata(), 0.75, **asked)
    assert not any(one.foretold for one in slow.tried)
    assert slow.found is not None
    assert (found.answer, found.promised) == (slow.answer, slow.promised)
    assert found.found.thresholds == slow.found.thresholds
