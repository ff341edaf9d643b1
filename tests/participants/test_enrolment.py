"""Arrivals, strata and arms: what was put in comes out, and decisions move later arrivals only."""

from __future__ import annotations

import copy
import gc
import itertools
import math
import weakref
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import integrate

import adaptive_cart as ac
from adaptive_cart.design.accrual import Accrual
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from adaptive_cart.nouns.pace import Steady
from adaptive_cart.nouns.streams import Latents
from adaptive_cart.participants import randomisation
from adaptive_cart.participants.enrolment import Enrolment
from adaptive_cart.participants.population import latents_for
from adaptive_cart.participants.randomisation import (
    adaptive_shares,
    arrangements,
    randomisation_list,
)
from adaptive_cart.participants.shares import Shares
from checks import (
    assert_close_in_mcse,
    assert_mean,
    assert_quantiles,
    assert_share,
    assert_uncorrelated,
    raw_design,
)

SEED = 1905


def hello(**changes: Any) -> Design:
    """The smallest design, with some tables replaced."""
    raw = raw_design("hello")
    enrolment = changes.pop("enrolment", {})
    raw["enrolment"] = {**raw["enrolment"], **enrolment}
    raw["looks"] = {"observed": [raw["enrolment"]["max_n"]]}
    raw["rules"] = raw["rules"][:1]
    raw.update(copy.deepcopy(changes))
    return Design(**raw)


def enrolled(design: Design, trials: int) -> Enrolment:
    return Enrolment(design, latents_for(design, SEED, 0, trials))


def test_uniforms_are_freed_with_their_block() -> None:
    """What is kept for the next scenario does not keep them in turn: megabytes a block."""
    design = hello()
    latents = latents_for(design, SEED, 0, 4)
    for _ in range(2):
        own = Enrolment.at_start(design, latents, Steady(plateau=3.0), None)
        assert own.latents is latents
    freed = weakref.ref(latents)
    gc.disable()
    try:
        del own, latents
        assert freed() is None
    finally:
        gc.enable()


# ── arrivals ──────────────────────────────────────────────────────────────────────────────────
def test_poisson_arrivals_on_the_plateau() -> None:
    arrival = enrolled(hello(enrolment={"max_n": 400, "per_month": 3.0}), 1_000).arrival[:, :400]
    gaps = np.diff(arrival, axis=1, prepend=0.0)
    assert_mean(gaps, 1.0 / 3.0, "months between arrivals")
    assert_mean(gaps**2, 2.0 / 9.0, "second moment of the gaps")
    assert_quantiles(gaps, lambda level: -math.log1p(-level) / 3.0, "gaps")
    assert_uncorrelated(gaps[:, :-1], gaps[:, 1:], "successive gaps")
    # the memoryless check: arrivals in any window on the calendar are Poisson
    for start, end in ((0.0, 5.0), (40.0, 41.0), (60.0, 80.0)):
        assert_poisson(counted(arrival, start, end), 3.0 * (end - start), f"{start} to {end}")


def counted(arrival: np.ndarray, start: float, end: float) -> np.ndarray:
    return ((arrival > start) & (arrival <= end)).sum(axis=1)


def assert_poisson(counts: np.ndarray, mean: float, what: str) -> None:
    n = counts.size
    assert_close_in_mcse(counts.mean(), mean, math.sqrt(mean / n), f"arrivals, {what}")
    # the fourth central moment of a Poisson count is mean + 3 mean^2
    spread = math.sqrt((mean + 2.0 * mean**2) / n)
    assert_close_in_mcse(counts.var(), mean, spread, f"variance of arrivals, {what}")


def test_poisson_arrivals_on_the_ramp() -> None:
    """Intensity rises linearly from 0 to 3 a month in 6 months: 3 t^2 / 12, then 3 (t - 3)."""
    pace = {"ramp_months": 6, "plateau": 3.0}
    design = hello(enrolment={"max_n": 60, "per_month": pace})
    arrival = enrolled(design, 15_000).arrival[:, :60]
    expected = {0.0: 0.0, 1.0: 0.25, 3.0: 2.25, 6.0: 9.0, 8.0: 15.0, 10.0: 21.0}
    for (start, before), (end, after) in itertools.combinations(expected.items(), 2):
        assert_poisson(counted(arrival, start, end), after - before, f"{start} to {end}")
    assert_uncorrelated(counted(arrival, 0, 6), counted(arrival, 6, 10), "ramp and plateau")


