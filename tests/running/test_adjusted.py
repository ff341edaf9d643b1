"""Estimates corrected for the stop: by brute force, in closed form, and as published."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.decisions import ENDINGS, Ending
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError, EngineError
from adaptive_cart.running.adjusted import Corrected, ended_so, why_not
from adaptive_cart.running.exact import judged_look
from adaptive_cart.telling.check import described
from twin import stagewise as twin
from twin.stagewise import End

BY_NAME: dict[str, Ending] = {ending.name: ending for ending in ENDINGS}
REASONS = ("success", "futility", "no_success")


def two_arms(**changes: Any) -> Design:
    """Two and four, then three and six: small enough to walk through every sequence."""
    tables: dict[str, Any] = {
        "name": "tiny",
        "arms": {"soc": {"control": True}, "cart": {"allocation": 2}},
        "endpoints": {"dfr": {"type": "landmark", "month": 6}},
        "enrolment": {"max_n": 9, "per_month": 3},
        "looks": {"observed": [6, 9]},
        "rules": [
            {
                "name": "efficacy",
                "then": "declare_success",
                "posterior": {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.0},
                "at_least": 0.93,
            },
            {
                "name": "futility",
                "then": "declare_futility",
                "posterior": {"endpoint": "dfr", "arm": "cart", "minus": "soc", "above": 0.0},
                "below": 0.45,
                "looks": [1],
            },
        ],
        "scenarios": {
            "null": {"dfr": {"soc": 0.3, "cart": 0.3}},
            "expected": {"dfr": {"soc": 0.2, "cart": 0.7}},
        },
    }
    return Design(**{**tables, **changes})


def one_arm(looks: list[int], at_least: float, below: float | None) -> Design:
    """A single arm whose rules are thresholds of counts, under a flat prior."""
    asked = {"endpoint": "dfr", "arm": "cart", "above": 0.3}
    rules: list[dict[str, Any]] = [
        {"name": "efficacy", "then": "declare_success", "posterior": asked, "at_least": at_least,
         "looks": ["final"]},
    ]  # fmt: skip
    if below is not None:
        rules.append(
            {"name": "futility", "then": "declare_futility", "posterior": asked, "below": below,
             "looks": [1]}
        )  # fmt: skip
    return Design(
        name="one arm",
        arms={"cart": {}},
        endpoints={"dfr": {"type": "landmark", "month": 6}},
        enrolment={"max_n": looks[-1], "per_month": 3},
        looks={"observed": looks},
        rules=rules,
        scenarios={"null": {"dfr": {"cart": 0.3}}, "expected": {"dfr": {"cart": 0.5}}},
    )


def corrected(design: Design, numbers: list[tuple[int, ...]]) -> Corrected:
    plan = Plan.of(design)
    looks = [judged_look(plan, number, own) for number, own in enumerate(numbers, start=1)]
    return Corrected.of(plan, looks)


def found(of: Corrected) -> dict[End, dict[str, Any]]:
    """By end: everything that is told of it."""
    told: dict[End, dict[str, Any]] = {}
    for look, judged in enumerate(of.looks):
        for reason in REASONS:
            ending = BY_NAME[reason]
            if reason == "no_success" and judged is not of.looks[-1]:
                continue
            chosen = ended_so(judged, ending)
            ends = of.ends(look, ending, chosen)
            if not len(ends.favour):
                continue
            lower, upper = of.interval(ends)
            spans, median = of.estimates(look, ending, chosen), of.median_unbiased(ends)
            for place, table in enumerate(ends.successes):
                told[End(look + 1, reason, tuple(map(int, table)))] = {
                    "median": median[place],
                    "lower": lower[place],
                    "upper": upper[place],
                    "conditional": spans["conditional"].value[place],
                    "skeptical": spans.get("skeptical"),
                    "interval": (spans[""].lower[place], spans[""].upper[place]),
                    "place": place,
                }
    return told


def verdict_of(of: Corrected) -> twin.Verdict:
    def verdict(look: int, table: tuple[int, ...]) -> str:
        judged = of.looks[look - 1]
        place = int(np.flatnonzero((judged.successes == table).all(axis=1))[0])
        return next((e.name for e, mask in judged.ends.items() if mask[place]), "")

    return verdict


@pytest.mark.parametrize("side", ["above", "below", "not_binding"])
def test_brute_force_over_every_sequence(side: str) -> None:
    """Two arms, also where a low rate is the better one, and where futility does not bind."""
    design = two_arms()
    if side == "below":
        raw = design.plain()
        for rule in raw["rules"]:
            rule["posterior"]["below"] = rule["posterior"].pop("above")
        design = Design(**raw)
    if side == "not_binding":
        design = two_arms(calibration={"type_one_error": 0.1, "futility": "not_binding"})
    numbers: list[tuple[int, ...]] = [(2, 4), (3, 6)]
    of = corrected(design, numbers)
    verdict, last = verdict_of(of), numbers[-1]
    ends = twin.ends_of(numbers, verdict)
    if side == "not_binding":
        ordered = twin.ends_of(numbers, lambda k, t: verdict(k, t).replace("futility", ""))
    else:
        ordered = ends
    turn = -1.0 if side == "below" else 1.0

    def estimate(end: End) -> float:  # posterior means under Beta(1, 1)
        (x, y), (m, n) = end.table, numbers[end.look - 1]
        return (y + 1) / (n + 2) - (x + 1) / (m + 2)

    def favour(end: End) -> float:
        return turn * estimate(end)

    told = found(of)
    reached = {end for end, _ in ends}
    assert reached <= set(told)
    assert {end.reason for end in reached} == set(REASONS)
    some = sorted(reached, key=lambda end: (end.look, end.table))
    for end in some[:: max(len(some) // 8, 1)]:
        overruled = side == "not_binding" and end.reason == "futility"

        def tail(value: float, itself: bool, end: End = end, overruled: bool = overruled) -> float:
            control = twin.most_probable_control(end.table, numbers[end.look - 1], turn * value)
            rates = (control, control + turn * value)

            def inside(other: End) -> bool:
                if overruled and other.look >= end.look:
                    raise AssertionError("judged by its table at the look")
                order = twin.more_favourable(other, end, 2, favour)
                return order > 0 or (itself and order == 0)

            if not overruled:
                return twin.probability(ordered, last, rates, inside)
            # at the first look: all tables there, by the estimate alone
            first = twin.ends_of(numbers[:1], lambda k, t: "")
            return twin.probability(
                first, numbers[0], rates,
                lambda o: turn * (estimate(o) - estimate(end)) > (-1e-12 if itself else 1e-12),
            )  # fmt: skip

        values = [
            turn * twin.where(lambda v, i=i: tail(v, i), level, -1.0, 1.0)  # type: ignore[misc]
            for level, i in ((0.5, True), (0.5, False), (0.025, True), (0.975, False))
        ]
        assert told[end]["median"] == pytest.approx((values[0] + values[1]) / 2.0, abs=1e-6), end
        assert told[end]["lower"] == pytest.approx(min(values[2:]), abs=1e-6), end
        assert told[end]["upper"] == pytest.approx(max(values[2:]), abs=1e-6), end
        # given the stop: at the posterior means of the rates
        rates = tuple(
            (x + 1) / (n + 2) for x, n in zip(end.table, numbers[end.look - 1], strict=True)
        )
        alike = {e for e, _ in ends if (e.look, e.reason) == (end.look, end.reason)}
        masses = {a: twin.probability(ends, last, rates, lambda e, a=a: e == a) for a in alike}  # type: ignore[misc]
        mean = math.fsum(m * estimate(e) for e, m in masses.items()) / math.fsum(masses.values())
        least = min(max(2.0 * estimate(end) - mean, -1.0), 1.0)
        assert told[end]["conditional"] == pytest.approx(least, abs=1e-9), end


def test_one_look_is_clopper_and_pearson() -> None:
    of = corrected(one_arm([17], 0.9, None), [(17,)])
    told = found(of)
    assert len(told) == 18
    for end, one in told.items():
        (x,) = end.table
        low = stats.beta.ppf([0.025, 0.5], x, 18 - x) if x else (0.0, 0.0)
        high = stats.beta.ppf([0.5, 0.975], x + 1, 17 - x) if x < 17 else (1.0, 1.0)
        assert one["lower"] == pytest.approx(low[0], abs=1e-8)
        assert one["upper"] == pytest.approx(high[1], abs=1e-8)
        assert one["median"] == pytest.approx((low[1] + high[0]) / 2.0, abs=1e-8)


def test_a_two_stage_design_by_plain_sums() -> None:
    """Simon's optimal design for 0.3 against 0.5: at most 5 of 15 stops, 18 of 46 is not enough."""
    of = corrected(one_arm([15, 46], 0.9, 0.6), [(15,), (46,)])
    first = of.looks[0]
    futile = first.successes[first.ends[BY_NAME["futility"]], 0]
    r1 = int(futile.max())
    assert list(futile) == list(range(r1 + 1))
    assert 3 <= r1 <= 6

    def above(p: float, total: int) -> float:
        """P(at least so many in the end), the first stage passed."""
        x = np.arange(r1 + 1, 16)
        passed = stats.binom.pmf(x, 15, p) * stats.binom.sf(total - x - 1, 31, p)
        return float(passed.sum())

    for end, one in list(found(of).items())[::7]:
        (x,) = end.table
        if end.look == 1:  # an early stop: nothing but the first stage is known
            tails = [
                lambda p, x=x: stats.binom.sf(x - 1, 15, p),
                lambda p, x=x: stats.binom.sf(x, 15, p),
            ]
        else:
            tails = [lambda p, x=x: above(p, x), lambda p, x=x: above(p, x + 1)]
        values = []
        for tail, level in ((tails[0], 0.5), (tails[1], 0.5), (tails[0], 0.025), (tails[1], 0.975)):
            values.append(twin.where(tail, level, 0.0, 1.0))
        assert one["median"] == pytest.approx((values[0] + values[1]) / 2.0, abs=1e-7), end
        assert (one["lower"], one["upper"]) == pytest.approx(tuple(values[2:]), abs=1e-7), end


