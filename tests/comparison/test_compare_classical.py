"""The classical design of times to an event, of several arms, and with a boundary for futility."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import optimize, stats

import adaptive_cart as ac
from adaptive_cart.comparison import compare
from adaptive_cart.comparison.alpha_spending import efficacy_bounds, spent
from adaptive_cart.comparison.classical import Classical, classical
from adaptive_cart.comparison.classical_exact import enumerate_classical
from adaptive_cart.comparison.classical_trials import boundaries, decided, judged_trials, seen_at
from adaptive_cart.comparison.logrank import at_risk, hazard_ratio, logrank
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_block
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.errors import DesignError, InputError
from adaptive_cart.participants.population import latents_for
from adaptive_cart.recorded.table import participants_table
from checks import DESIGNS, assert_close_in_mcse, raw_design

TRIALS = 2_000


def altered(name: str, **tables: Any) -> ac.Design:
    """One of the project's designs with some tables exchanged."""
    return ac.Design(**{**raw_design(name), **tables})


def exponential(median: float) -> dict[str, Any]:
    return {"dist": "exponential", "median": median}


# ── the logrank test and the hazard ratio ─────────────────────────────────────────────────────
# Weeks in remission on 6-mercaptopurine and on placebo, negative where censored (Freireich et al.
# 1963, Blood 21:699)
ON_DRUG = (6, 6, 6, -6, 7, -9, 10, -10, -11, 13, 16, -17, -19, -20, 22, 23, -25, -32, -32, -34, -35)
ON_PLACEBO = (1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23)


def risk_of(control: Any, experimental: Any) -> Any:
    """One trial of times, negative where censored, in any order."""
    both = np.array([*control, *experimental], dtype=float)[None]
    mine = np.arange(both.shape[1])[None] >= len(control)
    return at_risk(np.abs(both), both > 0, ~mine, mine)


def test_logrank_of_the_leukaemia_trial_is_the_published_one() -> None:
    """As R's survdiff prints it: 9 relapses against 19.3 expected, chi-square 16.8."""
    weeks = np.abs([*ON_PLACEBO, *ON_DRUG])
    assert (round(weeks.mean(), 2), float(np.median(weeks))) == (12.88, 10.5)  # the right data
    risk = risk_of(ON_PLACEBO, ON_DRUG)
    share = risk.experimental / np.maximum(risk.control + risk.experimental, 1)
    assert risk.of_experimental.sum() == 9
    assert risk.total[0] == 30
    assert round(float((risk.events * share).sum()), 1) == 19.3
    z = float(logrank(risk)[0])
    assert round(z**2, 1) == 16.8
    assert z < 0.0


def several_trials(seed: int, ties: bool) -> list[tuple[Any, Any]]:
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(30):
        n = generator.integers(2, 25, 2)
        times = [generator.exponential(10.0, size) + 0.1 for size in n]
        times = [np.ceil(part) if ties else part for part in times]
        found.append(tuple(part * generator.choice([1, 1, -1], len(part)) for part in times))
    return found


@pytest.mark.parametrize("ties", [False, True])
def test_logrank_is_that_of_another_implementation(ties: bool) -> None:
    """SciPy's, trial by trial; the counts are whole numbers, so that only rounding is left."""
    for control, other in several_trials(1, ties):
        samples = [
            stats.CensoredData(uncensored=part[part > 0], right=-part[part < 0])
            for part in (other, control)
        ]
        if not any((part > 0).any() for part in (control, other)):
            continue
        with np.errstate(invalid="ignore", divide="ignore"):
            expected = stats.logrank(*samples).statistic
        found = float(logrank(risk_of(control, other))[0])
        assert found == pytest.approx(expected if np.isfinite(expected) else 0.0, abs=1e-10)