SITES = {
    "europe": {"per_month": {"ramp_months": 6.0, "plateau": 2.0}},
    "america": {"opens": 3.0, "per_month": 1.5, "closes": 20.0},
    "asia": {"opens": 8.0, "per_month": 1.0},
}


def one_by_one(rng: np.random.Generator, until: float) -> list[float]:
    """Dates of randomisation: each person comes to a site, and is followed through screening."""
    dates = []
    for site in SITES.values():
        opens, closes = site.get("opens", 0.0), site.get("closes", np.inf)
        rate = site["per_month"]
        most = rate["plateau"] if isinstance(rate, dict) else rate
        month = 0.0
        while (month := month + rng.exponential(1.0 / most)) < until - opens:
            ramp = min(month / rate["ramp_months"], 1.0) if isinstance(rate, dict) else 1.0
            if rng.random() > ramp or opens + month > closes or rng.random() < 0.25:
                continue
            date = opens + month + rng.lognormal(math.log(1.2), 0.4)
            if not 12.0 <= date < 14.5:
                dates.append(date)
    return dates


def test_screening_at_sites_with_a_hold_is_what_following_each_person_gives() -> None:
    """Thinned and moved one by one, against the one intensity that is drawn from."""
    screening = {"failure": 0.25, "lag": {"dist": "lognormal", "median": 1.2, "sigma": 0.4}}
    raw = raw_design("hello")
    raw["enrolment"] = {
        "max_n": 150, "sites": SITES, "screening": screening,
        "holds": [{"from": 12.0, "until": 14.5}],
    }  # fmt: skip
    arrival = enrolled(Design(**raw), 8_000).arrival[:, :150]
    rng = np.random.default_rng(20261129)
    followed = [one_by_one(rng, 30.0) for _ in range(2_000)]
    for start, end in ((0, 3), (3, 6), (6, 12), (14.5, 20), (20, 22), (22, 26)):
        fast = counted(arrival, start, end)
        slow = np.array([sum(start < date <= end for date in dates) for dates in followed])
        error = math.sqrt(fast.var() / fast.size + slow.var() / slow.size)
        assert_close_in_mcse(fast.mean(), slow.mean(), error, f"arrivals, {start} to {end}")
        assert_poisson(fast, Design(**raw).enrolment.pace.expected_by(end)
                       - Design(**raw).enrolment.pace.expected_by(start), f"{start}")  # fmt: skip
    assert counted(arrival, 12.0, 14.5).sum() == 0
    before, after = counted(arrival, 6, 12), counted(arrival, 14.5, 20)
    assert_uncorrelated(before, after, "before and after the hold")


@settings(max_examples=200)
@given(number=st.floats(0.0, 400.0), lag=st.sampled_from([None, 0.7]), hold=st.booleans())
def test_the_month_of_a_number_is_the_first_at_which_it_is_expected(
    number: float, lag: float | None, hold: bool
) -> None:
    accrual = Accrual.model_validate(
        {
            "sites": SITES,
            "holds": [{"from": 2.0, "until": 5.0}, {"from": 21.0, "until": 25.0}] if hold else [],
            "screening": None if lag is None else {"lag": {"dist": "fixed", "value": lag}},
        }
    )
    month = accrual.pace.month_of(number)
    assert accrual.pace.expected_by(month) == pytest.approx(number, abs=1e-9)
    earlier = month * (1.0 - 1e-6) - 1e-6
    assert number < 1e-6 or accrual.pace.expected_by(earlier) < number


def test_a_scenario_s_own_enrolment_moves_its_dates_and_no_other_s() -> None:
    raw = raw_design("hello")
    raw["scenarios"]["slow"] = {**raw["scenarios"]["expected"], "enrolment": {"per_month": 1.0}}
    truths = Design(**raw).truths
    assert truths["expected"].accrual.pace == Steady(3.0)
    assert truths["slow"].accrual.pace == Steady(1.0)


def test_what_is_screened_is_counted_by_scenario() -> None:
    raw = raw_design("hello")
    raw["scenarios"]["strict"] = {
        **raw["scenarios"]["expected"], "enrolment": {"screening": {"failure": 0.4}},
    }  # fmt: skip
    result = ac.simulate(Design(**raw), trials=20, engine="simulate", seed=3, jobs=1)
    table = result.operating_characteristics
    rows = table.set_index(["scenario", "measure"])["estimate"]
    randomised = rows["strict", "n_randomised_mean"]
    assert rows["strict", "n_screened_mean"] == pytest.approx(randomised / 0.6)
    assert ("expected", "n_screened_mean") not in rows.index


