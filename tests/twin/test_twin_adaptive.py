"""The slow twin of the adaptive designs against cases worked by hand."""

from __future__ import annotations

import itertools
import math
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

from twin import adaptive_trial, one_trial, posterior

NEVER = math.inf
DESIGNS = Path(__file__).parents[2] / "designs"
EVERY_MONTH = {"per_year": 12.0}  # a hazard of 1 a month


def after(months: float) -> float:
    """Uniform at which a hazard of 1 a month strikes after so many months."""
    return -math.expm1(-months)


def rule(name: str, then: str, **others: Any) -> dict[str, Any]:
    """A rule about P(arm - soc > 0), for whatever arm or stratum, unless it says otherwise."""
    question = {"endpoint": "dfr", "arm": "each", "minus": "soc", "above": 0.0}
    question |= others.pop("ask", {})
    return {"name": name, "then": then, "posterior": question, **others}


def design(arms: str = "a b", number: int = 12, **changes: Any) -> dict[str, Any]:
    """So many participants, one a month, equal allocation to soc and these arms; month 1."""
    raw: dict[str, Any] = {
        "arms": {"soc": {"control": True}} | {arm: {} for arm in arms.split()},
        "endpoints": {"dfr": {"type": "landmark", "month": 1}},
        "enrolment": {"max_n": number, "per_month": 1, "arrivals": "regular"},
        "looks": {"observed": [6, 9, 12]},
        "rules": [
            rule("superior", "declare_success", at_least=0.9),
            rule("inferior", "drop_arm", below=0.1),
        ],
        "scenarios": {"only": {"dfr": dict.fromkeys(["soc", *arms.split()], 0.5)}},
    }
    return raw | changes


def answers(pattern: str, **others: Any) -> dict[str, Any]:
    """Latents by which participants respond where the pattern has a 1; blocks in arm order."""
    return {
        "assignment": [[0.0] * len(pattern)] * 3,
        "outcome:dfr": [0.0 if character == "1" else 0.9 for character in pattern],
        **others,
    }


def run(raw: dict[str, Any], latents: dict[str, Any], ask: Any = None) -> dict[str, Any]:
    """One trial of a design with one scenario."""
    return adaptive_trial.run(raw, "only", latents, ask=ask)


def arms_of(trial: dict[str, Any]) -> str:
    """Arms of the participants in order of arrival."""
    return " ".join(person["arm"] for person in trial["participants"])


def asked(record: dict[str, Any], name: str) -> list[Any]:
    """Targets and probabilities of a rule at a look."""
    return [
        (target["arm"], target["stratum"], pytest.approx(target["probability"]))
        for target in record["rules"][name]
    ]


# --- Arms: success, dropping, ends ------------------------------------------------------------


def test_slots_of_a_dropped_arm_are_skipped() -> None:
    # Blocks: (soc, a, b), (soc, b, a), (a, soc, b), then (soc, a, b) again.
    raw = design(
        looks={"observed": [3, 12]}, rules=[rule("inferior", "drop_arm", below=0.2, looks=[1])]
    )
    latents = answers("100000000000", assignment=[[0.0, 0.2, 0.4, 0.0, 0.0, 0.0]])
    trial = run(raw, latents)
    first = trial["looks"][0]
    # At month 4 three are observed: soc 1/1, a 0/1, b 0/1; Beta(1, 2) above Beta(2, 1) is 1/6.
    assert (first["date"], first["n_randomised"]) == (4.0, 4)
    assert asked(first, "inferior") == [("a", None, 1 / 6), ("b", None, 1 / 6)]
    assert trial["end"]["reason"] == "futility"
    # With a response in a, 1/2, b alone is dropped. The fourth (soc) arrived on the very date.
    latents["outcome:dfr"][1] = 0.0
    trial = run(raw, latents)
    assert trial["looks"][0]["open_arms"] == ["a"]
    assert trial["looks"][0]["shares"] == {"soc": 0.5, "a": 0.5, "b": 0.0}
    # From slot 5 on: (b) a | a soc (b) | soc a (b) | soc a (b) | soc
    assert arms_of(trial) == "soc a b soc a a soc soc a soc a soc"
    assert trial["end"]["arm_dropped"] == {"a": None, "b": 1}
    assert trial["end"]["n_randomised_by_arm"] == {"soc": 6, "a": 5, "b": 1}
    # The participant of the dropped arm stays in the analysis.
    assert trial["end"]["counts"]["b"] == (0, 1)
    assert trial["end"]["n_analysed"] == 12
    assert trial["end"]["reason"] == "no_success"


def test_unequal_shares_of_the_arms_left() -> None:
    raw = design("a b c", looks={"observed": [4, 12]}, rules=[])
    raw["arms"]["a"]["allocation"] = 2
    raw["arms"]["b"]["allocation"] = 3
    trial = adaptive_trial.opened(raw, "only", answers("0" * 12), None, None)
    trial.arm_dropped["c"] = 1
    assert adaptive_trial.shares_in_force(trial) == pytest.approx(
        {"soc": 1 / 6, "a": 2 / 6, "b": 3 / 6, "c": 0.0}
    )


def test_one_arm_succeeds_while_the_other_goes_on() -> None:
    #       soc a b soc a b soc; then the slots of a are skipped: b soc b soc b
    trial = run(design(), answers("010010000000"))
    first, second, third = trial["looks"]
    # Month 7: soc 0/2, a 2/2, b 0/2. Beta(3, 1) above Beta(1, 3) is 19/20.
    assert (first["date"], first["n_randomised"]) == (7.0, 7)
    assert asked(first, "superior") == [("a", None, 19 / 20), ("b", None, 1 / 2)]
    assert [target["holds"] for target in first["rules"]["superior"]] == [True, False]
    # What a rule does is seen by the rules after it at the same look.
    assert asked(first, "inferior") == [("b", None, 1 / 2)]
    assert first["open_arms"] == ["b"]
    assert arms_of(trial) == "soc a b soc a b soc b soc b soc b"
    # Month 10: soc 0/4, b 0/3. Beta(1, 4) above Beta(1, 5): 5/9.
    assert second["date"] == 10.0
    assert asked(second, "superior") == [("b", None, 5 / 9)]
    assert third["look"] == 3
    end = trial["end"]
    assert (end["look"], end["reason"], end["rule"], end["months"]) == (3, "success", None, 13.0)
    assert end["arm_success"] == {"a": True, "b": False}
    assert end["arm_dropped"] == {"a": None, "b": None}
    assert end["counts"] == {"soc": (0, 5), "a": (2, 2), "b": (0, 5)}
    assert not trial["final"]["reversal"]
    assert trial["final"]["successes"][0]["probability"] == pytest.approx(
        1.0 - math.factorial(3) * math.factorial(6) / math.factorial(9)  # E[Y^3], Beta(1, 6)
    )


def test_the_success_of_an_arm_is_judged_again_on_everybody() -> None:
    # The controls that come after the success (7, 9, 11) respond: soc 3/5 against a 2/2.
    trial = run(design(), answers("010010101010"))
    assert trial["end"]["reason"] == "success"
    assert trial["final"]["counts"]["soc"] == (3, 5)
    # 1 - E[Y^3] of Beta(4, 3)
    expected = 1.0 - 4 * 5 * 6 / (7 * 8 * 9)
    again = trial["final"]["successes"]
    assert [(s["arm"], s["look"], s["threshold"], s["holds"]) for s in again] == [
        ("a", 1, 0.9, False)
    ]
    assert again[0]["probability"] == pytest.approx(expected)
    assert trial["final"]["reversal"]