@pytest.mark.parametrize("ties", [False, True])
def test_hazard_ratio_is_the_highest_partial_likelihood(ties: bool) -> None:
    """Each event against everybody at risk then, participant by participant."""
    for control, other in several_trials(2, ties):
        time = np.abs(np.concatenate([control, other]))
        event = np.concatenate([control, other]) > 0
        group = np.repeat([0.0, 1.0], [len(control), len(other)])

        def loss(log_ratio: float, time: Any = time, event: Any = event, group: Any = group) -> Any:
            total = 0.0
            for person in np.flatnonzero(event):
                there = time >= time[person]
                weights = np.exp(log_ratio * group[there]).sum()
                total += log_ratio * group[person] - math.log(weights)
            return -total

        found = float(hazard_ratio(risk_of(control, other))[0])
        if not 0.0 < found < math.inf:  # then the likelihood rises to the very end
            if not math.isnan(found):
                assert loss(20.0 if found else -20.0) <= loss(19.0 if found else -19.0)
            continue
        best = optimize.minimize_scalar(loss, bounds=(-12, 12), options={"xatol": 1e-9}).x
        # the likelihood is flat at its top: half the digits of its own
        assert math.log(found) == pytest.approx(best, abs=1e-6)


def test_nobody_to_compare() -> None:
    """No event; events in one arm alone; nobody in an arm; the last one has the event."""
    assert logrank(risk_of((-3, -4), (-2, -5))).tolist() == [0.0]
    assert math.isnan(hazard_ratio(risk_of((-3, -4), (-2, -5)))[0])
    assert hazard_ratio(risk_of((3, 4), (-9, -9))).tolist() == [0.0]
    assert hazard_ratio(risk_of((-9, -9), (3, 4))).tolist() == [math.inf]
    assert logrank(risk_of((), (3, 4))).tolist() == [0.0]
    assert math.isnan(hazard_ratio(risk_of((), (3, 4)))[0])


def test_a_trial_does_not_depend_on_those_beside_it() -> None:
    pairs = several_trials(3, ties=True)[:8]
    width = max(len(a) + len(b) for a, b in pairs)
    months, event, mine, control = (
        np.zeros((8, width), dtype=t) for t in (float, bool, bool, bool)
    )
    for row, (first, second) in enumerate(pairs):
        both = np.concatenate([first, second])
        months[row, : len(both)], event[row, : len(both)] = np.abs(both), both > 0
        control[row, : len(first)] = True
        mine[row, len(first) : len(both)] = True
    together = at_risk(months, event, control, mine)
    alone = [risk_of(*pair) for pair in pairs]
    assert logrank(together) == pytest.approx([logrank(risk)[0] for risk in alone], rel=1e-12)
    ratios = [hazard_ratio(risk)[0] for risk in alone]
    assert hazard_ratio(together) == pytest.approx(ratios, rel=1e-12)


# ── boundaries ────────────────────────────────────────────────────────────────────────────────
# As printed for sfLDOF by the R packages gsDesign (3 equal looks), gsDesign2 (first look at 0.6)
# and rpact (asOF, 2 equal looks), one-sided 0.025. Their grids leave 1e-5 (gsDesign prints 2.511427
# where gsDesign2 has 2.511434).
PRINTED = [
    ((30, 60, 90), (3.710303, 2.511427, 1.993048)),
    ((45, 90), (2.962588, 1.968596)),
    ((54, 90), (2.668630,)),
]


@pytest.mark.parametrize(("events", "printed"), PRINTED)
def test_boundaries_by_events_are_the_printed_ones(events: Any, printed: Any) -> None:
    raw = raw_design("durability_event_driven")
    design = classical(ac.Design(**{**raw, "looks": {"events": list(events)}}))
    assert design.bounds(events)[: len(printed)] == pytest.approx(printed, abs=2e-5)
    assert spent(0.6, 0.025) == pytest.approx(0.003808063, abs=5e-10)  # gsDesign, at 18 of 30