def test_measures_are_sums_over_every_end(tmp_path: Path) -> None:
    prior = {"effect": 0.4, "chance": 0.1}
    design = two_arms(adjusted_estimates={"skeptical": prior})
    plain = ac.simulate(two_arms(), out=tmp_path / "plain").operating_characteristics
    result = ac.simulate(design, out=tmp_path / "run")
    whole = result.operating_characteristics
    # what was there has not moved
    same = whole[whole["measure"].isin(set(plain["measure"]))].reset_index(drop=True)
    assert same.equals(plain.reset_index(drop=True))
    numbers: list[tuple[int, ...]] = [(2, 4), (3, 6)]
    of = corrected(design, numbers)
    told, ends = found(of), twin.ends_of(numbers, verdict_of(of))
    for scenario, rates in (("null", (0.3, 0.3)), ("expected", (0.2, 0.7))):
        target = rates[1] - rates[0]
        masses = {
            end: twin.probability(ends, (3, 6), rates, lambda e, end=end: e == end)  # type: ignore[misc]
            for end in told
        }
        for name in ("median", "conditional"):
            measure = "median_unbiased" if name == "median" else name
            bias = math.fsum(m * (told[e][name] - target) for e, m in masses.items())
            square = math.fsum(m * (told[e][name] - target) ** 2 for e, m in masses.items())
            assert result.figure(scenario, f"bias_{measure}").estimate == pytest.approx(
                bias, abs=1e-7
            )
            rmse = result.figure(scenario, f"rmse_{measure}").estimate
            assert rmse == pytest.approx(math.sqrt(square), abs=1e-7)
        covered = math.fsum(
            m for e, m in masses.items() if told[e]["lower"] <= target <= told[e]["upper"]
        )
        shown = result.figure(scenario, "coverage_median_unbiased").estimate
        assert shown == pytest.approx(covered, abs=1e-7)
        # the skeptical prior: from the interval of the posterior, by precisions
        sd = 0.4 / stats.norm.isf(0.1)
        drawn = 0.0
        for end, mass in masses.items():
            own = told[end]["skeptical"]
            place = told[end]["place"]
            assert own.lower[place] < own.value[place] < own.upper[place]
            (x, y), (m, n) = end.table, numbers[end.look - 1]
            of_posterior = stats.beta(y + 1, n - y + 1), stats.beta(x + 1, m - x + 1)
            estimate = of_posterior[0].mean() - of_posterior[1].mean()
            whole_interval = told[end]["interval"]
            spread = (whole_interval[1] - whole_interval[0]) / (2 * stats.norm.isf(0.025))
            weight = sd**2 / (sd**2 + spread**2)
            assert own.value[place] == pytest.approx(weight * estimate, abs=1e-9)
            drawn += mass * (own.value[place] - target)
        assert result.figure(scenario, "bias_skeptical").estimate == pytest.approx(drawn, abs=1e-7)
        # overestimation, and bias by look and reason
        over = math.fsum(
            m * (told[e]["median"] > target + 1e-9)
            + 0.5 * m * (abs(told[e]["median"] - target) <= 1e-9)
            for e, m in masses.items()
        )
        shown = result.figure(scenario, "overestimated_median_unbiased").estimate
        assert shown == pytest.approx(over, abs=1e-7)
        early = {e: m for e, m in masses.items() if (e.look, e.reason) == (1, "success")}
        rows = whole[
            (whole["scenario"] == scenario) & (whole["look"] == 1) & (whole["reason"] == "success")
            & (whole["measure"] == "bias_given_stop_median_unbiased")
        ]  # fmt: skip
        given = math.fsum(m * (told[e]["median"] - target) for e, m in early.items())
        assert float(rows["estimate"].iloc[0]) == pytest.approx(
            given / math.fsum(early.values()), abs=1e-7
        )