def test_it_is_no_reversal_while_one_success_still_holds() -> None:
    raw = design(endpoints={"dfr": {"type": "landmark", "month": 4}})
    # Month 10: ten are in, six observed; soc 0/2, a 2/2, b 2/2: all resolved.
    trial = run(raw, answers("011011" + "101000"))
    end = trial["end"]
    assert (end["look"], end["reason"], end["rule"]) == (1, "success", "superior")
    assert (end["n_randomised"], end["n_analysed"]) == (10, 6)
    assert end["arm_success"] == {"a": True, "b": True}
    assert end["shares"] is None
    # The pipeline: soc 1, a 0, b 1, soc 0, thus soc 1/4, a 2/3, b 3/3.
    a, b = trial["final"]["successes"]
    assert b["probability"] == pytest.approx(1.0 - 2 * 3 * 4 * 5 / (6 * 7 * 8 * 9))  # E[Y^4]
    assert not a["holds"]
    assert b["holds"]
    assert not trial["final"]["reversal"]
    # Without the response in b: 2/3 as well, and neither holds.
    trial = run(raw, answers("011011" + "100000"))
    assert trial["final"]["reversal"]


def test_first_success_ends_the_trial_with_all_targets_judged() -> None:
    raw = design(multiarm={"ends": "first_success"})
    trial = run(raw, answers("010010000000"))
    end = trial["end"]
    assert (end["look"], end["reason"], end["rule"]) == (1, "success", "superior")
    assert end["arm_success"] == {"a": True, "b": False}
    assert len(trial["looks"][0]["rules"]["superior"]) == 2
    both = run(raw, answers("011011000000"))
    assert both["end"]["arm_success"] == {"a": True, "b": True}


def test_first_success_is_not_first_drop() -> None:
    # soc 2/2, a 0/2, b 1/2: a is dropped at look 1, and the trial goes on.
    trial = run(design(multiarm={"ends": "first_success"}), answers("100101101010"))
    assert trial["end"]["look"] == 2
    assert trial["end"]["arm_dropped"] == {"a": 1, "b": 2}


def test_the_best_is_sought_among_the_open_arms() -> None:
    ask = {"endpoint": "dfr", "arm": "each", "best": True}
    best = {"name": "best", "then": "declare_success", "posterior": ask, "at_least": 0.97}
    raw = design()
    raw["rules"] = [best, raw["rules"][1]]
    # soc 2/2, a 0/2, b 1/2: Beta(1, 3) against Beta(2, 2): E[(1 - X)^3] = 24 / 120 = 1/5.
    trial = run(raw, answers("100101101010"))
    assert asked(trial["looks"][0], "best") == [("a", None, 1 / 5), ("b", None, 4 / 5)]
    # a having been dropped, b is the best of one, though no better than soc.
    assert asked(trial["looks"][1], "best") == [("b", None, 1.0)]
    assert (trial["end"]["reason"], trial["end"]["rule"]) == ("success", "best")
    # Judged again among the arms then open.
    assert trial["final"]["successes"][0]["probability"] == 1.0


def test_a_rule_after_the_end_does_nothing() -> None:
    # a succeeds, b is inferior at the same look: soc 1/2, a 2/2, b 0/2, with wide thresholds.
    rules = [
        rule("superior", "declare_success", at_least=0.75),
        rule("inferior", "drop_arm", below=0.25),
    ]
    raw = design(rules=rules, multiarm={"ends": "first_success"})
    trial = run(raw, answers("110010000000"))
    first = trial["looks"][0]
    # Beta(3, 1) above Beta(2, 2): 1 - E[Y^3] = 1 - 24 / 120 = 4/5.
    assert asked(first, "superior") == [("a", None, 4 / 5), ("b", None, 1 / 5)]
    assert asked(first, "inferior") == [("b", None, 1 / 5)]
    assert first["rules"]["inferior"][0]["holds"]
    assert trial["end"]["arm_dropped"] == {"a": None, "b": None}
    raw["multiarm"]["ends"] = "all_arms_resolved"
    trial = run(raw, answers("110010000000"))
    end = trial["end"]
    assert (end["look"], end["reason"], end["rule"]) == (1, "success", "inferior")
    assert end["arm_dropped"] == {"a": None, "b": 1}


def test_all_arms_dropped_is_futility() -> None:
    # soc 2/2, a 0/2, b 0/2: 1/20 each.
    trial = run(design(), answers("100100000000"))
    end = trial["end"]
    assert (end["look"], end["reason"], end["rule"]) == (1, "futility", "inferior")
    assert end["arm_dropped"] == {"a": 1, "b": 1}
    assert end["n_randomised"] == 7
    assert trial["looks"][0]["shares"] is None
    assert trial["final"]["successes"] == []
    assert not trial["final"]["reversal"]


def test_one_arm_dropped_now_and_the_other_later() -> None:
    # soc 2/2, a 0/2, b 1/2: 1/20 and 1/5. Then soc soc b soc b ...: at look 2 soc 4/4, b 1/3.
    trial = run(design(), answers("100101101010"))
    assert arms_of(trial) == "soc a b soc a b soc b soc b"
    second = trial["looks"][1]
    # Beta(2, 3) above Beta(5, 1), whose cdf is y^5: E[X^5] = 2 ... 6 / (5 ... 9).
    expected = 2 * 3 * 4 * 5 * 6 / (5 * 6 * 7 * 8 * 9)
    assert asked(second, "inferior") == [("b", None, expected)]
    end = trial["end"]
    assert (end["look"], end["reason"]) == (2, "futility")
    assert end["arm_dropped"] == {"a": 1, "b": 2}


def test_a_success_stands_whatever_ends_the_trial() -> None:
    harm = rule("harm", "stop_for_safety", ask={"arm": "b"}, below=0.56)
    del harm["posterior"]["minus"]
    harm["posterior"]["above"] = 0.5
    raw = design()
    raw["rules"] = [*raw["rules"], harm | {"looks": [2]}]
    trial = run(raw, answers("010010000000"))
    # At look 2 b is 0/3: P(p > 1/2) = 1/16.
    assert asked(trial["looks"][1], "harm") == [("b", None, 1 / 16)]
    end = trial["end"]
    assert (end["look"], end["reason"], end["rule"]) == (2, "success", "harm")
    # Written first and judged at look 1, it comes before the success.
    raw["rules"] = [harm, *raw["rules"][:2]]
    trial = run(raw, answers("010010000000"))
    assert (trial["end"]["look"], trial["end"]["reason"]) == (1, "safety")
    assert trial["end"]["arm_success"] == {"a": False, "b": False}
    # What came after is judged, but does nothing.
    assert trial["looks"][0]["rules"]["superior"][0]["holds"]


def test_a_rule_about_one_arm_of_several_is_each_restricted_to_it() -> None:
    rules = [rule("superior", "declare_success", ask={"arm": "a"}, at_least=0.9)]
    trial = run(design(rules=rules), answers("010010000000"))
    assert [len(look["rules"]["superior"]) for look in trial["looks"]] == [1, 0, 0]
    assert trial["end"]["look"] == 3
    assert trial["end"]["reason"] == "success"


def test_with_one_experimental_arm_each_and_its_name_are_the_same() -> None:
    latents = answers("010100000000")
    ends = []
    for arm in ("each", "a"):
        rules = [rule("efficacy", "declare_success", ask={"arm": arm}, at_least=0.9)]
        raw = design("a", rules=rules, looks={"observed": [4, 12]})
        ends.append(run(raw, latents)["end"])
    assert ends[0]["arm_success"] == ends[1]["arm_success"] == {"a": True}
    assert ends[0]["look"] == ends[1]["look"] == 1
    assert ends[0]["rule"] == ends[1]["rule"] == "efficacy"