def test_several_arms_spend_by_what_the_whole_trial_has_seen() -> None:
    """Against multivariate normal probabilities, whose own error is 1e-5 or so."""
    information, reached = (14, 31, 40), (30, 60, 90)
    bounds = efficacy_bounds(information, 90, 0.0125, reached=reached)
    roots = np.sqrt(information)
    correlation = np.minimum.outer(roots, roots) / np.maximum.outer(roots, roots)
    for look in range(1, 4):
        stays = stats.multivariate_normal.cdf(
            np.array(bounds[:look]), np.zeros(look), correlation[:look, :look],
            abseps=1e-7, releps=1e-7, maxpts=2_000_000,
        )  # fmt: skip
        quantile = stats.norm.ppf(1 - 0.0125 / 2)
        function = 2 * (1 - stats.norm.cdf(quantile / math.sqrt(reached[look - 1] / 90)))
        assert 1.0 - stays == pytest.approx(function, abs=3e-5)


# ── times to an event ─────────────────────────────────────────────────────────────────────────
def durability() -> ac.Design:
    return ac.load_design(DESIGNS / "durability_event_driven.toml")


def assert_keeps_the_error(design: Classical, trials: int, expected: float) -> None:
    found = judged_trials(design, truths_of(design.design)["null"], seed=11, trials=trials)
    mcse = math.sqrt(expected * (1.0 - expected) / trials)
    assert_close_in_mcse(found.success.mean(), expected, mcse, "type I error", z=4.0)


def test_type_one_error_of_times_to_an_event() -> None:
    assert_keeps_the_error(classical(durability()), 4_000, 0.025)


@pytest.mark.slow
def test_type_one_error_of_times_to_an_event_closely() -> None:
    """20,000 trials: 4 standard errors are 0.0044; 0.02495 was found."""
    assert_keeps_the_error(classical(durability()), 20_000, 0.025)


def test_power_is_that_of_schoenfelds_normal_law() -> None:
    """Hazards in proportion 1 : 2 and 90 events: the drift is log 2 times the root of 90 / 4.

    The law is of the limit, and the events of a ratio of 2 leave it by about 0.01 (Schoenfeld 1981,
    Biometrika 68:316); 0.03 is allowed.
    """
    bounds = np.array((3.710303, 2.511427, 1.993048))
    drift = math.log(2.0) * np.sqrt(np.array((30, 60, 90)) / 4.0)
    shares = np.sqrt(
        np.minimum.outer((1, 2, 3), (1, 2, 3)) / np.maximum.outer((1, 2, 3), (1, 2, 3))
    )
    power = 1.0 - stats.multivariate_normal.cdf(bounds, drift, shares)
    design = classical(durability())
    found = judged_trials(design, truths_of(design.design)["expected"], seed=4, trials=TRIALS)
    assert found.success.mean() == pytest.approx(power, abs=0.03)
    assert 0.85 < power < 0.95


def test_it_judges_the_very_trials_of_a_run() -> None:
    """From the participants table of 25 trials: who is followed how long at each look, by hand."""
    design = durability()
    chosen = classical(design)
    truth = truths_of(design)["expected"]
    found = judged_trials(chosen, truth, seed=5, trials=25)
    latents = latents_for(design, 5, 0, 25)
    block = run_block(Plan.of(design), truth, (0.5,), latents, keep_population=True)
    assert block.population is not None
    won, ends = [], []
    for trial in range(25):
        rows = participants_table(design, block.population, trial, 1e6, 160)
        arrival = np.array([row["randomised_month"] for row in rows])
        mine = np.array([row["arm"] == "consolidate" for row in rows])
        event = np.array([float(row["relapse"] or math.inf) for row in rows])
        left = np.minimum([row["last_contact_month"] for row in rows], 36.0)
        dates = np.sort(np.where(event <= left, arrival + event, math.inf))
        for look, (events, bound) in enumerate(
            zip((30, 60, 90), (3.710303, 2.511427, 1.993048), strict=True), start=1
        ):
            date = dates[events - 1]
            here = arrival <= date
            until = np.minimum(left, date - arrival)
            # the event that makes the look due is on its very date, and is seen
            seen = (event <= left) & (arrival + event <= date)
            samples = [
                stats.CensoredData(
                    uncensored=event[group & seen], right=until[group & here & ~seen]
                )
                for group in (~mine, mine)
            ]
            z = float(stats.logrank(*samples).statistic)
            if z >= bound or look == 3:
                won.append(z >= bound)
                ends.append((look, float(date), int(here.sum())))
                break
    assert found.won[:, 0].tolist() == won
    assert found.look.tolist() == [look for look, _, _ in ends]
    assert found.months == pytest.approx([date for _, date, _ in ends], rel=1e-9)
    assert found.randomised.tolist() == [number for _, _, number in ends]
    assert 0 < sum(won) < 25
    assert len({look for look, _, _ in ends}) > 1


