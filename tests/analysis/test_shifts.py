"""How far what is missing has to be moved, against data completed participant by participant."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import special, stats

import adaptive_cart as ac
from adaptive_cart.analysis import analyze
from adaptive_cart.analysis.findings import ShiftTip
from adaptive_cart.analysis.flow import Analysis
from adaptive_cart.analysis.text import shifts_table
from adaptive_cart.analysis.tipping_pictures import shifts
from adaptive_cart.design.design import Design
from adaptive_cart.design.file import load_design
from checks import DESIGNS, raw_design, tiny_design

Rows = list[dict[str, Any]]


def looked_at(design: Design, look: int = 1, **example: Any) -> tuple[Rows, Analysis]:
    """A simulated trial as a table, and a look at it."""
    rows = ac.example(design, **example).participants
    return rows, analyze(design, rows, look=look, fast=True, tipping=True)


def tips_of(found: Analysis) -> dict[tuple[str, ...], ShiftTip]:
    assert found.findings.tipping is not None
    return {tip.arms: tip for tip in found.findings.tipping.shifts}


# ── scores ────────────────────────────────────────────────────────────────────────────────────
def scores_design(**endpoint: Any) -> Design:
    raw = raw_design("myasthenia_scores")
    asked = raw["rules"][0]["all"][0]["posterior"]
    raw["rules"] = [{"name": "better", "then": "declare_success", "at_least": 0.8,
                     "posterior": asked}]  # fmt: skip
    raw["truth"] = raw.get("truth", {}) | {"dropout": {"per_year": 0.8}}
    raw["endpoints"]["mgadl"] |= endpoint
    return Design(**raw)


def test_the_mean_of_the_missing_is_moved_as_completed_means_are() -> None:
    """Ordinary least squares on the rows, draws of all parameters, and everybody's mean."""
    rows, found = looked_at(scores_design(), scenario="expected", trial=1)
    month = found.findings.date
    due = [r for r in rows if r["randomised_month"] + 5.5 <= month]
    seen = [r for r in due if r["withdrawn_month"] == "" or r["withdrawn_month"] >= 5.5]
    arm = np.array([r["arm"] == "cart" for r in seen], dtype=float)
    baseline = np.array([r["mgadl_baseline"] for r in seen])
    change = np.array([r["mgadl_month_5.5"] for r in seen]) - baseline
    x = np.stack([1.0 - arm, arm, baseline - baseline.mean()], axis=1)
    found_b, left, *_ = np.linalg.lstsq(x, change, rcond=None)
    freedom = len(seen) - 3
    rng = np.random.default_rng(5)
    sd = np.sqrt(left[0] / rng.chisquare(freedom, 200_000))
    root = np.linalg.cholesky(np.linalg.inv(x.T @ x))
    soc, cart, _ = found_b[:, None] + sd * (root @ rng.standard_normal((3, len(sd))))

    def probability(**moved: float) -> float:
        def everybody(name: str, mean: Any) -> Any:
            own = [r in seen for r in due if r["arm"] == name]
            return (sum(own) * mean + (len(own) - sum(own)) * (mean + moved.get(name, 0.0))) / len(
                own
            )

        return float((everybody("cart", cart) < everybody("soc", soc)).mean())

    tips = tips_of(found)
    assert set(tips) == {("soc",), ("cart",), ("soc", "cart")}
    for arms, tip in tips.items():
        lacking = [sum(r["arm"] == name and r not in seen for r in due) for name in arms]
        assert list(tip.missing) == lacking
        for value, told in tip.curve[::8]:
            assert told == pytest.approx(probability(**dict.fromkeys(arms, value)), abs=0.005)
    turned = [(t, v) for t in tips.values() for v in (t.below, t.above) if v is not None]
    assert turned
    for tip, value in turned:
        assert probability(**dict.fromkeys(tip.arms, value)) == pytest.approx(0.8, abs=0.005)
        lower = [v for v, p in tip.curve if (p >= 0.8) != tip.holds_now and v * value > 0]
        assert min(abs(v) for v in lower) >= abs(value)  # none nearer
    told = " ".join(map(str, shifts_table(list(tips.values()))[1]))
    assert "mean change of the missing in soc and cart" in told
    assert " points" in told


def beyond_design() -> Design:
    """More participants of the product than of the control have lost 2 points, and some more."""
    raw = scores_design().plain()
    asked = {"endpoint": "mgadl", "arm": "cart", "minus": "soc", "beyond": -2.0, "above": 0.1}
    raw["rules"][0] |= {"at_least": 0.7, "posterior": asked}
    return Design(**raw)