def test_predictive_question_of_each_arm() -> None:
    rules = [
        rule("superior", "declare_success", at_least=0.85),
        {"name": "hopeless", "then": "drop_arm", "predictive": {"rule": "superior"}, "below": 0.01},
    ]
    # soc 1/2, a 0/2, b 1/2; planned 4 each, so two are to come in each arm.
    trial = run(design(rules=rules), answers("100001000000"))
    hopeless = trial["looks"][0]["rules"]["hopeless"]
    expected = []
    for now in (0, 1):
        total = 0.0
        for further_soc in range(3):
            for further in range(3):
                chance = posterior.probability_difference_above(
                    ((1.0, 1.0 + now + further, 5.0 - now - further),),
                    ((1.0, 2.0 + further_soc, 4.0 - further_soc),),
                    0.0,
                )
                weight = stats.betabinom.pmf(further_soc, 2, 2, 2)
                weight *= stats.betabinom.pmf(further, 2, 1 + now, 3 - now)
                total += float(weight) * (chance >= 0.85)
        expected.append(total)
    # a 2/4 against soc 1/4, its best, is 0.74; b 3/4 against 1/4 is 0.90.
    assert expected[0] == 0.0
    assert expected[1] > 0.01
    assert [target["probability"] for target in hopeless] == pytest.approx(expected)
    assert trial["looks"][0]["open_arms"] == ["b"]


# --- Response-adaptive randomisation ----------------------------------------------------------

THREE = (((1.0, 2.0, 1.0),), ((1.0, 1.0, 1.0),), ((1.0, 3.0, 1.0),))


def test_probability_best_by_hand() -> None:
    # Densities 2x, 1, 3x^2 and cdfs x^2, x, x^3: 2/6, 1/6, 3/6.
    values = [adaptive_trial.probability_best(THREE, number) for number in range(3)]
    assert values == pytest.approx([1 / 3, 1 / 6, 1 / 2], abs=1e-13)
    assert adaptive_trial.probability_best(THREE[:1], 0) == 1.0


def test_probability_best_of_awkward_posteriors() -> None:
    robust = posterior.updated(((0.8, 1.2, 38.8), (0.2, 1.0, 1.0)), 3, 20)
    jeffreys = posterior.updated(((1.0, 0.5, 0.5),), 0, 0)
    small = posterior.updated(((1.0, 0.2, 3.8),), 0, 3)
    mixtures = (robust, jeffreys, small)
    values = [adaptive_trial.probability_best(mixtures, number) for number in range(3)]
    assert math.fsum(values) == pytest.approx(1.0, abs=1e-11)
    two = adaptive_trial.probability_best((robust, small), 0)
    expected = posterior.probability_difference_above(robust, small, 0.0)
    assert two == pytest.approx(expected, abs=1e-12)

    def plain(p: float) -> float:
        value = sum(w * float(stats.beta.pdf(p, a, b)) for w, a, b in robust)
        for other in (jeffreys, small):
            value *= sum(w * float(stats.beta.cdf(p, a, b)) for w, a, b in other)
        return value

    pieces = [(0.0, 0.1), (0.1, 0.2), (0.2, 0.4), (0.4, 0.7), (0.7, 1.0)]
    direct = sum(integrate.quad(plain, *piece, epsabs=1e-13, epsrel=1e-10)[0] for piece in pieces)
    assert values[0] == pytest.approx(direct, abs=1e-10)


BEST = {"a": 1 / 3, "b": 1 / 6, "c": 1 / 2}


@pytest.mark.parametrize(
    ("randomisation", "expected"),
    [
        # Weights 1/2 (control), 1/3, 1/6, 1/2; of 3/2.
        ({"power": 1.0}, {"soc": 1 / 3, "a": 2 / 9, "b": 1 / 9, "c": 1 / 3}),
        # b is raised to 0.15; 0.85 is left for what was 8/9.
        (
            {"power": 1.0, "minimum": 0.15},
            {"soc": 0.31875, "a": 0.2125, "b": 0.15, "c": 0.31875},
        ),
        # Weights as the roots: 1/sqrt(2), 1/sqrt(3), 1/sqrt(6), 1/sqrt(2).
        (
            {"power": 0.5, "control": "match_largest"},
            {
                arm: root / (2 * math.sqrt(1 / 2) + math.sqrt(1 / 3) + math.sqrt(1 / 6))
                for arm, root in {
                    "soc": math.sqrt(1 / 2),
                    "a": math.sqrt(1 / 3),
                    "b": math.sqrt(1 / 6),
                    "c": math.sqrt(1 / 2),
                }.items()
            },
        ),
        # Control 0.4; of the other 0.6: 0.2, 0.1, 0.3. Then 0.45 for what was 0.5.
        ({"control": 0.4}, {"soc": 0.4, "a": 0.2, "b": 0.1, "c": 0.3}),
        ({"control": 0.4, "minimum": 0.15}, {"soc": 0.4, "a": 0.18, "b": 0.15, "c": 0.27}),
        # A fixed control is not raised.
        ({"control": 0.1, "minimum": 0.2}, {"soc": 0.1, "a": 0.28, "b": 0.2, "c": 0.42}),
    ],
)
def test_shares_by_hand(randomisation: dict[str, Any], expected: dict[str, float]) -> None:
    shares = adaptive_trial.adaptive_shares(BEST, "soc", randomisation)
    assert shares == pytest.approx(expected)
    assert math.fsum(shares.values()) == pytest.approx(1.0, abs=1e-14)


def test_raising_one_share_may_push_another_below_the_minimum() -> None:
    # Of 0.8: 0.5, 0.2, 0.1. c is raised to 0.19, b scaled to 0.2 * 0.61 / 0.7 < 0.19, so raised.
    best = {"a": 5 / 8, "b": 2 / 8, "c": 1 / 8}
    shares = adaptive_trial.adaptive_shares(best, "soc", {"control": 0.2, "minimum": 0.19})
    assert shares == pytest.approx({"soc": 0.2, "a": 0.42, "b": 0.19, "c": 0.19})
    with pytest.raises(ValueError, match="cannot have"):
        adaptive_trial.adaptive_shares(best, "soc", {"minimum": 0.3})


def adaptive_design(**changes: Any) -> dict[str, Any]:
    """Three arms and soc, twelve participants, the landmark half a month after randomisation."""
    return design(
        "a b c",
        endpoints={"dfr": {"type": "landmark", "month": 0.5}},
        looks={"enrolled": [3, 8, 12]},
        randomisation={
            "method": "response_adaptive",
            "power": 1.0,
            "minimum": 0.15,
            "control": "match_largest",
            "burn_in": 4,
        },
        rules=[],
        **changes,
    )


# Equal shares until look 2: soc a c c soc soc soc b. Responses in a and both c.
EIGHT = [0.1, 0.3, 0.8, 0.9, 0.2, 0.24, 0.0, 0.6]
RESPONSES = "011100001111"


def test_shares_are_equal_before_the_burn_in_and_then_follow_the_responses() -> None:
    latents = answers(RESPONSES, allocation=[*EIGHT, 0.31, 0.32, 0.54, 0.69])
    trial = run(adaptive_design(), latents)
    first, second, third = trial["looks"]
    equal = dict.fromkeys(["soc", "a", "b", "c"], 0.25)
    assert first["n_randomised"] == 3
    assert first["shares"] == equal
    # Month 8: the eighth (b) is not yet observed. a 1/1, b 0/0, c 2/2: 1/3, 1/6 and 1/2.
    assert (second["date"], second["n_randomised"]) == (8.0, 8)
    assert second["endpoints"]["dfr"]["c"]["successes"] == 2
    expected = {"soc": 0.31875, "a": 0.2125, "b": 0.15, "c": 0.31875}
    assert second["shares"] == pytest.approx(expected)
    # Cumulative 0.31875, 0.53125, 0.68125.
    assert arms_of(trial) == "soc a c c soc soc soc b soc a b c"
    # At the last look a 2/2 (11 and 12 are not observed: b 0/1).
    assert third["endpoints"]["dfr"]["a"] == {"successes": 2, "totals": 2, "missing": 0}
    # Densities 3x^2, 2(1 - x), 3x^2 and cdfs x^3, 2x - x^2, x^3:
    # P(a) = 3 * integral of x^5 (2x - x^2) = 3 (2/7 - 1/8) = 27/56.
    weights = {"soc": 27 / 56, "a": 27 / 56, "b": 2 / 56, "c": 27 / 56}
    assert adaptive_trial.adaptive_shares(
        {arm: weights[arm] for arm in "abc"}, "soc", {"minimum": 0.15}
    ) == pytest.approx(third["shares"])
    assert third["shares"]["b"] == pytest.approx(0.15)


