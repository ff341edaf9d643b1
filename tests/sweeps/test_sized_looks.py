"""Looks that are free: what trying every size with every choice of looks finds, by definition."""

from __future__ import annotations

import functools
import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.cli import main
from adaptive_cart.errors import DesignError
from sweeps.test_sizing import GOAL, RATE, by_hand, single_arm

STOP = 0.3  # futility: little belief that the goal is exceeded, before the last look
DESIGNS = Path(__file__).parents[2] / "designs"


def with_looks(**changes: Any) -> ac.Design:
    """One arm, two looks, success at any and futility before the last."""
    asked = {"endpoint": "dfr", "arm": "cart", "above": GOAL}
    rules = [
        {"name": "efficacy", "then": "declare_success", "posterior": asked, "at_least": 0.975},
        {"name": "futility", "then": "declare_futility", "posterior": asked, "below": STOP,
         "looks": [1]},
    ]  # fmt: skip
    return single_arm(**{"looks": {"observed": [20, 40]}, "rules": rules, **changes})


@functools.cache
def belief(number: int) -> Any:
    """Posterior probability that the goal is exceeded, by responders of so many."""
    x = np.arange(number + 1)
    return stats.beta.sf(GOAL, 1 + x, 1 + number - x)


def success(looks: tuple[int, ...], rate: float, at_least: float = 0.975) -> float:
    """Probability of success, look by look and responder by responder."""
    running, before, won = {0: 1.0}, 0, 0.0
    for look in looks:
        more = look - before
        chance = [
            math.comb(more, k) * rate**k * (1.0 - rate) ** (more - k) for k in range(more + 1)
        ]
        after: dict[int, float] = {}
        for responders, mass in running.items():
            for k, p in enumerate(chance):
                after[responders + k] = after.get(responders + k, 0.0) + mass * p
        won += sum(m for x, m in after.items() if belief(look)[x] >= at_least)
        stops = {x for x in after if belief(look)[x] >= at_least}
        if look != looks[-1]:
            stops |= {x for x in after if belief(look)[x] < STOP}
        running = {x: m for x, m in after.items() if x not in stops}
        before = look
    return won


def every_choice(size: int, fewest: int, most: int) -> list[tuple[int, ...]]:
    """Looks at tenths of the last one, to the nearest participant, a half upwards."""
    early = sorted({math.floor(tenths * size / 10 + 0.5) for tenths in range(1, 10)} - {0, size})
    return [
        (*chosen, size)
        for number in range(fewest, most + 1)
        for chosen in itertools.combinations(early, number - 1)
    ]