def test_the_proportion_beyond_a_value_is_made_of_those_seen_and_of_the_missing() -> None:
    """Draws of all parameters by least squares; of the missing everybody's change moved."""
    rows, found = looked_at(beyond_design(), scenario="expected", trial=1)
    due = [r for r in rows if r["randomised_month"] + 5.5 <= found.findings.date]
    seen = [r for r in due if r["withdrawn_month"] == "" or r["withdrawn_month"] >= 5.5]
    arm = np.array([r["arm"] == "cart" for r in seen], dtype=float)
    baseline = np.array([r["mgadl_baseline"] for r in seen])
    change = np.array([r["mgadl_month_5.5"] for r in seen]) - baseline
    x = np.stack([1.0 - arm, arm, baseline - baseline.mean()], axis=1)
    mean, left, *_ = np.linalg.lstsq(x, change, rcond=None)
    rng, number, many = np.random.default_rng(5), len(seen), 40_000
    sd = np.sqrt(left[0] / rng.chisquare(number - 3, many))
    root = np.linalg.cholesky(np.linalg.inv(x.T @ x))
    soc, cart, slope = mean[:, None] + sd * (root @ rng.standard_normal((3, many)))
    spread = np.sqrt(baseline.var() * number / rng.chisquare(number - 1, many))  # of baselines
    away = spread / np.sqrt(number) * rng.standard_normal(many)

    def probability(**moved: float) -> float:
        def proportion(name: str, own: Any) -> Any:
            missing = np.mean([r not in seen for r in due if r["arm"] == name])
            law = stats.norm(own + slope * away, np.sqrt(sd**2 + slope**2 * spread**2))
            return (1.0 - missing) * law.cdf(-2.0) + missing * law.cdf(-2.0 - moved.get(name, 0.0))

        return float((proportion("cart", cart) - proportion("soc", soc) > 0.1).mean())

    tips = tips_of(found)
    assert set(tips) == {("soc",), ("cart",), ("soc", "cart")}
    ends = 0
    for arms, tip in tips.items():
        assert dict(tip.curve)[0.0] == pytest.approx(found.rules[0].fast)
        for value, told in tip.curve[::8]:
            assert told == pytest.approx(probability(**dict.fromkeys(arms, value)), abs=0.01)
        for end in (tip.below, tip.above):
            if end is not None:
                assert probability(**dict.fromkeys(arms, end)) == pytest.approx(0.7, abs=0.01)
                ends += 1
    assert ends


def left_of(rows: Rows, arm: str, month: float) -> list[int]:
    """Who of an arm left before the last visit, which has passed."""
    return [k for k, r in enumerate(rows)
            if r["arm"] == arm and r["randomised_month"] + 5.5 <= month
            and float(r["withdrawn_month"] or np.inf) < 5.5]  # fmt: skip


@pytest.mark.parametrize(("missing", "beyond"), [
    ("worst_case", False), ("jump_to_reference", True)
])  # fmt: skip
def test_scores_that_the_endpoint_gives_to_who_leaves_are_moved(missing: str, beyond: bool) -> None:
    """The rows with those scores typed in, and analysed: nobody is missing then."""
    worst = {"worst": 24.0} if missing == "worst_case" else {}
    design = (beyond_design() if beyond else scores_design()).plain()
    design["endpoints"]["mgadl"] |= {"missing": missing, **worst}
    own = Design(**design)
    rows = ac.example(own, scenario="expected", trial=1).participants
    left = [k for k, r in enumerate(rows) if float(r["withdrawn_month"] or np.inf) < 5.5]
    first = next(k for k in left if rows[k]["arm"] == "cart")
    drawn = missing != "worst_case"  # then all scores that are drawn hang on those that are seen
    others = [k for k in left if k != first and (drawn or rows[k]["arm"] == "cart")]
    rows = [row for k, row in enumerate(rows) if k not in others]  # one score is that of the sums
    found = analyze(own, rows, look=1, fast=True, tipping=True)
    (who,) = left_of(rows, "cart", found.findings.date)
    assert drawn or left_of(rows, "soc", found.findings.date)
    tip = tips_of(found)[("cart",)]
    assert tip.missing == (1,)
    recorded = found.recorded
    kind, snapshot = own.endpoints["mgadl"], recorded.plan.within("mgadl", recorded.snapshot)
    given = kind.given(recorded.prepared["mgadl"], snapshot)
    assert given is not None
    score = float(given.products[0, 1].sum(axis=0)[0, 0, -1])
    assert missing != "worst_case" or score == 24.0
    typed = [dict(row) for row in rows]
    for value, told in (tip.curve[20], tip.curve[52]):
        typed[who] |= {"mgadl_month_5.5": score + value, "withdrawn_month": "",
                       "last_contact_month": 5.5}  # fmt: skip
        judged = analyze(own, typed, look=1, fast=True).rules[0].fast
        assert told == pytest.approx(judged, abs=1e-9)
    told = " ".join(map(str, shifts_table([tip])[1]))
    assert "score given to who left in cart" in told