def test_regular_arrivals_are_the_expected_times() -> None:
    flat = enrolled(
        hello(enrolment={"max_n": 30, "per_month": 2.5, "arrivals": "regular"}), 3
    ).arrival
    np.testing.assert_allclose(flat[:, :30], np.tile(np.arange(1, 31) / 2.5, (3, 1)), rtol=1e-14)
    assert np.isinf(flat[:, 30:]).all()
    pace = {"ramp_months": 6, "plateau": 3.0}
    ramp = enrolled(
        hello(enrolment={"max_n": 30, "per_month": pace, "arrivals": "regular"}), 1
    ).arrival[0, :30]
    for participant, month in enumerate(ramp):
        up_to_now, _ = integrate.quad(
            lambda t: 3.0 * min(t / 6.0, 1.0), 0.0, month, points=[min(6.0, month)]
        )
        assert up_to_now == pytest.approx(participant + 1.0, abs=1e-9)


@settings(max_examples=100)
@given(
    plateau=st.floats(0.1, 50.0),
    ramp=st.sampled_from([0.0, 0.5, 6.0, 30.0]),
    operational=st.floats(1e-3, 1e4),
)
def test_date_and_expected_arrivals_are_inverse(
    plateau: float, ramp: float, operational: float
) -> None:
    pace = Steady(plateau, ramp)
    date = pace.date(np.array([operational]))
    np.testing.assert_allclose(pace.expected(date), operational, rtol=1e-9)


def test_nobody_arrives_past_max_n() -> None:
    design = hello(enrolment={"max_n": 30})
    arrival = enrolled(design, 50).arrival
    assert np.isfinite(arrival[:, :30]).all()
    assert np.isinf(arrival[:, 30:]).all()
    assert (np.diff(arrival[:, :30], axis=1) > 0.0).all()


# ── strata ────────────────────────────────────────────────────────────────────────────────────
STRATA = {"high": 0.5, "middle": 0.3, "low": 0.2}


def test_shares_of_the_strata() -> None:
    # 4 000 trials of 100
    found = enrolled(hello(strata=STRATA, enrolment={"max_n": 100}), 4_000)
    assert found.stratum is not None
    for label, share in enumerate(STRATA.values()):
        assert_share(found.stratum == label, share, f"stratum {label}")
        late = found.stratum[:, 90:100] == label
        assert_share(late, share, f"stratum {label}, the last ten")
        assert_mean((late & (found.arrival[:, 90:100] > 30.0)), share * np.mean(
            found.arrival[:, 90:100] > 30.0
        ), "strata and arrivals are independent")  # fmt: skip


# ── permuted blocks ───────────────────────────────────────────────────────────────────────────
RATIOS = [
    ((1, 1), 2), ((1, 1), 6), ((1, 2), 3), ((1, 2), 6), ((2, 3), 5), ((2, 4), 3),
    ((1, 1, 1), 3), ((1, 1, 2), 4), ((1, 1, 1, 1, 1), 5),
]  # fmt: skip