def test_the_burn_in_is_over_when_so_many_are_randomised() -> None:
    latents = answers(RESPONSES, allocation=[*EIGHT, 0.31, 0.32, 0.54, 0.69])
    for burn_in, largest in [(8, 0.31875), (9, 0.25)]:
        raw = adaptive_design()
        raw["randomisation"]["burn_in"] = burn_in
        second = run(raw, latents)["looks"][1]
        assert second["n_randomised"] == 8
        assert max(second["shares"].values()) == pytest.approx(largest)


def test_the_share_of_a_dropped_arm_goes_to_those_open() -> None:
    # b is dropped at look 2 (soc 4 of 4, b unobserved: E[1 - X^5] ... = 1/6); others stay.
    raw = adaptive_design()
    raw["rules"] = [rule("inferior", "drop_arm", below=0.2, looks=[2])]
    latents = answers("111110101111", allocation=[*EIGHT, 0.37, 0.38, 0.62, 0.63])
    # soc 3 of 4 observed (1, 5, 7 respond, 6 not): P(uniform > Beta(4, 2)) = 1/3.
    assert asked(run(raw, latents)["looks"][1], "inferior")[1] == ("b", None, 1 / 3)
    raw["rules"][0]["below"] = 0.34
    trial = run(raw, latents)
    second = trial["looks"][1]
    assert second["open_arms"] == ["a", "c"]
    # P(best) between a and c is 2/5 and 3/5, the control 3/5; of 8/5.
    expected = {"soc": 0.375, "a": 0.25, "b": 0.0, "c": 0.375}
    assert second["shares"] == pytest.approx(expected)
    assert arms_of(trial).split()[8:] == ["soc", "a", "a", "c"]


def test_before_the_burn_in_a_dropped_arm_leaves_equal_shares() -> None:
    raw = adaptive_design()
    raw["randomisation"]["burn_in"] = 9
    raw["rules"] = [rule("inferior", "drop_arm", below=0.34, looks=[1])]
    # Look 1 at month 3: two observed, soc 1/1 and a 1/1; b and c, unobserved, are 1/3 each.
    latents = answers("111110101111", allocation=[*EIGHT, 0.49, 0.51, 0.0, 0.99])
    trial = run(raw, latents)
    first, second = trial["looks"][:2]
    assert asked(first, "inferior") == [
        ("a", None, 1 / 2),
        ("b", None, 1 / 3),
        ("c", None, 1 / 3),
    ]
    halves = {"soc": 0.5, "a": 0.5, "b": 0.0, "c": 0.0}
    assert first["shares"] == second["shares"] == halves
    assert arms_of(trial) == "soc a c a soc soc soc a soc a soc a"
    assert trial["looks"][2]["shares"] == pytest.approx(halves)  # the best of one


# --- Strata -----------------------------------------------------------------------------------

SHARES = {"sle": 0.5, "ssc": 0.3, "iim": 0.2}


def strata_design(after_closing: str, **changes: Any) -> dict[str, Any]:
    """Eight participants in three diseases; one that looks bad is closed at looks 1 and 2."""
    ask = {"arm": "a", "stratum": "each"}
    raw = design(
        "a",
        8,
        strata=dict(SHARES),
        endpoints={"dfr": {"type": "landmark", "month": 0.5}},
        looks={"observed": [2, 4, 8]},
        rules=[rule("close", "close_stratum", ask=ask, below=0.3, looks=[1, 2])],
    )
    raw["enrolment"]["after_closing"] = after_closing
    return raw | changes


# The first two are in ssc, the control responds and a does not.
UNIFORMS = [0.6, 0.6, 0.65, 0.77, 0.2, 0.9, 0.51, 0.2]


def test_arrivals_of_a_closed_stratum_go_to_the_others() -> None:
    trial = run(strata_design("redistribute"), answers("10100000", stratum=UNIFORMS))
    first = trial["looks"][0]
    assert asked(first, "close") == [
        ("a", "sle", 1 / 2),
        ("a", "ssc", 1 / 6),
        ("a", "iim", 1 / 2),
    ]
    assert first["open_strata"] == ["sle", "iim"]
    # 0.65 lies half way in ssc: below 5/7, so sle; 0.77 at 9/10: iim; 0.51 at 1/30: sle.
    strata = [person["stratum"] for person in trial["participants"]]
    assert strata == ["ssc", "ssc", "sle", "iim", "sle", "iim", "sle", "sle"]
    # Each stratum's list is soc a soc a, by order of arrival in it.
    assert arms_of(trial) == "soc a soc soc a a soc a"
    assert [person["randomised_month"] for person in trial["participants"]] == [*range(1, 9)]
    # A closed stratum is asked nothing more.
    assert [target[1] for target in asked(trial["looks"][1], "close")] == ["sle", "iim"]
    assert trial["end"]["stratum_closed"] == {"sle": None, "ssc": 1, "iim": None}
    assert trial["end"]["counts_by_stratum"]["soc"] == {"sle": (1, 2), "ssc": (1, 1), "iim": (0, 1)}
    assert trial["end"]["n_analysed"] == 8
    assert trial["end"]["reason"] == "no_success"


def test_arrivals_of_the_first_stratum_are_shared_out() -> None:
    raw = strata_design("redistribute")
    latents = answers("0" * 8, stratum=[0.0, 0.29, 0.31, 0.49, 0.5, 0.79, 0.8, 0.99])
    trial = adaptive_trial.opened(raw, "only", latents, None, None)
    trial.stratum_closed["sle"] = 1
    # Of sle, [0, 0.5), the first 3/5 go to ssc, the rest to iim.
    assert [adaptive_trial.stratum_of(trial, participant) for participant in range(8)] == [
        "ssc", "ssc", "iim", "iim", "ssc", "ssc", "iim", "iim"
    ]  # fmt: skip
    trial.stratum_success["ssc"] = 2
    assert adaptive_trial.stratum_of(trial, 0) == "iim"


def test_arrivals_of_a_closed_stratum_are_lost() -> None:
    # Now 3 and 4 are in iim, the control responding, so that iim closes at look 2.
    uniforms = [0.6, 0.6, 0.9, 0.9, 0.2, 0.9, 0.51, 0.2]
    trial = run(strata_design("keep"), answers("10100000", stratum=uniforms))
    first, second, third = trial["looks"]
    assert first["date"] == 2.5
    # Seven tenths of a participant a month are left after month 2.5 ...
    months = [person["randomised_month"] for person in trial["participants"]]
    assert months[:4] == pytest.approx([1.0, 2.0, 2.5 + 0.5 / 0.7, 2.5 + 1.5 / 0.7])
    assert second["date"] == pytest.approx(months[3] + 0.5)
    assert second["open_strata"] == ["sle"]
    # ... and five tenths after look 2: the fifth was due 0.65 participants later.
    due = 0.7 * (2.5 + 2.5 / 0.7 - second["date"])
    assert due == pytest.approx(0.65)
    assert months[4] == pytest.approx(second["date"] + due / 0.5)
    assert np.diff(months[4:]) == pytest.approx([2.0, 2.0, 2.0])
    assert third["date"] == pytest.approx(months[7] + 0.5)
    assert [person["stratum"] for person in trial["participants"]][4:] == ["sle"] * 4
    assert trial["end"]["stratum_closed"] == {"sle": None, "ssc": 1, "iim": 2}
    assert trial["end"]["n_randomised"] == 8