@pytest.mark.parametrize(("wanted", "by_looks"), [(0.77, (37, 42)), (0.83, (45, 46))])
def test_it_is_what_every_choice_at_every_size_by_hand_gives(
    wanted: float, by_looks: tuple[int, int]
) -> None:
    sizes = list(range(36, 47))
    powers = {
        size: {looks: success(looks, RATE) for looks in every_choice(size, 2, 2)} for size in sizes
    }
    best = {size: max(by_choice.values()) for size, by_choice in powers.items()}
    halfway = {size: success(((size + 1) // 2, size), RATE) for size in sizes}
    assert tuple(by_hand(sizes, of.__getitem__, wanted) for of in (best, halfway)) == by_looks
    found = ac.size(with_looks(), wanted, least=36, most=46, looks=(2, 2), jobs=1)
    assert found.answer == by_looks[0]
    for one in found.tried:
        assert one.choices == pytest.approx(powers[one.size], abs=1e-10)
        assert one.success["expected"].estimate == pytest.approx(best[one.size], abs=1e-10)
        looks = tuple(int(at) for at in one.looks)
        assert powers[one.size][looks] == pytest.approx(best[one.size], abs=1e-10)
        assert one.success["null"].estimate == pytest.approx(success(looks, GOAL), abs=1e-10)


def test_another_number_of_looks_takes_the_rules_with_it() -> None:
    found = ac.size(with_looks(), 0.8, least=40, most=41, looks="2:3", jobs=1)
    for one in found.tried:
        by_choice = {looks: success(looks, RATE) for looks in every_choice(one.size, 2, 3)}
        assert len(by_choice) == 9 + 36
        assert one.choices == pytest.approx(by_choice, abs=1e-10)
        assert one.power(["expected"]) == pytest.approx(max(by_choice.values()), abs=1e-10)


def test_every_choice_has_its_own_threshold_where_that_is_asked() -> None:
    design = with_looks(calibration={"type_one_error": 0.05})
    found = ac.size(design, 0.5, least=20, most=21, looks=(2, 2), recalibrate=True, jobs=1)
    for one in found.tried:
        by_choice = {}
        for looks in every_choice(one.size, 2, 2):
            beliefs = sorted({float(b) for look in looks for b in belief(look)})
            least = next(b for b in beliefs if success(looks, GOAL, b) <= 0.05)
            by_choice[looks] = success(looks, RATE, least)
        assert one.choices == pytest.approx(by_choice, abs=1e-9)
        assert one.power(["expected"]) == pytest.approx(max(by_choice.values()), abs=1e-9)
        assert one.success["null"].estimate <= 0.05
    assert found.found is not None
    assert "thresholds calibrated for it: efficacy 0." in found.text()


def test_the_command_tells_the_looks_and_keeps_every_choice(tmp_path: Path) -> None:
    file = tmp_path / "design.toml"
    file.write_text(with_looks().as_toml(), encoding="utf-8")
    words = ["size", str(file), "--power", "0.8", "--least", "44", "--most", "46", "--jobs", "1"]
    done = CliRunner().invoke(main, [*words, "--looks", "2", "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    kept = json.loads((tmp_path / "out" / "size.json").read_text("utf-8"))
    at = kept["answer"]
    have = [one for one in kept["choices"] if one["max_n"] == at and one["power"] >= 0.8]
    assert f"2 looks, all but the last free at tenths of it: {len(have)} of 9 choices" in (
        done.output
    )
    most = max(have, key=lambda one: one["power"])
    assert f"{at}  {', '.join(map(str, most['looks']))} " in done.output
    again = ac.simulate(
        with_looks(enrolment={"max_n": at, "per_month": 3.0}, looks={"observed": most["looks"]})
    )
    assert again.figure("expected", "success").estimate == most["power"]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(DesignError) as caught:
        ac.size(
            with_looks(), 1.5, scenarios=["kind", "cruel"], least=5, most=8, looks=(6, 9),
            recalibrate=True, engine="simulate", fresh=-1,
        )  # fmt: skip
    told = "\n".join(map(str, caught.value.problems))
    for words in (
        "--power: found 1.5",  "'kind'", "'cruel'",
        "--recalibrate needs", "--fresh: found -1",
        "of 5 participants the tenths are only 5 looks apart (1, 2, 3, 4, 5)",
    ):  # fmt: skip
        assert words in told, (words, told)


@pytest.mark.parametrize(
    ("design", "asked", "told"),
    [
        (with_looks(), {"looks": "two"}, 'found "two"; a number of looks, or FEWEST:MOST'),
        (with_looks(), {"looks": (3, 2)}, "found 3:2; FEWEST:MOST from 1 to 10"),
        (with_looks(), {"looks": (1, 2)}, "is judged before the last look"),
        (with_looks(), {"looks": (2, 2), "recalibrate": True}, "--recalibrate needs"),
        (with_looks(), {"looks": (2, 2), "most": 800_000}, "--engine exact does it, or a lower"),
        (
            ac.load_design(DESIGNS / "early_single_arm.toml"), {"looks": (2, 3), "engine": "exact"},
            "every choice of looks is judged, and cannot be enumerated: .*participant course",
        ),
    ],
)  # fmt: skip
def test_looks_that_cannot_be_free_are_refused(
    design: ac.Design, asked: dict[str, Any], told: str
) -> None:
    with pytest.raises(DesignError, match=told):
        ac.size(design, 0.8, **asked)


@pytest.mark.slow
def test_looks_are_free_where_a_design_is_simulated_too() -> None:
    """Every choice meets the same participants, and has the power that a run of it has."""
    told: dict[str, Any] = {"trials": 40, "seed": 5, "jobs": 1, "engine": "simulate"}
    found = ac.size(with_looks(), 0.5, least=20, most=21, looks=(2, 2), fresh=0, **told)
    for one in found.tried:
        assert len(one.choices) == 9
        for looks, power in list(one.choices.items())[4:5]:
            alone = with_looks(
                enrolment={"max_n": one.size, "per_month": 3.0}, looks={"observed": [*looks]}
            )
            run = ac.simulate(alone, scenarios=["expected"], **told)
            assert run.figure("expected", "success").estimate == power
        assert one.power(["expected"]) == max(one.choices.values())
    assert found.answer == found.promised  # nothing is confirmed where that is not asked for
