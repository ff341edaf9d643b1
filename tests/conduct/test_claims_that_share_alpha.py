"""Claims that share the family-wise error, and pass their share on when they hold."""

from __future__ import annotations

import copy
import itertools
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import adaptive_cart as ac
from adaptive_cart.conduct.holding import Conduct
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import Block, run_block
from adaptive_cart.design.alpha_graph import AlphaGraph
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError
from adaptive_cart.participants.population import latents_for
from adaptive_cart.telling.check import described
from adaptive_cart.telling.walkthrough import example
from conduct.test_conditions import both
from conduct.test_fast_equals_adaptive_twin import (
    SEED,
    asker,
    compare,
    latents_of_trial,
    product_infusion,
)
from twin import adaptive_trial, alpha

GAIN = {"endpoint": "dfr", "arm": "cart", "minus": "soc"}
SHARED = {
    "alpha": {"safe_benefit": 0.02, "large": 0.01, "any": 0.01},
    "passes_to": {
        "safe_benefit": {"large": 0.5, "any": 0.5},
        "large": {"safe": 0.5, "any": 0.5},
        "any": {"large": 1.0},  # and back: a loop
    },
}


def sharing(**changes: Any) -> dict[str, Any]:
    """Three claims beside the success; the thresholds are low, so that much is claimed."""
    raw = both()
    raw["claims"] = copy.deepcopy(SHARED) | changes
    raw["rules"] = [
        {"name": "safe", "then": "claim", "requires": ["large"],
         "posterior": {"endpoint": "crs3", "arm": "cart", "below": 0.20},
         "at_least": {"alpha": [0.005, 0.01, 0.02, 0.04], "threshold": [0.9, 0.85, 0.8, 0.7]}},
        *raw["rules"],
        {"name": "large", "then": "claim", "posterior": GAIN | {"above": 0.25},
         "at_least": {"alpha": [0.01, 0.02, 0.04], "threshold": [0.95, 0.85, 0.6]},
         "followed_up": True},
        {"name": "any", "then": "claim", "posterior": GAIN | {"above": 0.05},
         "at_least": {"alpha": [0.01, 0.015, 0.02, 0.03],
                      "threshold": [0.999, 0.99, 0.98, 0.95]}},
    ]  # fmt: skip
    return raw


# ── the graph ─────────────────────────────────────────────────────────────────────────────────
def test_the_graph_is_that_of_the_published_rule() -> None:
    """Every set of claims, against the update of Bretz et al. one at a time, in every order."""
    raw = sharing()
    graph = Design(**raw).alpha_graph
    assert graph is not None
    levels, weights = alpha.start(raw)
    assert list(levels) == list(graph.names)
    for size in range(len(levels)):
        for order in itertools.permutations(levels, size):
            left, by = levels, weights
            for gone in order:
                left, by = alpha.rejected(left, by, gone)
            held = sum(1 << graph.names.index(name) for name in order)
            for name, level in left.items():
                known = float(graph.by_set[held][graph.names.index(name)])
                assert abs(known - level) < 1e-15, (order, name)
            assert sum(left.values()) <= float(graph.total) + 1e-15


def test_holm_and_a_fixed_order_are_graphs() -> None:
    """Of three claims with a third each, Holm's: 1/3, then 1/2, then all; in order: all in turn."""
    third = {name: 0.01 for name in "abc"}
    all_to_all = {one: {two: 0.5 for two in "abc" if two != one} for one in "abc"}
    holm = AlphaGraph.of("abc", third, all_to_all, {})
    assert holm.amounts(0) == (0.01, 0.015, 0.03)
    in_order = AlphaGraph.of("abc", {"a": 0.025}, {"a": {"b": 1.0}, "b": {"c": 1.0}}, {})
    assert [in_order.amounts(claim) for claim in range(3)] == [(0.025,)] * 3
    assert in_order.reachable == (0b000, 0b001, 0b011, 0b111)
    assert list(in_order.ways(2)) == [Fraction(1, 40)]