@pytest.mark.parametrize("per_month", [2.0, {"ramp_months": 6, "plateau": 3.0}])
def test_expected_arrivals_and_months_are_inverse(per_month: Any) -> None:
    raw = {"enrolment": {"per_month": per_month}}
    for month in (0.5, 5.0, 6.0, 17.0):
        expected = adaptive_trial.expected_by(raw, month)
        assert adaptive_trial.month_of(raw, expected) == pytest.approx(month)
    if isinstance(per_month, dict):
        assert adaptive_trial.expected_by(raw, 6.0) == 9.0
        assert adaptive_trial.expected_by(raw, 8.0) == 15.0


def test_closing_during_the_ramp_slows_the_intensity_not_the_clock() -> None:
    # Expected by month t: t^2 / 4 up to month 6. At month 4 that is 4; half is closed.
    raw = strata_design("keep")
    raw["enrolment"]["per_month"] = {"ramp_months": 6, "plateau": 3.0}
    trial = adaptive_trial.opened(raw, "only", answers("00000000", stratum=[0.2] * 8), None, None)
    adaptive_trial.enrol_until(trial, 4.0)
    assert len(trial.people) == 4
    adaptive_trial.slow_down(trial, 4.0, list(SHARES), ["ssc", "iim"])
    assert trial.operational == [1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 12.0]
    person = adaptive_trial.prospect(trial)[4]
    assert person["randomised_month"] == pytest.approx(math.sqrt(24.0))


def test_a_question_about_the_open_strata_pools_them() -> None:
    raw = strata_design("redistribute")
    ask = {"arm": "a", "stratum": "open"}
    raw["rules"].append(rule("efficacy", "declare_success", ask=ask, at_least=0.8))
    # Look 2: ssc (soc 1/1, a 0/1) is closed; sle soc 0/1, iim soc 0/1: a is untouched.
    trial = run(raw, answers("10000000", stratum=UNIFORMS))
    assert asked(trial["looks"][0], "efficacy") == [("a", "open", 1 / 2)]
    # Uniform above Beta(1, 3): E[1 - (1 - X)^3] = 3/4.
    assert asked(trial["looks"][1], "efficacy") == [("a", "open", 3 / 4)]
    # Look 3: sle soc 0/2, a 1/2; iim soc 0/1, a 1/1 with responses of the fifth and sixth.
    trial = run(raw, answers("10001100", stratum=UNIFORMS))
    value = posterior.probability_difference_above(((1.0, 3.0, 2.0),), ((1.0, 1.0, 4.0),), 0.0)
    assert asked(trial["looks"][2], "efficacy") == [("a", "open", value)]
    end = trial["end"]
    assert (end["reason"], end["rule"]) == ("success", "efficacy")
    assert end["arm_success"] == {"a": True}
    assert not trial["final"]["reversal"]


def test_success_of_a_stratum_closes_it_and_the_others_go_on() -> None:
    raw = strata_design("redistribute")
    ask = {"arm": "a", "stratum": "each"}
    raw["rules"] = [
        rule("efficacy", "declare_success", ask=ask, at_least=0.8),
        rule("close", "close_stratum", ask=ask, below=0.3),
    ]
    trial = run(raw, answers("01000000", stratum=UNIFORMS))
    first = trial["looks"][0]
    assert asked(first, "efficacy")[1] == ("a", "ssc", 5 / 6)
    assert [target[1] for target in asked(first, "close")] == ["sle", "iim"]
    assert first["open_strata"] == ["sle", "iim"]
    assert trial["participants"][2]["stratum"] == "sle"
    end = trial["end"]
    assert (end["look"], end["reason"]) == (3, "success")
    assert end["stratum_success"] == {"sle": False, "ssc": True, "iim": False}
    assert end["stratum_closed"] == dict.fromkeys(SHARES)
    assert end["arm_success"] == {"a": True}
    raw["multiarm"] = {"ends": "first_success"}
    assert run(raw, answers("01000000", stratum=UNIFORMS))["end"]["look"] == 1


def test_all_strata_closed_is_futility() -> None:
    raw = strata_design("redistribute")
    raw["rules"][0]["below"] = 0.6  # 1/2 is not enough
    end = run(raw, answers("10000000", stratum=UNIFORMS))["end"]
    assert (end["look"], end["reason"], end["rule"]) == (1, "futility", "close")
    assert end["stratum_closed"] == {"sle": 1, "ssc": 1, "iim": 1}
    assert end["n_randomised"] == 2


def test_the_other_models_are_asked_with_counts_by_arm_and_stratum() -> None:
    raw = strata_design("redistribute", analysis={"dfr": {"model": "logistic"}})
    ask_open = {"arm": "each", "stratum": "open"}
    raw["rules"].append(rule("efficacy", "declare_success", ask=ask_open, at_least=0.8))
    calls = []

    def ask(name: str, question: Any, data: Any, open_strata: list[str]) -> float:
        calls.append((name, question, data, open_strata))
        if question["stratum"] == "open":
            return 0.85 if data["counts"]["soc"]["sle"] == (1, 2) else 0.1
        return 0.2 if question["stratum"] == "ssc" else 0.7

    trial = run(raw, answers("10100000", stratum=UNIFORMS), ask)
    # At look 1 the three strata, then the open ones after ssc was closed.
    assert [(call[1]["stratum"], call[3]) for call in calls[:4]] == [
        ("sle", ["sle", "ssc", "iim"]),
        ("ssc", ["sle", "ssc", "iim"]),
        ("iim", ["sle", "ssc", "iim"]),
        ("open", ["sle", "iim"]),
    ]
    assert calls[3][0] == "dfr"
    assert calls[3][1] == {
        "endpoint": "dfr", "arm": "a", "minus": "soc", "above": 0.0, "stratum": "open"
    }  # fmt: skip
    assert calls[3][2] == {
        "counts": {
            "soc": {"sle": (0, 0), "ssc": (1, 1), "iim": (0, 0)},
            "a": {"sle": (0, 0), "ssc": (0, 1), "iim": (0, 0)},
        }
    }
    assert trial["end"]["reason"] == "success"
    assert trial["end"]["posterior_mean"] is None
    assert calls[-1][3] == ["sle", "iim"]  # judged again with the strata then open
    with pytest.raises(ValueError, match="nobody to ask"):
        run(raw, answers("10100000", stratum=UNIFORMS))


# --- Enrolment stopped ------------------------------------------------------------------------


def test_stop_enrolment_leads_to_the_last_look() -> None:
    stop = rule("enough", "stop_enrolment", at_least=0.0, looks=[2])
    final = rule("superior", "declare_success", at_least=[0.99, 0.99, 0.9], looks=[1, 2, 3])
    raw = design(
        "a",
        endpoints={"dfr": {"type": "landmark", "month": 3}},
        looks={"observed": [2, 4, 12]},
        rules=[stop, final],
    )
    # Look 2 at month 7: seven are in. soc a soc a soc a soc
    trial = run(raw, answers("010101000000"))
    assert [look["look"] for look in trial["looks"]] == [1, 2, 3]
    assert trial["looks"][1]["n_randomised"] == 7
    last = trial["looks"][2]
    assert (last["date"], last["n_randomised"]) == (10.0, 7)
    assert last["rules"]["superior"][0]["threshold"] == 0.9
    end = trial["end"]
    assert (end["look"], end["reason"], end["n_analysed"]) == (3, "success", 7)
    # With four looks, the third is skipped.
    raw["looks"] = {"observed": [2, 4, 9], "final": "all_observed"}
    final["looks"], final["at_least"] = ["final"], 0.9
    trial = run(raw, answers("010101000000"))
    assert [look["look"] for look in trial["looks"]] == [1, 2, 4]
    assert trial["looks"][2]["date"] == 10.0
    assert "superior" in trial["looks"][2]["rules"]
    assert trial["end"]["n_randomised"] == 7