def test_where_there_is_nothing_to_correct_it_is_said() -> None:
    strata = two_arms(strata={"a": 0.5, "b": 0.5})
    assert why_not(two_arms()) == []
    assert "the counts of strata are not ordered together" in why_not(strata)
    raw = two_arms(adjusted_estimates={}).plain()
    raw["arms"]["third"] = {}
    for rule in raw["rules"]:
        rule["posterior"]["arm"] = "each"
    raw["rules"][1]["then"] = "drop_arm"
    for truth in raw["scenarios"].values():
        truth["dfr"]["third"] = 0.3
    several = Design(**raw)
    assert "refused when it is run: adjusted_estimates: several estimates" in described(several)
    with pytest.raises(EngineError, match=r"several estimates .* add skeptical = "):
        ac.simulate(several, trials=10, jobs=1)


def test_a_skeptical_prior_of_a_rate_says_what_no_effect_is() -> None:
    raw = one_arm([17], 0.9, None).plain()
    with pytest.raises(DesignError, match=r"skeptical\.no_effect: missing; no arm is the control"):
        Design(**raw, adjusted_estimates={"skeptical": {"effect": 0.6}})
    design = Design(**raw, adjusted_estimates={"skeptical": {"effect": 0.6, "no_effect": 0.3}})
    assert "normal about 0.3 with a standard deviation of 0.1824" in described(design)


def test_what_is_no_rate_is_refused() -> None:
    raw = two_arms(adjusted_estimates={}).plain()
    for rule in raw["rules"]:
        rule["posterior"] = {
            "endpoint": "dfr", "arm": "cart", "odds_ratio_to": "soc", "above": 1.0
        }  # fmt: skip
    with pytest.raises(EngineError, match="neither a rate nor a difference of two"):
        ac.simulate(Design(**raw))
