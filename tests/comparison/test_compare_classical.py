"""The classical design of times to an event, of several arms, and with a boundary for futility."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import adaptive_cart as ac
from adaptive_cart.comparison import compare
from adaptive_cart.comparison.alternatives import fixed_size
from adaptive_cart.comparison.classical import group_sequential, words_of_group_sequential
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.rule_tables import AlphaSpending
from adaptive_cart.design.spending import planned_bounds
from adaptive_cart.errors import DesignError, InputError
from adaptive_cart.models.classical.alpha_spending import Spending
from adaptive_cart.models.classical.logrank import at_risk, hazard_ratio
from adaptive_cart.models.classical.proportions import z_of_two
from adaptive_cart.nouns.records import Snapshot
from adaptive_cart.recorded.table import participants_table
from adaptive_cart.results import hazard_ratios
from adaptive_cart.results.result import Result
from checks import DESIGNS, assert_close_in_mcse, raw_design
from judged import block_of, enumerated, judged

TRIALS = 2_000


def altered(name: str, **tables: Any) -> ac.Design:
    """One of the project's designs with some tables exchanged."""
    return ac.Design(**{**raw_design(name), **tables})


def exponential(median: float) -> dict[str, Any]:
    return {"dist": "exponential", "median": median}


# ── times to an event ─────────────────────────────────────────────────────────────────────────
def durability() -> ac.Design:
    return ac.load_design(DESIGNS / "durability_event_driven.toml")


def assert_keeps_the_error(design: ac.Design, trials: int, expected: float) -> None:
    found = judged(design, "null", seed=11, trials=trials)
    mcse = math.sqrt(expected * (1.0 - expected) / trials)
    assert_close_in_mcse(found.success.mean(), expected, mcse, "type I error", z=4.0)


def test_type_one_error_of_times_to_an_event() -> None:
    assert_keeps_the_error(group_sequential(durability()), 4_000, 0.025)


@pytest.mark.slow
def test_type_one_error_of_times_to_an_event_closely() -> None:
    """20,000 trials: 4 standard errors are 0.0044; 0.02495 was found."""
    assert_keeps_the_error(group_sequential(durability()), 20_000, 0.025)


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
    design = group_sequential(durability())
    found = judged(design, "expected", seed=4, trials=TRIALS)
    assert found.success.mean() == pytest.approx(power, abs=0.03)
    assert 0.85 < power < 0.95


def test_it_judges_the_very_trials_of_a_run() -> None:
    """From the participants table of 25 trials: who is followed how long at each look, by hand."""
    design = durability()
    found = judged(group_sequential(design), "expected", seed=5, trials=25)
    block = block_of(design, "expected", 5, 0, 25)
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
    chosen = group_sequential(design)
    looks = block_of(chosen, "null", 1, 0, 64).looks
    events = looks[1].summaries["relapse"].columns()["events"].sum(axis=(1, 2))
    few = np.flatnonzero((events < 60) & looks[1].held)
    assert len(few) > 30
    assert not looks[2].held[few].any()  # the second look is the last
    for trial in few[:5]:
        bounds = Spending(0.025, "obrien_fleming", 90).bounds((30, int(events[trial])))
        assert bounds[1] < 2.2  # and not the 2.5 that spends what is due at two thirds
        in_force = [float(look.in_force["efficacy"][trial, 0]) for look in looks[:2]]
        assert in_force == pytest.approx(stats.norm.cdf(bounds), abs=1e-15)
    assert_keeps_the_error(chosen, TRIALS, 0.025)


def test_hazard_ratio_and_its_truth() -> None:
    """At 90 events without stopping, the mean log hazard ratio is near the true one."""
    never = altered("durability_event_driven", looks={"events": [90]})
    found = judged(group_sequential(never), "expected", seed=2, trials=TRIALS)
    logs = np.log(found.estimate[:, 0])
    assert logs.mean() == pytest.approx(math.log(0.5), abs=0.02)  # bias of order 1 / 90
    assert logs.std() == pytest.approx(math.sqrt(4.0 / 90.0), abs=0.03)