def test_the_final_look_does_not_come_before_the_one_before_it() -> None:
    raw = design("a", 4, looks={"months": [2.5, 20.0], "final": "all_observed"}, rules=[])
    trial = run(raw, answers("0000"))
    assert [(look["look"], look["date"]) for look in trial["looks"]] == [
        (1, 2.5),
        (2, 20.0),
        (3, 20.0),
    ]


# --- Events -----------------------------------------------------------------------------------


def event_design(**changes: Any) -> dict[str, Any]:
    """Four participants one a month, time to event with a hazard of 1 a month."""
    exponential = {"dist": "exponential", "rate": 1.0}
    question = {"endpoint": "relapse", "arm": "a", "hazard_ratio_to": "soc", "below": 1.0}
    rules: list[tuple[str, Any, dict[str, Any]]] = [
        ("always", [0.9, 0.8, 0.7], {}),
        ("at_the_end", 0.6, {"looks": ["final"]}),
        ("both", [0.5, 0.4], {"looks": [2, "final"]}),
        ("third", 0.3, {"looks": [3]}),
    ]
    raw = design(
        "a",
        4,
        endpoints={"relapse": {"type": "time_to_event", "horizon": 10}},
        analysis={"relapse": {"model": "piecewise_exponential"}},
        looks={"events": [1, 3, 4]},
        rules=[
            {
                "name": name,
                "then": "declare_success",
                "posterior": dict(question),
                "at_least": threshold,
                **looks,
            }
            for name, threshold, looks in rules
        ],
        truth={"dropout": EVERY_MONTH},
        scenarios={"only": {"relapse": {"soc": exponential, "a": exponential}}},
    )
    return raw | changes


def event_latents() -> dict[str, Any]:
    """Events after 5, 1, 20 and 3 months; the fourth drops out after 2."""
    return {
        "assignment": [[0.0] * 4],
        "outcome:relapse": [after(months) for months in (5.0, 1.0, 20.0, 3.0)],
        "dropout": [after(months) for months in (24.0, 24.0, 24.0, 2.0)],
    }


def test_looks_by_events_and_a_number_that_cannot_be_reached() -> None:
    calls = []

    def ask(name: str, question: Any, data: Any, open_strata: list[str]) -> float:
        calls.append(data["times"])
        assert (name, question["hazard_ratio_to"], open_strata) == ("relapse", "soc", [])
        return 0.1

    trial = run(event_design(), event_latents(), ask)
    first, second = trial["looks"]
    # The first event is the second participant's, at month 2 + 1; the other at 1 + 5.
    assert first["date"] == pytest.approx(3.0)
    assert first["n_randomised"] == 3
    rows = [("soc", None, 2.0, False), ("a", None, 1.0, True), ("soc", None, 0.0, False)]
    for row, expected in zip(calls[0], rows, strict=True):
        assert row == (*expected[:2], pytest.approx(expected[2], abs=1e-9), expected[3])
    assert list(first["rules"]) == ["always"]
    # Only two can be reached: the second look is the last, when the third one's horizon is over.
    assert (second["look"], second["date"]) == (2, 13.0)
    assert {name: targets[0]["threshold"] for name, targets in second["rules"].items()} == {
        "always": 0.8,
        "at_the_end": 0.6,
        "both": 0.5,  # the look has a number of its own in the rule
    }
    months = [5.0, 1.0, 10.0, 2.0]
    assert [row[2] for row in calls[-1]] == pytest.approx(months)
    assert [row[3] for row in calls[-1]] == [True, True, False, False]
    end = trial["end"]
    assert (end["look"], end["reason"], end["n_analysed"]) == (2, "no_success", 4)
    assert end["counts"] == {"soc": (1, 2), "a": (1, 2)}
    assert second["endpoints"]["relapse"]["soc"]["months_at_risk"] == pytest.approx(15.0)


def test_the_second_event_comes_when_it_comes() -> None:
    trial = run(event_design(looks={"events": [1, 2]}, rules=[]), event_latents())
    assert [look["date"] for look in trial["looks"]] == pytest.approx([3.0, 6.0])
    assert trial["end"]["look"] == 2


def test_those_who_never_have_the_event_are_left_out_of_the_last_date() -> None:
    raw = event_design(looks={"events": [1, 3]}, rules=[], truth={})
    del raw["endpoints"]["relapse"]["horizon"]
    cured = {"dist": "exponential", "rate": 1.0, "cured": 0.5}
    raw["scenarios"]["only"]["relapse"] = {"soc": cured, "a": cured}
    latents = event_latents()
    latents["outcome:relapse"] = [after(8.0) / 2, after(1.0) / 2, 0.5, 0.9]
    trial = run(raw, latents)
    assert [look["date"] for look in trial["looks"]] == pytest.approx([3.0, 9.0])
    assert trial["looks"][1]["endpoints"]["relapse"]["soc"]["events"] == 1
    assert [p["relapse"] for p in trial["participants"]][2:] == [NEVER, NEVER]


def test_a_success_by_events_is_judged_again_when_all_are_followed() -> None:
    def ask(name: str, question: Any, data: Any, open_strata: list[str]) -> float:
        # Sure of it as long as the fourth participant has not come in.
        return 0.95 if len(data["times"]) < 4 else 0.2

    trial = run(event_design(), event_latents(), ask)
    assert (trial["end"]["reason"], trial["end"]["look"]) == ("success", 1)
    # Everybody in: three, followed up to month 13, when two events have been seen.
    assert trial["final"]["counts"] == {"soc": (1, 2), "a": (1, 1)}
    assert not trial["final"]["reversal"]

    def fickle(name: str, question: Any, data: Any, open_strata: list[str]) -> float:
        return 0.95 if sum(row[3] for row in data["times"]) == 1 else 0.2

    assert run(event_design(), event_latents(), fickle)["final"]["reversal"]


def test_times_to_relapse_are_of_remitters_from_onset() -> None:
    endpoint = {"type": "time_to_relapse", "horizon": 24}
    person: dict[str, Any] = {"arm": "a", "stratum": None, "randomised_month": 0.0}
    people = [
        person | {"remission_month": onset, "relapse_month": relapse, "dropout_month": dropout,
                  "death_month": NEVER}
        for onset, relapse, dropout in [
            (2.0, 8.0, NEVER), (2.0, 8.0, 5.0), (2.0, 27.0, NEVER), (31.0, 32.0, NEVER),
            (6.0, 7.0, 5.0), (NEVER, NEVER, NEVER),
        ]
    ]  # fmt: skip
    rows = adaptive_trial.time_rows("relapse", endpoint, people, 30.0)
    assert rows == [("a", None, 6.0, True), ("a", None, 3.0, False), ("a", None, 24.0, False)]
    dates = [adaptive_trial.event_and_end("relapse", endpoint, person) for person in people]
    assert dates == [
        (8.0, 8.0), (NEVER, 5.0), (NEVER, 26.0), (32.0, 32.0), (NEVER, NEVER), (NEVER, NEVER)
    ]  # fmt: skip


# --- Checks between looks ---------------------------------------------------------------------