@pytest.mark.parametrize(("allocation", "block"), RATIOS)
def test_blocks_hold_the_ratio_and_every_order_is_as_likely(
    allocation: tuple[int, ...], block: int
) -> None:
    orders = sorted(set(itertools.permutations(
        [arm for arm, n in enumerate(allocation) for _ in range(n * block // sum(allocation))]
    )))  # fmt: skip
    assert [tuple(order) for order in arrangements(allocation_reduced(allocation), block)] == orders
    trials, blocks = 500, 40
    latents = Latents(SEED, 0, trials, blocks * block)
    slots = randomisation_list(latents, allocation, block, 0, blocks * block)
    rows = slots.reshape(-1, block)
    for arm, ratio in enumerate(allocation):
        assert ((rows == arm).sum(axis=1) == ratio * block // sum(allocation)).all()
    seen = Counter(map(tuple, rows.tolist()))
    assert set(seen) <= set(orders)
    n = len(rows)
    for order in orders:
        share = 1.0 / len(orders)
        mcse = math.sqrt(share * (1.0 - share) / n)
        assert_close_in_mcse(seen[order] / n, share, mcse, f"order {order}")
    first = slots[:, 0::block]
    if blocks > 1:
        assert_uncorrelated(first[:, :-1], first[:, 1:], "successive blocks")


def allocation_reduced(allocation: tuple[int, ...]) -> tuple[int, ...]:
    divisor = math.gcd(*allocation)
    return tuple(ratio // divisor for ratio in allocation)


@pytest.mark.parametrize(("allocation", "block"), RATIOS)
def test_unlisted_orders_are_the_listed_ones(
    allocation: tuple[int, ...], block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    latents = Latents(SEED, 0, 50, 40 * block)
    listed = randomisation_list(latents, allocation, block, 0, 40 * block)
    monkeypatch.setattr(randomisation, "ARRANGEMENTS_KEPT", 0)
    unlisted = randomisation_list(latents, allocation, block, 0, 40 * block)
    np.testing.assert_array_equal(unlisted, listed)


def test_blocks_with_too_many_orders_to_list() -> None:
    """Twenty to forty: 60! / (20! 40!) = 4e15 orders; any two slots are a draw without return."""
    latents = Latents(SEED, 0, 8_000, 60)
    slots = randomisation_list(latents, (1, 2), 60, 0, 60)
    assert ((slots == 0).sum(axis=1) == 20).all()
    for one, other in ((0, 1), (0, 59), (30, 31)):
        assert_share(slots[:, one] == 0, 20 / 60, f"slot {one}")
        both = (slots[:, one] == 0) & (slots[:, other] == 0)
        assert_share(both, 20 / 60 * 19 / 59, f"slots {one} and {other}")


def test_blocks_run_within_strata_in_order_of_arrival() -> None:
    design = hello(
        strata=STRATA,
        enrolment={"max_n": 100},
        randomisation={"method": "permuted_blocks", "block": 6},
    )
    found = enrolled(design, 300)
    assert found.stratum is not None
    firsts: dict[int, list[int]] = {0: [], 1: [], 2: []}
    for arm, stratum in zip(found.arm[:, :100], found.stratum[:, :100], strict=True):
        for label in range(3):
            mine = arm[stratum == label]
            whole = mine[: len(mine) // 6 * 6].reshape(-1, 6)
            assert ((whole == 1).sum(axis=1) == 4).all()
            assert (mine[len(whole) * 6 :] == 0).sum() <= 2
            if len(mine):
                firsts[label].append(int(mine[0]))
    for label, arms in firsts.items():
        assert_share(np.array(arms) == 1, 2 / 3, f"first slot of stratum {label}")


def test_numbers_in_the_arms_at_every_multiple_of_a_block() -> None:
    found = enrolled(hello(), 200)
    experimental = np.cumsum(found.arm[:, :150] == 1, axis=1)
    assert (experimental[:, 2::3] == 2 * np.arange(1, 51)).all()


# ── after a decision ──────────────────────────────────────────────────────────────────────────
FOUR_ARMS = {
    "soc": {"control": True},
    "one": {"allocation": 2},
    "two": {},
    "three": {"allocation": 2},
}


def several_arms(method: str, **changes: Any) -> Design:
    raw = raw_design("products_multiarm")
    raw["arms"] = copy.deepcopy(FOUR_ARMS)
    raw["enrolment"] = {"max_n": 240, "per_month": 6, **changes.pop("enrolment", {})}
    raw["looks"] = {"observed": [120, 240]}
    if method == "permuted_blocks":
        raw["randomisation"] = {"method": "permuted_blocks"}
    raw["scenarios"] = {"null": {"dfr": dict.fromkeys(FOUR_ARMS, 0.1)}}
    raw.update(changes)
    return Design(**raw)


def opened(trials: int, names: int, *closed: int) -> np.ndarray:
    found = np.ones((trials, names), dtype=np.bool_)
    found[:, list(closed)] = False
    return found


@pytest.mark.parametrize("strata", [None, STRATA])
def test_a_closed_arm_enrols_nobody_and_the_others_keep_their_ratio(
    strata: dict[str, float] | None,
) -> None:
    trials, changed = 400, np.arange(0, 400, 2)
    design = several_arms("permuted_blocks", **({} if strata is None else {"strata": strata}))
    found = enrolled(design, trials)
    before_arm, before_arrival = found.arm.copy(), found.arrival.copy()
    lists = None if strata else found.arm.copy()
    date = np.full(trials, 15.0)
    kinds = 1 if strata is None else 3
    everything = opened(trials, kinds)
    found.renew(changed, date, opened(trials, 4, 1), everything, everything, None)
    later = (before_arrival > 15.0) & (np.arange(found.arm.shape[1]) < 240)
    np.testing.assert_array_equal(found.arrival, before_arrival)
    np.testing.assert_array_equal(found.arm[~later], before_arm[~later])
    np.testing.assert_array_equal(found.arm[1::2], before_arm[1::2])
    assert (found.arm[0::2][later[0::2]] != 1).all()
    shares = {0: 1 / 4, 2: 1 / 4, 3: 2 / 4}
    for arm, share in shares.items():
        mine = (found.arm[0::2] == arm) & later[0::2]
        # a permuted block makes shares steadier than independent draws: five binomial errors hold
        n = later[0::2].sum()
        mcse = math.sqrt(share * (1 - share) / n)
        assert_close_in_mcse(mine.sum() / n, share, mcse, f"arm {arm} after the closing")
    if lists is not None:
        for trial in changed[:50]:
            first = int(later[trial].argmax())
            going_on = [arm for arm in lists[trial, first:] if arm != 1]
            fresh = found.arm[trial, first:240].tolist()
            shared = min(len(going_on), len(fresh))
            assert fresh[:shared] == going_on[:shared], "slots of the closed arm are skipped"


def test_redistributed_strata() -> None:
    trials = 2_000
    raw = raw_design("basket_diseases")
    del raw["analysis"]
    design = Design(**raw)
    found = enrolled(design, trials)
    before, arrival = found.stratum.copy(), found.arrival.copy()
    date = np.full(trials, 10.0)
    arms = opened(trials, 2)
    found.renew(
        np.arange(trials), date, arms, opened(trials, 3, 0), opened(trials, 3), None
    )  # SLE closes
    later = (arrival > 10.0) & np.isfinite(arrival)
    np.testing.assert_array_equal(found.arrival, arrival)
    np.testing.assert_array_equal(found.stratum[~later], before[~later])
    assert_share(found.stratum[later] == 1, 0.3 / 0.5, "SSc after SLE closed")
    assert_share(found.stratum[later] == 2, 0.2 / 0.5, "IIM after SLE closed")
    kept = later & (before > 0)
    np.testing.assert_array_equal(found.stratum[kept], before[kept])
    # and those who would have been SLE go to the others by their shares
    assert_share(found.stratum[later & (before == 0)] == 1, 0.6, "SSc instead of SLE")
    # then SSc closes too: everybody later is IIM
    date = np.full(trials, 15.0)
    found.renew(np.arange(trials), date, arms, opened(trials, 3, 0, 1), opened(trials, 3, 0), None)
    assert (found.stratum[(arrival > 15.0) & np.isfinite(arrival)] == 2).all()
    for label in (1, 2):
        for trial in range(100):
            mine = found.arm[trial, :180][found.stratum[trial, :180] == label]
            whole = mine[: len(mine) // 3 * 3].reshape(-1, 3)
            assert ((whole == 1).sum(axis=1) == 2).all(), "blocks within strata go on"


def test_lost_arrivals_slow_enrolment_down() -> None:
    """Keep: after SLE closes at month 10, 8 a month become 8 x 0.5, and the total stays."""
    trials = 2_000
    raw = raw_design("basket_diseases")
    del raw["analysis"]
    raw["enrolment"]["after_closing"] = "keep"
    design = Design(**raw)
    found = enrolled(design, trials)
    before = found.arrival.copy()
    date = np.full(trials, 10.0)
    found.renew(
        np.arange(trials), date, opened(trials, 2), opened(trials, 3, 0), opened(trials, 3), None
    )
    earlier = before <= 10.0
    np.testing.assert_array_equal(found.arrival[earlier], before[earlier])
    assert (found.arrival[~earlier] > 10.0).all()
    arrival = found.arrival[:, :180]
    assert np.isfinite(arrival).all()
    for start, end in ((10.0, 12.0), (12.0, 16.0)):
        assert_poisson(counted(arrival, start, end), 4.0 * (end - start), f"{start} to {end}")
    later = found.arrival > 10.0
    later[:, 180:] = False
    assert_share(found.stratum[later] == 1, 0.6, "SSc among those still let in")
    # SSc closes at month 14: 0.2 of the intensity is left
    date = np.full(trials, 14.0)
    found.renew(
        np.arange(trials), date, opened(trials, 2), opened(trials, 3, 0, 1),
        opened(trials, 3, 0), None,
    )  # fmt: skip
    arrival = found.arrival[:, :180]
    assert_poisson(counted(arrival, 14.0, 17.0), 8.0 * 0.2 * 3.0, "IIM alone")


@pytest.mark.parametrize("after_closing", ["redistribute", "keep"])
@pytest.mark.parametrize("method", ["permuted_blocks", "response_adaptive"])
def test_a_trial_is_renewed_alike_alone_and_among_others(method: str, after_closing: str) -> None:
    """A stratum closes in the first trial, an arm in the next, both in the third, then nothing."""
    trials = 12
    raw = several_arms(method, strata=STRATA).plain()
    raw["enrolment"]["after_closing"] = after_closing
    design = Design(**raw)
    together, alone = enrolled(design, trials), enrolled(design, trials)
    before, arms = opened(trials, 3), opened(trials, 4)
    for month in (6.1, 9.3):
        date, strata = np.full(trials, month), before.copy()
        closing = np.arange(trials) % 4
        strata[np.isin(closing, (0, 2)), 0 if month == 6.1 else 1] = False
        arms[np.isin(closing, (1, 2)), 1 if month == 6.1 else 2] = False
        shares = None
        if method == "response_adaptive":
            values = arms / arms.sum(axis=1, keepdims=True)
            shares = Shares(values, date, np.ones(trials, dtype=np.bool_))
        together.renew(np.flatnonzero(closing < 3), date, arms, strata, before, shares)
        for trial in np.flatnonzero(closing < 3):
            alone.renew(np.array([trial]), date, arms, strata, before, shares)
        before = strata
    for of_both in ("arrival", "stratum", "arm"):
        np.testing.assert_array_equal(getattr(together, of_both), getattr(alone, of_both), of_both)
    fresh = enrolled(design, trials)
    assert (together.stratum != fresh.stratum)[closing == 0].any()
    assert (together.arm != fresh.arm)[closing == 1].any()
    np.testing.assert_array_equal(together.arrival[closing == 3], fresh.arrival[closing == 3])
    kept = (together.arrival == fresh.arrival).all(axis=1)
    assert kept.all() == (after_closing == "redistribute")
    assert kept[np.isin(closing, (1, 3))].all(), "no stratum closes: all come when they would have"


def test_the_list_of_a_stratum_begins_at_its_first_place_also_after_an_arm_has_closed() -> None:
    trials = 200
    design = several_arms("permuted_blocks", strata=STRATA)
    found = enrolled(design, trials)
    begun, everything = found.arm.copy(), opened(trials, 3)
    date = np.full(trials, 0.3)  # before which most strata have nobody
    found.renew(np.arange(trials), date, opened(trials, 4, 1), everything, everything, None)
    seen = 0
    assert found.stratum is not None
    for trial in range(trials):
        for stratum in range(3):
            mine = np.flatnonzero(found.stratum[trial, :240] == stratum)
            if (
                found.arrival[trial, mine[0]] > 0.3
            ):  # then its list goes on as if there were no arm 1
                seen += 1
                list_ = [arm for arm in begun[trial, mine] if arm != 1]
                assert found.arm[trial, mine[: len(list_)]].tolist() == list_
    assert seen > 200


@pytest.mark.parametrize("control", [None, 0.25])
def test_what_closed_arms_had_goes_to_the_open_ones_in_proportion(control: float | None) -> None:
    rng = np.random.default_rng(7)
    shares = rng.dirichlet(np.ones(4), size=60)
    shares[:20, 2:] = 0.0  # the open ones of some had nothing
    if control is not None:
        shares[:, 1:] *= (1.0 - control) / np.maximum(
            shares[:, 1:].sum(axis=1, keepdims=True), 1e-9
        )
        shares[:, 0] = control
    is_open = rng.random((60, 4)) < 0.6
    is_open[:, 0] = True
    is_open[:, 3] |= ~is_open[:, 1:].any(axis=1)
    found = randomisation.shares_of_open(shares, is_open, control)
    nothing = 0
    for own, before, now in zip(found, shares, is_open, strict=True):
        moving = [arm for arm in range(4) if now[arm] and (arm or control is None)]
        left = 1.0 - (control or 0.0)
        held = sum(before[arm] for arm in moving)
        expected = [0.0] * 4
        for arm in moving:
            part = before[arm] / held if held > 0.0 else 1.0 / len(moving)
            expected[arm] = left * part
        if control is not None:
            expected[0] = control
        nothing += held == 0.0
        assert own.tolist() == pytest.approx(expected)
        assert own.sum() == pytest.approx(1.0)
    assert control is None or nothing > 3


def test_rounding_reaches_no_arm_that_has_no_share() -> None:
    """Ten tenths do not add up to 1."""
    shares = np.array([[0.1] * 10 + [0.0] * 2])
    assert shares.cumsum()[-1] < 1.0
    almost = np.full((1, 1), np.nextafter(1.0, 0.0))
    assert randomisation.drawn_arms(almost, shares).item() == 9


def test_renewed_shares_are_those_of_later_arrivals() -> None:
    trials = 2_000
    design = several_arms("response_adaptive")
    found = enrolled(design, trials)
    before = found.arm.copy()
    for arm in range(4):
        assert_share(found.arm[:, :240] == arm, 0.25, f"arm {arm} at first")
    date = np.full(trials, 20.0)
    values = np.tile([0.3, 0.4, 0.1, 0.2], (trials, 1))
    shares = Shares(values, date, np.ones(trials, dtype=np.bool_))
    strata = opened(trials, 1)
    found.renew(np.arange(trials), date, opened(trials, 4), strata, strata, shares)
    later = found.arrival > 20.0
    later[:, 240:] = False
    np.testing.assert_array_equal(found.arm[~later], before[~later])
    for arm, share in enumerate(values[0]):
        assert_share(found.arm[later] == arm, share, f"arm {arm} later")
    pairs = later[:, 1:] & later[:, :-1]
    assert_uncorrelated(
        found.arm[:, :-1][pairs] == 1, found.arm[:, 1:][pairs] == 1, "independent draws"
    )


@pytest.mark.parametrize("after_closing", ["keep", "redistribute"])
def test_what_is_decided_in_one_scenario_is_decided_in_no_other(after_closing: str) -> None:
    """Scenarios share the participants who came at the start, and nothing that follows a look."""
    trials = 50
    raw = raw_design("basket_diseases")
    raw["enrolment"]["after_closing"] = after_closing
    stratified = Design(**raw)
    date = np.full(trials, 10.0)
    values = np.tile([0.3, 0.4, 0.1, 0.2], (trials, 1))
    renewed = Shares(values, date, np.ones(trials, dtype=np.bool_))
    for design, shares in (
        (stratified, None),
        (several_arms("permuted_blocks"), None),
        (several_arms("response_adaptive"), renewed),
    ):
        latents = latents_for(design, SEED, 0, trials)
        one, other = (
            Enrolment.at_start(design, latents, design.enrolment.pace, design.follow_up)
            for _ in range(2)
        )
        assert one.arm is other.arm
        assert one.arrival is other.arrival
        arms, strata = len(design.arms), len(design.shares)
        open_strata = opened(trials, strata, 0) if strata > 1 else opened(trials, strata)
        open_arms = opened(trials, arms, arms - 1) if arms > 2 else opened(trials, arms)
        one.renew(
            np.arange(trials), date, open_arms, open_strata, opened(trials, strata), shares
        )  # fmt: skip
        alone = Enrolment(design, latents_for(design, SEED, 0, trials))
        third = Enrolment.at_start(design, latents, design.enrolment.pace, design.follow_up)
        for found in (other, third):
            np.testing.assert_array_equal(found.arm, alone.arm)
            np.testing.assert_array_equal(found.arrival, alone.arrival)
            if alone.stratum is not None:
                np.testing.assert_array_equal(found.stratum, alone.stratum)
        changed = (one.arm != alone.arm).any() or (one.arrival != alone.arrival).any()
        assert changed or (one.stratum != alone.stratum).any()
        again = Enrolment(design, latents_for(design, SEED, 0, trials))
        again.renew(
            np.arange(trials), date, open_arms, open_strata, opened(trials, strata), shares
        )  # fmt: skip
        np.testing.assert_array_equal(one.arm, again.arm)
        np.testing.assert_array_equal(one.arrival, again.arrival)


def test_scenarios_that_come_at_another_pace_are_enrolled_anew() -> None:
    design = hello()
    latents = latents_for(design, SEED, 0, 20)
    fast = Enrolment.at_start(design, latents, Steady(30.0), design.follow_up)
    slow = Enrolment.at_start(design, latents, Steady(3.0), design.follow_up)
    np.testing.assert_allclose(slow.arrival, 10.0 * fast.arrival)


# ── response-adaptive shares ──────────────────────────────────────────────────────────────────
def slow_shares(
    best: list[float], is_open: list[bool], power: float, minimum: float, control: float | None
) -> list[float]:
    """Shares in words: weights, then every share below the minimum raised until none is left."""
    arms = range(len(best))
    mine = [arm for arm in arms if arm > 0 and is_open[arm]]
    weight = {arm: best[arm] ** power for arm in mine}
    if control is None:
        weight[0] = max(weight.values())
        room = 1.0
    else:
        room = 1.0 - control
    movable = sorted(weight)
    share = {arm: room * weight[arm] / sum(weight.values()) for arm in movable}
    raised: set[int] = set()
    while True:
        low = {arm for arm in movable if arm not in raised and share[arm] < minimum}
        if not low:
            break
        raised |= low
        free = [arm for arm in movable if arm not in raised]
        left = room - minimum * len(raised)
        held = sum(share[arm] for arm in free)
        for arm in movable:
            share[arm] = minimum if arm in raised else share[arm] * left / held
    if control is not None:
        share[0] = control
    return [share.get(arm, 0.0) for arm in arms]


@settings(max_examples=300)
@given(
    raw=st.lists(st.floats(1e-6, 1.0), min_size=2, max_size=5),
    closed=st.integers(0, 5),
    power=st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    minimum=st.sampled_from([0.0, 0.05, 0.1, 0.15]),
    control=st.sampled_from([None, 0.2, 0.4]),
)
def test_shares_against_the_words(
    raw: list[float], closed: int, power: float, minimum: float, control: float | None
) -> None:
    is_open = [True, *(arm != closed for arm in range(len(raw)))]
    assume(any(is_open[1:]))
    room = 1.0 if control is None else 1.0 - control
    assume(minimum * (sum(is_open[1:]) + (control is None)) < room)
    total = math.fsum(value for value, open_ in zip(raw, is_open[1:], strict=True) if open_)
    best = [0.0, *(value / total * o for value, o in zip(raw, is_open[1:], strict=True))]
    expected = slow_shares(best, is_open, power, minimum, control)
    found = adaptive_shares(np.array([best]), np.array([is_open]), power, minimum, control)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)
    assert found.sum() == pytest.approx(1.0, rel=1e-12)
    assert (found[~np.array(is_open)] == 0.0).all()
    movable = np.array(is_open)
    movable[0] = control is None
    assert (found[movable] >= minimum * (1 - 1e-12)).all()
    if control is None:
        assert found[0] == pytest.approx(found[1:].max(), rel=1e-12)


def test_shares_do_not_depend_on_the_other_trials_of_the_block() -> None:
    generator = np.random.default_rng(1)
    best = np.hstack([np.zeros((200, 1)), generator.dirichlet([0.5, 0.5, 1.0, 2.0], 200)])
    is_open = np.ones(best.shape, dtype=np.bool_)
    is_open[generator.random(200) < 0.3, 1] = False
    block = adaptive_shares(best, is_open, 0.5, 0.10, None)
    assert (block[is_open] <= 0.10 * (1 + 1e-12)).any(), "somebody is raised to the minimum"
    for trial in range(200):
        one = slice(trial, trial + 1)
        alone = adaptive_shares(best[one], is_open[one], 0.5, 0.10, None)
        np.testing.assert_array_equal(alone[0], block[trial])


def test_an_impossible_minimum_is_refused() -> None:
    raw = raw_design("products_multiarm")
    raw["randomisation"]["minimum"] = 0.3
    with pytest.raises(DesignError, match="minimum"):
        Design(**raw)


def test_as_many_trials_as_had_participants_before_are_renewed_like_any_other() -> None:
    found = enrolled(several_arms("response_adaptive"), 5)
    date = np.full(5, 20.0)
    date[0] = found.arrival[0, 4:6].mean()  # five have come
    shares = Shares(np.tile([0.0, 1.0, 0.0, 0.0], (5, 1)), date, np.ones(5, dtype=np.bool_))
    strata = opened(5, 1)
    found.renew(np.arange(5), date, opened(5, 4), strata, strata, shares)
    later = found.arrival > date[:, None]
    later[:, 240:] = False
    assert later.sum() > 500
    assert (found.arm[later] == 1).all()


def test_the_first_who_comes_later_in_any_trial_is_drawn_anew() -> None:
    found = enrolled(several_arms("response_adaptive"), 12)
    date = np.zeros(12)
    date[0] = np.inf
    shares = Shares(np.tile([0.0, 1.0, 0.0, 0.0], (12, 1)), date, np.ones(12, dtype=np.bool_))
    strata, before = opened(12, 1), found.arm.copy()
    found.renew(np.arange(12), date, opened(12, 4), strata, strata, shares)
    np.testing.assert_array_equal(found.arm[0], before[0])
    assert (found.arm[1:, :240] == 1).all()