def test_a_gate_leaves_out_amounts_that_are_never_held_when_asked() -> None:
    open_ = AlphaGraph.of("ab", {"a": 0.02, "b": 0.005}, {"a": {"b": 1.0}}, {})
    gated = AlphaGraph.of("ab", {"a": 0.02, "b": 0.005}, {"a": {"b": 1.0}}, {"b": ["a"]})
    assert open_.amounts(1) == (0.005, 0.025)
    assert gated.amounts(1) == (0.025,)


# ── trials ────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("scenario", ["expected", "toxic"])
def test_trial_by_trial(scenario: str) -> None:
    """What is claimed, for which amount and at which threshold, against the slow twin."""
    raw = sharing()
    design = Design(**raw)
    trials = 14
    block = compare(raw, scenario, trials)
    plan, seen = Plan.of(design), set()
    for trial in range(trials):
        slow = adaptive_trial.run(
            raw, scenario, latents_of_trial(design, trial),
            product_infusion=product_infusion(design, raw), ask=asker(raw, design),
        )  # fmt: skip
        last = next(r for r in block.looks if r.held[trial] and r.look == block.look[trial])
        for position in plan.claims:
            rule = plan.rules[position]
            (part,) = rule.parts
            records = slow["end"]["claims"][rule.name]
            assert bool(records) == bool(np.isfinite(last.probabilities[part.name][trial, 0]))
            for record in records:
                assert last.threshold(part, 0, trial) == record["threshold"], rule.name
                held = plan.passing.held(position, last.sets[rule.name])[trial]
                assert abs(held - record["alpha"]) < 1e-12
                seen.add((rule.name, round(record["alpha"], 9), record["holds"]))
    if scenario == "expected":
        assert {name for name, _, holds in seen if holds} == {"large", "any", "safe"}
        assert len({(name, amount) for name, amount, _ in seen}) > 4


def block_of(raw: dict[str, Any], scenario: str = "expected", trials: int = 300) -> Block:
    design = Design(**raw)
    return run_block(
        Plan.of(design), design.truths[scenario], (0.1,), latents_for(design, SEED, 0, trials)
    )


def test_more_alpha_never_loses_a_claim() -> None:
    """Without what is passed on, fewer trials claim, and none that does not with it."""
    alone = sharing(passes_to={})
    for rule in alone["rules"]:
        if rule["name"] in ("large", "any"):
            rule["at_least"] = rule["at_least"]["threshold"][0]
    alone["claims"]["alpha"]["safe"] = 0.005
    alone["rules"][0]["at_least"] = 0.9
    with_, without = block_of(sharing()), block_of(alone)
    for position in (0, 3, 4):
        more, less = with_.standing.noted[position] > 0, without.standing.noted[position] > 0
        assert (more | ~less).all()
        assert more.sum() > less.sum()


def test_who_holds_nothing_is_not_judged() -> None:
    raw = sharing(alpha={"safe_benefit": 0.04}, passes_to={"safe_benefit": {"large": 1.0},
                  "large": {"any": 1.0}, "any": {"safe": 1.0}})  # fmt: skip
    for rule, number in ((0, 0.97), (3, 0.7), (4, 0.95)):
        raw["rules"][rule]["at_least"] = number
    block = block_of(raw)
    noted = {name: (block.standing.noted[k][:, 0] > 0) for k, name in
             ((0, "safe"), (1, "benefit"), (3, "large"), (4, "any"))}  # fmt: skip
    assert noted["benefit"][noted["large"]].all()
    assert noted["large"][noted["any"]].all()
    assert noted["any"][noted["safe"]].all()
    assert 0 < noted["safe"].sum() < noted["large"].sum()
    never = np.zeros(len(block.look), dtype=np.bool_)
    for record in block.looks:
        never |= (
            record.held & (record.look == block.look) & np.isnan(record.probabilities["any"])[:, 0]
        )
    assert (never == ~noted["large"]).all()