def infused_design(delay: float = 0.25, **changes: Any) -> dict[str, Any]:
    """Eight participants, soc a soc a ...; those in a are infused after a delay."""
    question = {"endpoint": "crs3", "arm": "a", "above": 0.15}
    raw = design(
        "a",
        8,
        endpoints={
            "dfr": {"type": "landmark", "month": 3},
            "crs3": {"type": "adverse_event", "within_months": 0.5},
        },
        looks={"observed": [5, 8]},
        rules=[
            {
                "name": "safety",
                "then": "stop_for_safety",
                "posterior": question,
                "at_least": 0.9,
                "every": 2,
            }
        ],
        truth={
            "a": {
                "infusion": {"delay": {"dist": "fixed", "value": delay}},
                "events": {"crs3": 0.5},
            }
        },
    )
    return raw | changes


def infused_latents(events: str) -> dict[str, Any]:
    """An event early in the window where there is a 1."""
    return answers(
        "00000000",
        infusion_delay=[0.5] * 8,
        **{"event:crs3": [0.1 if character == "1" else 0.9 for character in events]},
    )


def test_a_safety_stop_between_looks() -> None:
    # Infusions at 2.25, 4.25, 6.25 and 8.25: checks at 4.25 and 8.25, looks at 8 and 11.
    trial = run(infused_design(), infused_latents("01000000"))
    assert trial["looks"] == []
    (check,) = trial["between_looks"]
    # One of the two has passed the window, with an event: 1 - 0.15^2.
    assert (check["look"], check["date"]) == (1, 4.25)
    assert check["endpoints"]["crs3"]["a"] == {"events": 1, "totals": 1}
    assert asked(check, "safety") == [("a", None, 1.0 - 0.15**2)]
    end = trial["end"]
    assert (end["look"], end["between_looks"], end["reason"]) == (1, True, "safety")
    assert (end["months"], end["n_randomised"], end["n_infused"]) == (4.25, 4, 2)
    assert end["n_analysed"] == 1  # the first one's landmark was month 4
    assert trial["final"]["counts"] == {"soc": (0, 2), "a": (0, 2)}


def test_a_safety_stop_after_the_first_look_counts_for_the_second() -> None:
    raw = infused_design()
    raw["rules"][0] |= {"looks": [2], "at_least": [0.85]}
    # Nothing in the first window; at 8.25 the three windows passed hold two events.
    trial = run(raw, infused_latents("00010100"))
    assert [check["date"] for check in trial["between_looks"]] == [4.25, 8.25]
    assert asked(trial["between_looks"][0], "safety") == [("a", None, 0.85**2)]
    assert [look["rules"] for look in trial["looks"]] == [{}]
    expected = float(stats.beta.sf(0.15, 3, 2))
    assert asked(trial["between_looks"][1], "safety") == [("a", None, expected)]
    assert trial["between_looks"][1]["rules"]["safety"][0]["threshold"] == 0.85
    end = trial["end"]
    assert (end["look"], end["months"], end["reason"]) == (2, 8.25, "safety")
    assert end["n_randomised"] == 8


def test_the_threshold_of_a_check_is_that_of_the_look_to_come() -> None:
    raw = infused_design()
    raw["rules"][0]["at_least"] = [0.8, 0.9]
    trial = run(raw, infused_latents("00000000"))
    thresholds = [check["rules"]["safety"][0]["threshold"] for check in trial["between_looks"]]
    assert thresholds == [0.8, 0.9]
    raw["rules"][0] |= {"looks": [1], "at_least": [0.8]}
    trial = run(raw, infused_latents("00000000"))
    assert trial["between_looks"][1]["rules"]["safety"][0]["threshold"] == 0.8
    assert [list(look["rules"]) for look in trial["looks"]] == [["safety"], []]


def test_infusions_are_counted_by_their_dates() -> None:
    raw = infused_design()
    raw["truth"]["a"]["infusion"]["delay"] = {"dist": "exponential", "rate": 1.0}
    latents = infused_latents("00000000")
    # At 2 + 5, 4 + 0.5, 6 + 0.25 and 8 + 9: the second is at 6.25, the fourth after the end.
    for participant, delay in [(1, 5.0), (3, 0.5), (5, 0.25), (7, 9.0)]:
        latents["infusion_delay"][participant] = after(delay)
    trial = run(raw, latents)
    assert [check["date"] for check in trial["between_looks"]] == pytest.approx([6.25])
    assert trial["between_looks"][0]["n_infused"] == 2


def test_no_check_on_the_day_of_a_look() -> None:
    # Infusions at 6, 8, 10 and 12: the second on the very day of look 1, the fourth after look 2.
    trial = run(infused_design(delay=4.0), infused_latents("00000000"))
    assert [look["date"] for look in trial["looks"]] == [8.0, 11.0]
    assert trial["between_looks"] == []
    # By every infusion: 6 and 10.
    raw = infused_design(delay=4.0)
    raw["rules"][0]["every"] = 1
    trial = run(raw, infused_latents("00000000"))
    assert [(check["look"], check["date"]) for check in trial["between_looks"]] == [
        (1, 6.0),
        (2, 10.0),
    ]
    assert trial["end"]["reason"] == "no_success"


# --- Event rates ------------------------------------------------------------------------------


def rate_design(**changes: Any) -> dict[str, Any]:
    """Four participants, 1.2 infections a year: a gap of -10 log(1 - u) months."""
    raw = design(
        "a",
        4,
        endpoints={
            "dfr": {"type": "landmark", "month": 3},
            "infection": {"type": "event_rate"},
        },
        analysis={"infection": {"model": "gamma_poisson", "prior": {"a": 0.5, "b": 5.0}}},
        looks={"observed": [2, 4]},
        rules=[
            {
                "name": "harm",
                "then": "stop_for_safety",
                "posterior": {"endpoint": "infection", "arm": "a", "above": 0.3},
                "at_least": 0.95,
            }
        ],
        truth={"dropout": EVERY_MONTH},
    )
    raw["scenarios"]["only"]["infection"] = {"soc": 1.2, "a": 1.2}
    return raw | changes


def rate_latents() -> dict[str, Any]:
    """Infections after (3, 5), (2, ...), none, (1, 2); the fourth drops out after 1.5 months."""
    latents = answers("0000", dropout=[after(24.0)] * 3 + [after(1.5)])
    gaps = [(0.3, 0.2, 9.0), (0.2, 9.0, 9.0), (9.0, 9.0, 9.0), (0.1, 0.1, 9.0)]
    for number in range(3):
        latents[f"rate:infection:{number}"] = [after(gap[number]) for gap in gaps]
    return latents


def test_event_rates_by_arm() -> None:
    calls = []

    def ask(name: str, question: Any, data: Any, open_strata: list[str]) -> float:
        calls.append((name, question, data["rates"]))
        return 0.97 if data["rates"]["a"][0] > 1 else 0.1

    # Look 1 at month 5: followed 4, 3, 2 and 1 months. The fourth's first is at 1 month, just.
    latents = rate_latents()
    latents["rate:infection:0"][3] = after(0.12)
    trial = run(rate_design(), latents, ask)
    first, second = trial["looks"]
    seen = first["endpoints"]["infection"]
    assert seen["soc"] == {"totals": 2, "events": 1, "years": pytest.approx(6 / 12)}
    assert seen["a"] == {"totals": 2, "events": 1, "years": pytest.approx(4 / 12)}
    assert calls[0][0] == "infection"
    assert calls[0][1] == {"endpoint": "infection", "arm": "a", "above": 0.3}
    assert calls[0][2]["soc"] == (1, pytest.approx(0.5))
    # Month 7: followed 6, 5, 4 and, to dropout, 1.5 months. Its second event, at 2.2, is unseen.
    seen = second["endpoints"]["infection"]
    assert seen["soc"] == {"totals": 2, "events": 2, "years": pytest.approx(10 / 12)}
    assert seen["a"] == {"totals": 2, "events": 2, "years": pytest.approx(6.5 / 12)}
    assert (trial["end"]["reason"], trial["end"]["look"]) == ("safety", 2)
    assert trial["end"]["n_analysed"] == 4