def test_the_last_look_that_can_be_reached_spends_what_is_left() -> None:
    """Half are cured, so that 90 events are never seen of 100 participants, and seldom 60."""
    half = {"dist": "weibull", "shape": 1.0, "scale": 10.0, "cured": 0.5}
    design = altered(
        "durability_event_driven",
        enrolment={"max_n": 100, "per_month": 8},
        scenarios={"null": {"relapse": {"withdraw_late": half, "consolidate": half}}},
    )
    chosen = classical(design)
    plan = Plan.of(design)
    block = run_block(
        Plan(design, (), plan.schedule, plan.fitted, ()), truths_of(design)["null"], (),
        latents_for(design, 1, 0, 64), keep_population=True,
    )  # fmt: skip
    held = np.stack([record.held for record in block.looks])
    seen = [seen_at(chosen, record.summaries["relapse"]) for record in block.looks]
    number = held.sum(axis=0)
    bounds = boundaries(chosen, seen, held)
    few = np.flatnonzero(seen[1].reached < 60)
    assert len(few) > 30
    assert (number[few] == 2).all()  # the second look is the last
    for trial in few[:5]:
        events = int(seen[1].reached[trial])
        first, last = efficacy_bounds((30, events), 90, 0.025)
        assert last < 2.2  # and not the 2.5 that spends what is due at two thirds
        assert bounds[:, trial, 0].tolist() == [first, last, math.inf]
    assert_keeps_the_error(chosen, TRIALS, 0.025)


def test_hazard_ratio_and_its_truth() -> None:
    """At 90 events without stopping, the mean log hazard ratio is near the true one."""
    never = altered("durability_event_driven", looks={"events": [90]})
    found = judged_trials(classical(never), truths_of(never)["expected"], seed=2, trials=TRIALS)
    logs = np.log(found.estimate[:, 0])
    assert logs.mean() == pytest.approx(math.log(0.5), abs=0.02)  # bias of order 1 / 90
    assert logs.std() == pytest.approx(math.sqrt(4.0 / 90.0), abs=0.03)


def test_comparison_of_times_has_its_measures(tmp_path: Path) -> None:
    raw = raw_design("durability_event_driven")
    raw["rules"][0]["posterior"]["below"] = 0.9
    design = ac.Design(**raw)
    result = ac.simulate(
        design, trials=120, seed=3, jobs=1, scenarios=["expected"], out=tmp_path / "run"
    )
    comparison = compare([result], with_group_sequential=True, with_fixed=True, jobs=1)
    table = comparison.table[comparison.table["design"] == "group sequential"]
    rows = table.set_index("measure")
    assert (rows["paired"] == "yes").all()
    direct = judged_trials(classical(design), truths_of(design)["expected"], seed=3, trials=120)
    assert rows.loc["success", "estimate"] == direct.success.mean()
    assert rows.loc["bias", "estimate"] == pytest.approx(direct.estimate.mean() - 0.5)
    text = comparison.text()
    assert max(map(len, text.splitlines())) <= 100
    told = " ".join(text.split())
    assert "3.710, 2.511, 1.993 at 30, 60, 90 events" in told
    assert "one look, at 90 events" in told
    assert "a logrank test" in told
    assert "Cox's hazard ratio" in told
    assert "a hazard ratio of 1, whereas the design claims one below 0.9" in told
    assert "No boundary for futility" in told