def test_a_reversal_is_judged_at_the_boundary_that_was_reached() -> None:
    """Numbers vary by trial, and so do boundaries: the planned ones would call others reversed."""
    design = group_sequential(ac.load_design(DESIGNS / "goldilocks_allogeneic.toml"))
    plan, turned, by_plan = Plan.of(design), 0, 0
    for first in range(0, 1_000, 500):
        block = block_of(design, "expected", 3, first, 500)
        population, randomised = block.population, block.randomised.sum(axis=1)
        assert population is not None
        date = plan.schedule.all_observed(population, randomised, block.months)
        endpoint = design.primary_endpoint
        prepared = endpoint.prepare(design.primary, population)
        counts = endpoint.summary(prepared, Snapshot(date, randomised, population)).columns()
        x, n = (counts[name].sum(axis=2) for name in ("events", "analysed"))
        answer = stats.norm.cdf(z_of_two((x[:, 0], x[:, 1]), (n[:, 0], n[:, 1])))
        for trial in np.flatnonzero((block.standing.reason == 0) & (date > block.months)):
            look = int(block.look[trial])
            in_force = block.looks[look - 1].in_force["efficacy"][trial, 0]
            assert block.reversal[trial] == (answer[trial] < in_force)
            turned += int(block.reversal[trial])
            planned = plan.parts[0].thresholds[look]
            by_plan += int(block.reversal[trial] != (answer[trial] < planned))
    assert turned > 3
    assert by_plan > 0