def test_event_rates_of_a_course_and_by_stratum() -> None:
    truth: dict[str, Any] = {
        "soc": {"rates": {"infection": 0.07}},
        "a": {"rates": {"infection": 0.1}, "strata": {"ssc": {"rates": {"infection": 0.2}}}},
    }
    rate = adaptive_trial.yearly_rate
    assert rate(truth, "infection", "soc", "ssc", 6.0) == 0.07
    assert rate(truth, "infection", "a", "sle", 6.0) == 0.1
    assert rate(truth, "infection", "a", "ssc", 6.0) == 0.2
    assert rate(truth, "malignancy", "a", None, 6.0) == 0.0
    truth["infection"] = {"soc": 0.3, "a": {"sle": 0.4, "ssc": 0.5}}
    assert rate(truth, "infection", "soc", "ssc", 6.0) == 0.3
    assert rate(truth, "infection", "a", "ssc", 6.0) == 0.5


# --- The seven designs ------------------------------------------------------------------------


def load(name: str) -> dict[str, Any]:
    """A design of the project, with numbers where thresholds are to be calibrated."""
    raw = tomllib.loads((DESIGNS / f"{name}.toml").read_text(encoding="utf-8"))
    for one in raw["rules"]:
        for key in ("at_least", "below"):
            if one.get(key) == "calibrate":
                one[key] = 0.98
    return raw


def uniforms(raw: dict[str, Any], generator: np.random.Generator) -> dict[str, Any]:
    """All the latents that a design could ask for, drawn at random."""
    number = raw["enrolment"]["max_n"]
    purposes = ["arrival", "stratum", "allocation", "infusion_failure", "infusion_delay"]
    purposes += ["remission", "remission_onset", "cured", "relapse", "remission_on_drugs"]
    purposes += ["remission_on_drugs_onset", "rescue", "dropout", "death"]
    for name in raw["endpoints"]:
        purposes += [f"event:{name}", f"outcome:{name}"]
        purposes += [f"rate:{name}:{gap}" for gap in range(40)]
    latents: dict[str, Any] = {purpose: generator.random(number) for purpose in purposes}
    latents["assignment"] = generator.random((3, number))
    return latents


@pytest.mark.parametrize(
    ("name", "scenario"),
    [
        ("hello", "null"),
        ("hello", "expected"),
        ("sle_autologous", "expected"),
        ("sle_autologous", "toxic"),
        ("goldilocks_allogeneic", "expected"),
    ],
)
def test_where_nothing_adapts_it_is_the_same_trial(name: str, scenario: str) -> None:
    raw = load(name)
    generator = np.random.default_rng(20260101)
    for _ in range(3):
        latents = uniforms(raw, generator)
        plain = one_trial.run(raw, scenario, latents)
        trial = adaptive_trial.run(raw, scenario, latents)
        # The plain twin lists also those who would have come later.
        number = trial["end"]["n_randomised"]
        for person, other in zip(trial["participants"], plain["participants"], strict=False):
            assert {key: person[key] for key in other} == other
        assert len(trial["participants"]) == number
        assert len(trial["looks"]) == len(plain["looks"])
        for look, other in zip(trial["looks"], plain["looks"], strict=True):
            for key in other:
                if key not in ("rules", "endpoints", "strata"):
                    assert look[key] == other[key]
            np.testing.assert_equal(look["endpoints"], other["endpoints"])
            for judged, said in other["rules"].items():
                (target,) = look["rules"][judged]
                assert {key: target[key] for key in said} == said
        for key, value in plain["end"].items():
            assert trial["end"][key] == value, key
        for key, value in plain["final"].items():
            assert trial["final"][key] == value, key


def lean(name: str, question: Any, data: Any, open_strata: list[str]) -> float:
    """Something that leans to where the data lean: no posterior, but monotone."""
    if "times" in data:
        events, months = dict.fromkeys(("s", "e"), 0.5), dict.fromkeys(("s", "e"), 1.0)
        for arm, _, month, event in data["times"]:
            side = "e" if arm == question["arm"] else "s"
            events[side] += event
            months[side] += month
        ratio = math.log(events["s"] / months["s"]) - math.log(events["e"] / months["e"])
        spread = math.sqrt(1 / events["s"] + 1 / events["e"])
        return float(stats.norm.cdf(ratio / spread))
    if "rates" in data:
        events, years = data["rates"][question["arm"]]
        return float(stats.gamma.sf(question["above"], 0.5 + events, scale=1 / (5.0 + years)))
    strata = open_strata if question["stratum"] == "open" else [question["stratum"]]
    sums = {}
    for arm in (question["arm"], question["minus"]):
        pairs = [data["counts"][arm][stratum] for stratum in strata]
        sums[arm] = posterior.updated(
            ((1.0, 1.0, 9.0),), *(sum(x) for x in zip(*pairs, strict=True))
        )
    first, second = sums[question["arm"]], sums[question["minus"]]
    return posterior.probability_difference_above(first, second, question["above"])


def all_over(raw: dict[str, Any], people: list[dict[str, Any]]) -> float:
    """Date at which nobody is left under follow-up for a time to relapse from randomisation."""
    horizon = raw["endpoints"]["relapse"]["horizon"]
    return float(
        max(
            person["randomised_month"] + min(person["relapse"], person["dropout_month"], horizon)
            for person in people
        )
    )


@pytest.mark.parametrize(
    ("name", "scenario", "reasons"),
    [
        ("basket_diseases", "sle_only", {"success", "no_success"}),
        ("basket_diseases", "null", {"futility", "no_success", "success"}),
        ("durability_event_driven", "null", {"no_success", "success"}),
        ("durability_event_driven", "cured_half", {"success"}),
        ("enrichment_biomarker", "harmful", {"safety", "success"}),
        ("enrichment_biomarker", "high_only", {"safety", "success", "no_success"}),
        ("products_multiarm", "ordered", {"success"}),
        ("products_multiarm", "null", {"futility", "no_success", "success"}),
    ],
)
def test_the_adaptive_designs_run_and_keep_their_books(
    name: str, scenario: str, reasons: set[str]
) -> None:
    raw = load(name)
    generator = np.random.default_rng(7)
    seen = set()
    for _ in range(3):
        trial = adaptive_trial.run(raw, scenario, uniforms(raw, generator), ask=lean)
        end, looks, people = trial["end"], trial["looks"], trial["participants"]
        seen.add(end["reason"])
        assert sum(end["n_randomised_by_arm"].values()) == end["n_randomised"] == len(people)
        assert end["n_randomised"] <= raw["enrolment"]["max_n"]
        months = [person["randomised_month"] for person in people]
        assert months == sorted(months)
        assert months[-1] <= end["months"] == looks[-1]["date"]
        dates = [look["date"] for look in looks]
        assert dates == sorted(dates)
        for look, following in itertools.pairwise(looks):
            new = people[look["n_randomised"] : following["n_randomised"]]
            for person in new:
                assert (
                    person["arm"] == "soc"
                    or person["arm"] in look["open_arms"]
                    or (person["arm"] == "withdraw_late")
                )
                assert person["stratum"] is None or person["stratum"] in look["open_strata"]
            assert math.fsum(look["shares"].values()) == pytest.approx(1.0)
        if name == "durability_event_driven":
            # The event that makes a look due is seen at it.
            for look, number in zip(looks, raw["looks"]["events"], strict=False):
                arms = look["endpoints"]["relapse"].values()
                events = sum(seen_in["events"] for seen_in in arms)
                last = look is looks[-1] and look["date"] == all_over(raw, people)
                assert events == number or (last and events < number)
        else:
            assert end["n_analysed"] == sum(total for _, total in end["counts"].values())
        if end["reason"] == "success":
            assert any(end["arm_success"].values())
            assert trial["final"]["successes"]
    assert seen <= reasons