def test_after_follow_up_a_claim_keeps_the_threshold_of_what_it_held() -> None:
    """As if it had that one threshold all along: the one it met, or that of what it held."""
    block, by_threshold = block_of(sharing()), {}
    for number in (0.95, 0.85, 0.6):
        raw = sharing()
        del raw["claims"]
        raw["rules"] = [rule for rule in raw["rules"] if rule["name"] not in ("safe", "any")]
        raw["rules"][-1]["at_least"] = number
        by_threshold[number] = block_of(raw).claimed_final["large"][:, 0]
    claimed, final = block.standing.noted[3][:, 0] > 0, block.claimed_final["large"][:, 0]
    used = set()
    for trial in range(len(final)):
        record = next(r for r in block.looks if r.held[trial] and r.look == block.look[trial])
        won = {k: bool(block.standing.noted[k][trial, 0]) for k in (1, 4)}
        level = 0.01 + 0.01 * won[1] + 0.01 * won[4] + 0.01 * (won[1] and won[4])
        held = alpha.threshold_for({"at_least": sharing()["rules"][3]["at_least"]}, level, 0.0)
        met = record.in_force["large"][trial, 0] if claimed[trial] else held
        assert final[trial] == by_threshold[met][trial]
        used.add(met)
    assert used == {0.95, 0.85, 0.6}
    assert (final != claimed).any()


def test_more_than_one_size_of_block_gives_the_same() -> None:
    whole = block_of(sharing(), trials=60).standing.noted
    design = Design(**sharing())
    parts = [
        run_block(Plan.of(design), design.truths["expected"], (0.1,),
                  latents_for(design, SEED, first, 20)).standing.noted
        for first in (0, 20, 40)
    ]  # fmt: skip
    for position in whole:
        assert (np.concatenate([part[position] for part in parts]) == whole[position]).all()


# ── told ──────────────────────────────────────────────────────────────────────────────────────
def test_check_says_who_holds_what_and_from_whom() -> None:
    told = described(Design(**sharing()))
    assert "Family-wise error 0.04, shared: safe_benefit 0.02, large 0.01, any 0.01" in told
    assert "large, once it holds, passes 0.5 of it to safe, 0.5 of it to any" in told
    assert (
        "large can come to hold 0.01; 0.02 once safe_benefit or any held; "
        "0.04 once safe_benefit and any held"
    ) in told
    assert ">= 0.95 (for alpha 0.01), 0.85 (for alpha 0.02), 0.60 (for alpha 0.04)" in told


@pytest.mark.slow
def test_an_example_says_what_each_held() -> None:
    design = Design(**sharing())
    stories = " ".join(str(example(design, "expected", trial=k)) for k in range(6))
    assert "it holds 0.02 of the family-wise error, 0.01 its own, the rest passed on by" in stories
    assert "all of it passed on by safe_benefit and large" in stories
    null = " ".join(str(example(design, "null", trial=k)) for k in range(4))
    assert "(it holds 0.01 of the family-wise error, its own share)" in null


def test_a_real_trial_says_what_each_held() -> None:
    design = Design(**sharing())
    block = block_of(sharing(), trials=12)
    trial = int(np.flatnonzero(block.standing.noted[0][:, 0] > 0)[0])
    story = example(design, "expected", trial=trial, seed=SEED)
    found = ac.analyze(design, story.participants, fast=True)
    by_name = {rule.rule: rule for rule in found.rules}
    record = next(r for r in block.looks if r.held[trial] and r.look == block.look[trial])
    for name in ("safe", "large", "any"):
        assert by_name[name].threshold == record.in_force[name][trial, 0]
        assert "of the family-wise error" in by_name[name].reason
        assert by_name[name].reason.split("; it holds")[1] in str(story)


def test_measures_count_them(tmp_path: Path) -> None:
    result = ac.simulate(Design(**sharing()), trials=40, seed=3, jobs=1, out=tmp_path / "out")
    for name in ("safe", "large", "any"):
        own = result.trials[result.trials["scenario"] == "expected"][f"claimed_{name}"] > 0
        assert result.figure("expected", f"claimed_{name}").estimate == own.mean()