# ── several arms ──────────────────────────────────────────────────────────────────────────────
def three_arms(rate: float, looks: list[int], ends: str = "all_arms_resolved") -> ac.Design:
    return altered(
        "hello",
        arms={"soc": {"control": True}, "one": {}, "two": {}},
        enrolment={"max_n": looks[-1], "per_month": 30},
        looks={"observed": looks},
        rules=[
            {
                "name": "superior",
                "then": "declare_success",
                "posterior": {"endpoint": "dfr", "arm": "each", "minus": "soc", "above": 0.0},
                "at_least": 0.99,
            }
        ],
        multiarm={"ends": ends},
        scenarios={
            "null": {"dfr": {"soc": rate, "one": rate, "two": rate}},
            "one_works": {"role": "alternative", "dfr": {"soc": 0.4, "one": 0.55, "two": 0.4}},
        },
    )


def test_the_whole_trials_error_is_that_of_the_normal_law_below_the_level() -> None:
    """Two arms that share a control, correlation 1/2, at two looks: four dimensions."""
    design = classical(three_arms(0.4, [300, 600]))
    assert design.level == 0.0125
    bounds = design.bounds((200, 400), (300, 600))
    looks = np.array([[1.0, math.sqrt(0.5)], [math.sqrt(0.5), 1.0]])
    law = np.kron(np.array([[1.0, 0.5], [0.5, 1.0]]), looks)
    expected = 1.0 - stats.multivariate_normal.cdf([*bounds, *bounds], np.zeros(4), law)
    assert 0.020 < expected < 0.025
    assert_keeps_the_error(design, 8_000, expected)


@pytest.mark.slow
def test_error_of_four_arms_closely() -> None:
    """20,000 trials: at most 0.025; each arm as in a trial of its own, enumerated."""
    design = classical(ac.load_design(DESIGNS / "products_multiarm.toml"))
    assert design.design.randomisation.method == "permuted_blocks"
    found = judged_trials(design, truths_of(design.design)["null"], seed=11, trials=20_000)
    assert found.success.mean() <= 0.025
    alone = altered(
        "hello",
        arms={"soc": {"control": True}, "cart": {}},
        enrolment={"max_n": 120, "per_month": 6},
        looks={"observed": [30, 60, 90, 120]},
        rules=[raw_design("hello")["rules"][0]],
        scenarios={"null": {"dfr": {"soc": 0.1, "cart": 0.1}}},
    )
    exact = enumerate_classical(Classical(alone, 0.00625, True), truths_of(alone)["null"]).success
    mcse = math.sqrt(exact * (1.0 - exact) / 20_000)
    for arm in range(4):
        assert_close_in_mcse(found.won[:, arm].mean(), exact, mcse, f"arm {arm}", z=4.0)


def test_when_a_trial_of_several_arms_ends() -> None:
    every = classical(three_arms(0.4, [300, 600]))
    first = classical(three_arms(0.4, [300, 600], "first_success"))
    truth = truths_of(every.design)["one_works"]
    till_all, till_one = (judged_trials(design, truth, 7, 600) for design in (every, first))
    early = till_one.success & (till_one.look == 1)
    assert early.any()
    assert (till_all.look[early & ~till_all.won[:, 1]] == 2).all()  # the other is not decided
    assert (till_all.won | ~till_one.won).all()
    assert (till_all.randomised >= till_one.randomised).all()