def test_scores_of_all_visits_are_moved_too() -> None:
    """`normal_visits`: the value at which its own probability meets the threshold."""
    design = scores_design().replace("analysis.mgadl", {"model": "normal_visits"})
    rows, found = looked_at(design, scenario="expected", trial=1)
    tip = next(t for t in tips_of(found).values() if t.below or t.above)
    value = tip.below if tip.above is None else tip.above
    assert value is not None
    due = [r for r in rows if r["randomised_month"] + 5.5 <= found.findings.date]
    share = {a: tip.missing[k] / sum(r["arm"] == a for r in due) for k, a in enumerate(tip.arms)}
    by = value * (share.get("cart", 0.0) - share.get("soc", 0.0))
    raw = design.plain()
    raw["rules"][0]["posterior"] |= {"below": -by}
    asked = analyze(Design(**raw), rows, look=1, fast=True).rules[0].fast
    assert asked == pytest.approx(0.8, abs=1e-6)


# ── rates ─────────────────────────────────────────────────────────────────────────────────────
def test_the_rate_in_the_time_not_seen_is_multiplied_as_every_number_of_events_says() -> None:
    """All numbers of events that may have been missed, each with its probability."""
    raw = tiny_design(
        endpoints={"dfr": {"type": "landmark", "month": 4}, "harm": {"type": "event_rate"}},
        analysis={"harm": {"model": "gamma_poisson", "prior": {"a": 0.5, "b": 2.0}}},
        scenarios={"null": {"dfr": {"soc": 0.2, "cart": 0.2}, "harm": {"soc": 0.2, "cart": 0.9}}},
        truth={"dropout": {"per_year": 2.0}},
    )
    raw["rules"] = [{"name": "harm", "then": "stop_for_safety", "at_least": 0.8,
                     "posterior": {"endpoint": "harm", "arm": "cart", "above": 0.5}}]  # fmt: skip
    rows, found = looked_at(Design(**raw), scenario="null", trial=3)
    month, mine = found.findings.date, [r for r in rows if r["arm"] == "cart"]
    followed = [month - r["randomised_month"] for r in mine if r["randomised_month"] <= month]
    left = [float(r["withdrawn_month"] or np.inf) for r in mine if r["randomised_month"] <= month]
    years = sum(min(f, w) for f, w in zip(followed, left, strict=True)) / 12.0
    lost = sum(max(f - w, 0.0) for f, w in zip(followed, left, strict=True)) / 12.0
    events = int(found.recorded.summary("harm").columns()["events"][0, 1].sum())
    (tip,) = tips_of(found).values()
    assert tip.amount == pytest.approx((lost,))
    a, b = 0.5 + events, 2.0 + years
    for factor, told in tip.curve:
        more = np.arange(400)
        mass = (
            stats.nbinom.pmf(more, a, b / (b + factor * lost))
            if factor
            else (more == 0).astype(float)
        )
        exact = float(mass @ stats.gamma.sf(0.5, a + more, scale=1.0 / (b + lost)))
        assert told == pytest.approx(exact, abs=max(4.0 * tip.error, 1e-9))
    value = tip.above if tip.below is None else tip.below
    assert value is not None
    more = np.arange(400)
    mass = stats.nbinom.pmf(more, a, b / (b + value * lost))
    at = float(mass @ stats.gamma.sf(0.5, a + more, scale=1.0 / (b + lost)))
    assert at == pytest.approx(0.8, abs=5.0 * tip.error)