def test_the_true_ratio_is_what_coxs_tends_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where hazards are not proportional: Cox's ratio of all trials' participants together."""
    monkeypatch.setattr(hazard_ratios, "RATIO_TRIALS", 200)
    design = group_sequential(durability())
    truth = design.truths["cured_half"]
    found = hazard_ratios.HazardRatios(design, truth, "relapse").of(1, 0, [0])
    parts = list(hazard_ratios.last_looks(design, truth, "relapse"))

    def together(of: Any) -> Any:
        return np.concatenate([of(part).ravel() for part in parts])[None]

    risk = at_risk(
        together(lambda part: part.months),
        together(lambda part: part.event),
        *(together(lambda part, arm=arm: part.members(arm, -1, None)) for arm in (0, 1)),
    )
    # intervals of a quarter of a month and tied times leave 1e-4
    assert found.value == pytest.approx(float(hazard_ratio(risk)[0]), abs=1e-4)
    assert 0.35 < found.value < 0.5


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
    direct = judged(group_sequential(design), "expected", seed=3, trials=120)
    assert rows.loc["success", "estimate"] == direct.success.mean()
    assert rows.loc["bias", "estimate"] == pytest.approx(direct.estimate.mean() - 0.5)
    text = comparison.text()
    assert max(map(len, text.splitlines())) <= 100
    told = " ".join(text.split())
    assert "3.710, 2.511, 1.993 at 30, 60, 90 events" in told
    assert "one look, at 90 events" in told
    assert "a logrank test" in told
    assert "Cox hazard ratio" in told
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
    design = group_sequential(three_arms(0.4, [300, 600]))
    assert design.rules[0].at_least == AlphaSpending(alpha=0.0125)
    bounds = list(planned_bounds(design, design.rules[0]).values())
    assert bounds == list(Spending(0.0125, "obrien_fleming", 600).bounds((200, 400), (300, 600)))
    looks = np.array([[1.0, math.sqrt(0.5)], [math.sqrt(0.5), 1.0]])
    law = np.kron(np.array([[1.0, 0.5], [0.5, 1.0]]), looks)
    expected = 1.0 - stats.multivariate_normal.cdf([*bounds, *bounds], np.zeros(4), law)
    assert 0.020 < expected < 0.025
    assert_keeps_the_error(design, 8_000, expected)


@pytest.mark.slow
def test_error_of_four_arms_closely() -> None:
    """20,000 trials: at most 0.025; each arm as in a trial of its own, enumerated."""
    design = group_sequential(ac.load_design(DESIGNS / "products_multiarm.toml"))
    assert design.randomisation.method == "permuted_blocks"
    found = judged(design, "null", seed=11, trials=20_000)
    assert found.success.mean() <= 0.025
    alone = altered(
        "hello",
        arms={"soc": {"control": True}, "cart": {}},
        enrolment={"max_n": 120, "per_month": 6},
        looks={"observed": [30, 60, 90, 120]},
        rules=[raw_design("hello")["rules"][0]],
        calibration={"type_one_error": 0.00625},
        scenarios={"null": {"dfr": {"soc": 0.1, "cart": 0.1}}},
    )
    exact = enumerated(group_sequential(alone), "null")["success"]
    mcse = math.sqrt(exact * (1.0 - exact) / 20_000)
    for arm in range(4):
        assert_close_in_mcse(found.won[:, arm].mean(), exact, mcse, f"arm {arm}", z=4.0)


def test_when_a_trial_of_several_arms_ends() -> None:
    every = group_sequential(three_arms(0.4, [300, 600]))
    first = group_sequential(three_arms(0.4, [300, 600], "first_success"))
    till_all, till_one = (judged(design, "one_works", 7, 600) for design in (every, first))
    early = till_one.success & (till_one.look == 1)
    assert early.any()
    assert (till_all.look[early & ~till_all.won[:, 1]] == 2).all()  # the other is not decided
    assert (till_all.won | ~till_one.won).all()
    assert (till_all.randomised >= till_one.randomised).all()


@pytest.mark.parametrize("ends", ["all_arms_resolved", "first_success"])
@pytest.mark.parametrize("futility", [None, 0.0])
def test_decisions_look_by_look_against_a_plain_twin(ends: str, futility: float | None) -> None:
    """From the counts that each look saw: judged one trial, look and arm at a time."""
    design = group_sequential(three_arms(0.4, [60, 120, 180], ends), futility)
    block = block_of(design, "one_works", 8, 0, 200)
    spending, looks = Spending(0.0125, "obrien_fleming", 180), block.looks
    closed = 0
    for trial in range(200):
        wins: dict[int, int] = {}
        lost: set[int] = set()
        information: dict[int, list[int]] = {1: [], 2: []}
        reached: list[int] = []
        for look, record in enumerate(looks, 1):
            counts = record.summaries["dfr"].columns()
            x, n = (counts[name][trial, :, 0].astype(int) for name in ("events", "analysed"))
            reached.append(int(n.sum()))
            news = False
            for arm in (1, 2):
                information[arm].append(int(n[0] + n[arm]))
                if arm in wins or arm in lost:
                    continue
                bound = spending.bounds(tuple(information[arm]), tuple(reached), ended=look == 3)[
                    -1
                ]
                together = (x[0] + x[arm]) / (n[0] + n[arm])
                spread = math.sqrt(together * (1 - together) * (1 / n[0] + 1 / n[arm]))
                z = (x[arm] / n[arm] - x[0] / n[0]) / spread
                if z >= bound:
                    wins[arm], news = look, True
                elif futility is not None and look < 3 and z < futility:
                    lost.add(arm)
            if len(wins) + len(lost) == 2 or (news and ends == "first_success"):
                break
            closed += bool(wins or lost)
        assert block.standing.won[0][trial].tolist() == [wins.get(arm, 0) for arm in (1, 2)]
        assert block.look[trial] == look
        assert (block.standing.reason[trial] == 1) == (len(lost) == 2)
    assert closed > 5 or (ends == "first_success" and futility is None)


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
    chosen = group_sequential(design)
    assert "0.0125 for each arm against late" in words_of_group_sequential(chosen, None)
    found = judged(chosen, "null", seed=6, trials=TRIALS)
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
    bounds = Spending(0.025, "obrien_fleming", 8).bounds((4, 8))
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
    found = enumerated(group_sequential(design, 0.0), "null")
    assert found["success"] == pytest.approx(success, abs=1e-12)
    assert found["stop_futility"] == pytest.approx(futility, abs=1e-12)
    assert found["n_analysed_mean"] == pytest.approx(analysed, abs=1e-12)
    assert 0.0 < found["stop_futility"] < 1.0


def test_futility_simulated_and_enumerated_agree_and_moves_no_boundary() -> None:
    design = two_arms((0.4, 0.4), [80, 160, 240])
    with_it, without = group_sequential(design, 0.0), group_sequential(design)
    assert with_it.rules[0] == without.rules[0]
    exact, plain = enumerated(with_it, "null"), enumerated(without, "null")
    assert exact["success"] < plain["success"]
    found = judged(with_it, "null", seed=9, trials=TRIALS)
    pairs = ((found.success, exact["success"]), (found.futility, exact["stop_futility"]))
    for column, value in pairs:
        mcse = math.sqrt(value * (1.0 - value) / TRIALS)
        assert_close_in_mcse(column.mean(), value, mcse, z=4.0)
    root = math.sqrt(TRIALS)
    spread = found.analysed.std(ddof=1) / root
    assert_close_in_mcse(found.analysed.mean(), exact["n_analysed_mean"], spread, z=4.0)
    assert not (found.futility & (found.look == 3)).any()


def test_futility_in_a_comparison(hello_exact: Result) -> None:
    result = hello_exact
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
        group_sequential(design)


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
        group_sequential(design)


@pytest.mark.parametrize("made", [group_sequential, fixed_size])
def test_external_data_that_nothing_asks_about_any_more_go_with_their_truths(made: Any) -> None:
    raw = raw_design("lupus_hybrid_control")
    assert made is fixed_size or not made(ac.Design(**raw)).external
    raw["analysis"]["doris"].pop("prior")
    raw["external"].pop("allegory")
    raw["calibration"].pop("null_region")
    futility = next(rule for rule in raw["rules"] if rule["name"] == "futility")
    futility.pop("predictive")
    futility["posterior"] = {"endpoint": "doris", "arm": "cart", "minus": "bliss", "above": 0.0}
    for scenario in raw["scenarios"].values():
        scenario["doris"]["bliss"] = 0.1
    design = made(ac.Design(**raw))
    assert not design.external
    assert {name: truth.direct for name, truth in design.truths.items()} == {
        name: truth.direct for name, truth in ac.Design(**raw).truths.items()
    }