def test_decisions_look_by_look_against_a_plain_twin() -> None:
    """Any z, boundaries and looks: judged one trial, look and arm at a time."""
    generator = np.random.default_rng(8)
    looks, trials, arms = 3, 400, 2
    z = generator.normal(0.5, 1.5, (looks, trials, arms))
    bounds = np.broadcast_to(np.array([2.5, 2.0, 1.7])[:, None, None], z.shape)
    number = generator.integers(1, looks + 1, trials)
    held = np.arange(looks)[:, None] < number
    for ends, futility in itertools.product(("all_arms_resolved", "first_success"), (None, 0.0)):
        design = classical(three_arms(0.4, [300, 600], ends), futility)
        won, given_up, ended = decided(design, z, bounds, held)
        for trial in range(trials):
            wins: dict[int, int] = {}
            lost: set[int] = set()
            at = 0
            for look in range(number[trial]):
                at, news = look, False
                for arm in set(range(arms)) - set(wins) - lost:
                    if z[look, trial, arm] >= bounds[look, trial, arm]:
                        wins[arm], news = look + 1, True
                    elif futility is not None and look + 1 < number[trial]:
                        lost |= {arm} if z[look, trial, arm] < futility else set()
                if len(wins) + len(lost) == arms or (news and ends == "first_success"):
                    break
            assert won[trial].tolist() == [wins.get(arm, 0) for arm in range(arms)]
            assert ended[trial] == at
            assert given_up[trial] == (len(lost) == arms)


def test_several_arms_with_times_to_an_event() -> None:
    medians = dict.fromkeys(("late", "one", "two"), exponential(12.0))
    design = altered(
        "durability_event_driven",
        arms={"late": {"control": True}, "one": {}, "two": {}},
        enrolment={"max_n": 180, "per_month": 12},
        looks={"events": [60, 120]},
        rules=[
            {
                "name": "efficacy",
                "then": "declare_success",
                "posterior": {
                    "endpoint": "relapse", "arm": "each", "hazard_ratio_to": "late", "below": 1.0,
                },
                "at_least": 0.985,
            }
        ],
        scenarios={"null": {"relapse": medians}},
    )  # fmt: skip
    chosen = classical(design)
    assert "0.0125 for each arm against late" in chosen.words()
    found = judged_trials(chosen, truths_of(design)["null"], seed=6, trials=TRIALS)
    mcse = math.sqrt(0.0125 * 0.9875 / TRIALS)
    for arm in (0, 1):
        assert_close_in_mcse(found.won[:, arm].mean(), 0.0125, mcse, f"arm {arm}", z=4.0)


def test_comparison_of_several_arms_has_its_measures(tmp_path: Path) -> None:
    design = ac.load_design(DESIGNS / "products_multiarm.toml")
    result = ac.simulate(
        design, trials=100, seed=3, jobs=1, scenarios=["one_works"], out=tmp_path / "run"
    )
    comparison = compare([result], with_group_sequential=True)
    table = comparison.table[comparison.table["design"] == "group sequential"]
    assert set(table.loc[table["measure"] == "arm_success", "arm"]) == {
        "auto",
        "allo",
        "treg",
        "tce",
    }
    assert (table["paired"] == "yes").all()
    told = " ".join(comparison.text().split())
    assert "0.00625 for each arm against soc" in told
    assert "1/4 of the type I error (Bonferroni" in told
    assert "Randomised in permuted blocks and not adaptively" in told


# ── futility ──────────────────────────────────────────────────────────────────────────────────
def two_arms(rates: tuple[float, float], looks: list[int]) -> ac.Design:
    return altered(
        "hello",
        arms={"soc": {"control": True}, "cart": {}},
        enrolment={"max_n": looks[-1], "per_month": 20},
        looks={"observed": looks},
        rules=[raw_design("hello")["rules"][0]],
        scenarios={"null": {"dfr": {"soc": rates[0], "cart": rates[1]}}},
    )