# ── refused ───────────────────────────────────────────────────────────────────────────────────
def by_hand(path: str, value: Any) -> Any:
    """A change of one key, by its path."""

    def change(raw: dict[str, Any]) -> None:
        *way, last = path.split(".")
        table: Any = raw
        for key in way:
            table = table[int(key) if key.isdigit() else key]
        if value is None:
            del table[last]
        else:
            table[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "path", "says"),
    [
        (by_hand("claims.alpha.larg", 0.0), "claims.alpha.larg", "did you mean 'large'?"),
        (by_hand("claims.alpha.futility", 0.0), "claims.alpha.futility", "claims nothing"),
        (by_hand("claims.passes_to.larg", {}), "claims.passes_to.larg", "did you mean 'large'?"),
        (by_hand("claims.passes_to.any.any", 0.0), "claims.passes_to.any.any", "another one"),
        (by_hand("claims.passes_to.any.safe_benefit", 0.0),
         "claims.passes_to.any.safe_benefit", "before any claim is judged"),
        (by_hand("claims.passes_to.any.safe", 0.5), "claims.passes_to.any", "sum to 1.5"),
        (by_hand("claims.alpha", {}), "claims.alpha", "the shares sum to 0"),
        (by_hand("claims.alpha.large", 0.99), "claims.alpha", "is below 1"),
        (by_hand("claims.alpha.safe_benefit", None), "claims.alpha.safe_benefit", "of its own"),
        (by_hand("claims.passes_to.large", {}), "claims.alpha.safe", "could never be claimed"),
        (by_hand("calibration", {"type_one_error": 0.025}), "claims.alpha", "shares sum to 0.04"),
        (by_hand("rules.3.at_least.alpha", [0.01, 0.02]), "rules[3].at_least", "2 amounts and 3"),
        (by_hand("rules.3.at_least.alpha", [0.02, 0.01, 0.04]), "rules[3].at_least.alpha",
         "rising"),
        (by_hand("rules.3.at_least.threshold", [0.9, 0.95, 0.6]), "rules[3].at_least.threshold",
         "no higher threshold"),
        (by_hand("rules.3.at_least.alpha", [0.01, 0.03, 0.04]), "rules[3].at_least.alpha",
         "no threshold for 0.02; 0.03 is never held; 'large' can come to hold 0.01, 0.02, 0.04"),
        (by_hand("rules.3.at_least", 0.9), "rules[3].at_least", "threshold = […, …, …]"),
        (by_hand("rules.2.below", {"alpha": [0.1], "threshold": [0.4]}), "rules[2].below",
         "only a further claim"),
        (by_hand("claims", None), "rules[0].at_least", "no [claims] says what is shared"),
        (by_hand("rules.3.posterior.arm", "each"), "rules[3]", "a rule for each arm by name"),
    ],
)  # fmt: skip
def test_what_cannot_be_shared_is_refused(change: Any, path: str, says: str) -> None:
    raw = sharing()
    change(raw)
    with pytest.raises(DesignError) as error:
        Design(**raw)
    told = {problem.path: problem.message for problem in error.value.problems}
    assert says in told.get(path, ""), told


def test_a_design_without_further_claims_shares_nothing() -> None:
    raw = both() | {"claims": {"alpha": {"safe_benefit": 0.025}}}
    with pytest.raises(DesignError, match="nothing to share the error with"):
        Design(**raw)


def test_no_loop_over_trials() -> None:
    """A hundred times as many trials are judged in as many steps."""
    counts = []
    for trials in (4, 400):
        design = Design(**sharing())
        calls = 0
        judged = Conduct.judge_rule

        def counting(self: Conduct, *args: Any, _of: Any = judged) -> Any:
            nonlocal calls
            calls += 1
            return _of(self, *args)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Conduct, "judge_rule", counting)
            run_block(Plan.of(design), design.truths["expected"], (0.1,),
                      latents_for(design, SEED, 0, trials))  # fmt: skip
        counts.append(calls)
    assert counts[1] < 4 * counts[0]