# ── times ─────────────────────────────────────────────────────────────────────────────────────
def test_the_hazard_of_those_censored_early_is_multiplied_as_completed_times_say() -> None:
    """Every time completed by itself; the posterior of the log hazard ratio on a grid."""
    design = load_design(DESIGNS / "durability_event_driven.toml").replace(
        "analysis.relapse.cuts", []
    )
    design = design.replace("truth.dropout.per_year", 0.6)
    rows, found = looked_at(design, scenario="expected", trial=2)
    month = found.findings.date
    log_ratio = -4.0 + 0.02 * (np.arange(350) + 0.5)

    def density(d: Any, t: Any) -> Any:
        """Of the log hazard ratio, the baseline hazard integrated out; events and months by arm."""
        shape, scale = (
            0.1 + d[0] + d[1],
            1.0 + t[0][..., None] + t[1][..., None] * np.exp(log_ratio),
        )
        log = -(log_ratio**2) / 8.0 + d[1][..., None] * log_ratio - shape[..., None] * np.log(scale)
        own = np.exp(log - log.max(axis=-1, keepdims=True))
        return own / own.sum(axis=-1, keepdims=True)

    events, months, waits = [0, 0], [0.0, 0.0], ([], [])
    for r in rows:
        longest = min(month - r["randomised_month"], 36.0)
        if longest < 0.0:
            continue
        own = int(r["arm"] == "consolidate")
        end, left = (float(r[k] or np.inf) for k in ("relapse", "withdrawn_month"))
        events[own] += end <= min(left, longest)
        months[own] += min(end, left, longest)
        if left < min(end, longest):
            waits[own].append(longest - left)
    d, t = (np.array(x, dtype=float)[:, None] for x in (events, months))
    now = density(d, t)[0]
    assert now[log_ratio < 0.0].sum() == pytest.approx(found.rules[0].fast, abs=0.002)

    def average(factor: float, arm: int, number: int = 2_000) -> Any:
        """Probabilities of completed data, the same random numbers for every factor."""
        rng = np.random.default_rng(11)
        beta = rng.choice(log_ratio, number, p=now)
        rate = rng.gamma(0.1 + sum(events), 1.0, number) / (
            1.0 + months[0] + months[1] * np.exp(beta)
        )
        more, extra = np.zeros((2, number)), np.zeros((2, number))
        for own in (0, 1):
            hazard = rate * np.exp(beta * own) * (factor if own == arm else 1.0)
            for left in waits[own]:
                lasts = rng.exponential(size=number) / np.maximum(hazard, 1e-300)
                more[own] += lasts <= left
                extra[own] += np.minimum(lasts, left)
        both = np.stack([*more, *extra]).T
        chances = [
            density(
                (events[0] + part[:, 0], events[1] + part[:, 1]),
                (months[0] + part[:, 2], months[1] + part[:, 3]),
            )[:, log_ratio < 0.0].sum(axis=1)
            for part in np.split(both, 4)
        ]  # fmt: skip
        return np.concatenate(chances)

    names = ("withdraw_late", "consolidate")
    tips = tips_of(found)
    assert set(tips) == {(names[0],), (names[1],), names}
    for arm, name in enumerate(names):
        tip = tips[(name,)]
        assert tip.missing == (len(waits[arm]),)
        assert tip.amount == pytest.approx((sum(waits[arm]),))
        as_seen = average(1.0, arm)
        for factor, told in [tip.curve[k] for k in (0, 6, 9)]:
            more = average(factor, arm) - as_seen
            error = np.hypot(tip.error, more.std() / np.sqrt(len(more)))
            expected = float(now[log_ratio < 0.0].sum() + more.mean())
            assert told == pytest.approx(expected, abs=4.0 * error + 0.002)
        rising = np.diff([p for _, p in tip.curve])
        assert (rising < 0.0).all() if arm else (rising > 0.0).all()
    assert shifts(found) is not None


def test_a_cured_fraction_takes_the_factor_on_the_whole_hazard() -> None:
    """What remains is raised to the power of the factor; none is lost with none."""
    from adaptive_cart.models.durability.weibull_cure_analysis import _relapse
    from adaptive_cart.nouns.ahead import AtRisk

    shape, median, odds = np.log(1.3), np.log(10.0), special.logit(0.3)
    many = 40_000
    one = np.ones((1, 1), dtype=np.bool_)
    coming = AtRisk(one, np.full((1, 1), 4.0), one * 30.0, one * 0.0, one * 0, one * 0)
    uniform = (np.arange(many) + 0.5)[None] / many
    parameters = np.tile(np.array([shape, median, odds])[None, :, None], (1, 1, many))

    def remains(month: float) -> float:
        return 0.3 + 0.7 * 0.5 ** ((month / 10.0) ** 1.3)

    for factor in (0.5, 1.0, 3.0):
        slower = coming.times(np.array([factor])).slower(np.zeros(1, int), np.zeros(1, int))
        lasting = _relapse(parameters, np.full((1, many), 4.0), uniform**slower)
        for month in (8.0, 20.0):
            expected = (remains(month) / remains(4.0)) ** factor
            assert (lasting > month).mean() == pytest.approx(expected, abs=1e-3)