def test_futility_against_every_path() -> None:
    """Every sequence of outcomes of 4 and 4 participants, weighed and judged one by one."""
    rates, looks = (0.3, 0.6), [4, 8]
    design = two_arms(rates, looks)
    bounds = efficacy_bounds((4, 8), 8, 0.025)
    success = futility = analysed = 0.0
    for outcome in itertools.product((0, 1), repeat=8):
        control, other = outcome[:4], outcome[4:]
        weight = math.prod(rates[0] if r else 1 - rates[0] for r in control)
        weight *= math.prod(rates[1] if r else 1 - rates[1] for r in other)
        for n, bound in zip((2, 4), bounds, strict=True):
            x0, x1 = sum(control[:n]), sum(other[:n])
            together = (x0 + x1) / (2 * n)
            spread = math.sqrt(together * (1 - together) * 2 / n)
            z = (x1 - x0) / n / spread if spread > 0 else 0.0
            if z >= bound or n == 4 or z < 0.0:
                success += weight * (z >= bound)
                futility += weight * (z < 0.0 and n == 2)
                analysed += weight * 2 * n
                break
    found = enumerate_classical(classical(design, 0.0), truths_of(design)["null"])
    assert found.success == pytest.approx(success, abs=1e-12)
    assert found.futility == pytest.approx(futility, abs=1e-12)
    assert found.n_analysed == pytest.approx(analysed, abs=1e-12)
    assert 0.0 < found.futility < 1.0


def test_futility_simulated_and_enumerated_agree_and_moves_no_boundary() -> None:
    design = two_arms((0.4, 0.4), [80, 160, 240])
    with_it, without = classical(design, 0.0), classical(design)
    assert with_it.bounds((80, 160, 240)) == without.bounds((80, 160, 240))
    truth = truths_of(design)["null"]
    exact, plain = enumerate_classical(with_it, truth), enumerate_classical(without, truth)
    assert exact.success < plain.success
    found = judged_trials(with_it, truth, seed=9, trials=TRIALS)
    for column, value in ((found.success, exact.success), (found.futility, exact.futility)):
        mcse = math.sqrt(value * (1.0 - value) / TRIALS)
        assert_close_in_mcse(column.mean(), value, mcse, z=4.0)
    root = math.sqrt(TRIALS)
    spread = found.analysed.std(ddof=1) / root
    assert_close_in_mcse(found.analysed.mean(), exact.n_analysed, spread, z=4.0)
    assert not (found.futility & (found.look == 3)).any()


def test_futility_in_a_comparison() -> None:
    result = ac.simulate(ac.load_design(DESIGNS / "hello.toml"))
    comparison = compare([result], with_group_sequential=True, group_sequential_futility=0.0)
    table = comparison.table[comparison.table["design"] == "group sequential"]
    rows = table[table["scenario"] == "null"].set_index("measure")["estimate"]
    assert rows["success"] + rows["stop_futility"] + rows["no_success"] == pytest.approx(1.0)
    assert rows["stop_futility"] > 0.3
    told = " ".join(comparison.text().split())
    assert "futility below 0 before the last look, non-binding" in told
    assert "boundaries of success do not count on it" in told
    with pytest.raises(InputError, match="goes with --with-group-sequential"):
        compare([result], with_fixed=True, group_sequential_futility=0.0)
    with pytest.raises(InputError, match=r"found 3; a value of z of at most 1\.5"):
        compare([result], with_group_sequential=True, group_sequential_futility=3.0)
    with pytest.raises(InputError, match="found nan"):
        compare([result], with_group_sequential=True, group_sequential_futility=math.nan)


# ── what is refused ───────────────────────────────────────────────────────────────────────────
def test_times_need_looks_by_events() -> None:
    design = altered("durability_event_driven", looks={"months": [12, 24, 36]})
    with pytest.raises(DesignError, match=r"looks\.months.*needs looks by events"):
        classical(design)


def test_only_proportions_and_times_from_randomisation() -> None:
    raw = raw_design("enrichment_biomarker")
    others = [name for name, part in raw["endpoints"].items() if part["type"] == "event_rate"]
    assert others
    for part in raw["endpoints"].values():
        part.pop("primary", None)
    raw["endpoints"][others[0]]["primary"] = True
    raw["looks"] = {"enrolled": raw["looks"]["observed"]}
    try:
        design = ac.Design(**raw)
    except DesignError as error:  # pragma: no cover - the design itself has to be sound
        pytest.fail(str(error))
    with pytest.raises(DesignError, match="found event_rate; the group-sequential design tests"):
        classical(design)
