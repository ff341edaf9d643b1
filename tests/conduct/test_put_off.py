"""Arms of whoever comes after a look are drawn when the next one sees them: the same trials.

The slow way draws everybody anew after every look, and follows all of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from adaptive_cart.conduct import trial
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.revealed import run_revealing
from adaptive_cart.conduct.trial import Block, run_block
from adaptive_cart.design.design import Design
from adaptive_cart.design.scenarios import truths_of
from adaptive_cart.participants.enrolment import Enrolment
from adaptive_cart.participants.population import latents_for
from adaptive_cart.results.rows import looks_table, trials_table
from conduct.test_shares_of_any_endpoint import design as of_kind

TRIALS = 40
ADAPTIVE = {"method": "response_adaptive", "power": 1.0, "minimum": 0.1}


def of_many(**changes: Any) -> Design:
    """Four arms to 160 participants, so that words of bits are cut by looks; with changes."""
    arms = ("soc", "one", "two", "three")
    ask = {"endpoint": "response", "arm": "each", "minus": "soc", "above": 0.0}
    raw: dict[str, Any] = {
        "name": "Four arms",
        "arms": {"soc": {"control": True}} | {arm: {} for arm in arms[1:]},
        "randomisation": ADAPTIVE | {"burn_in": 40},
        "endpoints": {"response": {"type": "landmark", "month": 3.0}},
        "analysis": {"response": {"model": "beta_binomial"}},
        "enrolment": {"max_n": 160, "per_month": 8.0},
        "looks": {"observed": [40, 75, 110, 160]},
        "multiarm": {"ends": "all_arms_resolved"},
        "rules": [
            {"name": "good", "then": "declare_success", "posterior": ask, "at_least": 0.98},
            {"name": "poor", "then": "drop_arm", "posterior": ask, "below": 0.2},
        ],
        "scenarios": {"a": {"response": dict(zip(arms, (0.3, 0.5, 0.35, 0.2), strict=True))}},
    }
    return Design(**raw | changes)


LOST = {"a": {"response": {"soc": 0.3, "one": 0.5, "two": 0.35, "three": 0.2},
              "dropout": {"per_year": 0.5}}}  # fmt: skip
IN_EACH_ARM = {"observed": [40, 75, 110, 160], "minimum_in_each_arm": 18}
DESIGNS = {
    "counts": lambda: of_many(),
    "some are lost": lambda: of_many(scenarios=LOST),
    "a least number in each arm": lambda: of_many(looks=IN_EACH_ARM),
    "by the calendar": lambda: of_many(looks={"months": [8.0, 12.0, 19.0, 23.5]}),
    "a fixed control": lambda: of_many(randomisation=ADAPTIVE | {"control": 0.3}),
    "the best is sought": lambda: of_many(
        rules=[
            {"name": "best", "then": "declare_success", "at_least": 0.9,
             "posterior": {"endpoint": "response", "arm": "each", "best": True}},
        ]
    ),
    "enrolment stops": lambda: of_many(
        rules=[
            {"name": "enough", "then": "stop_enrolment", "at_least": 0.9,
             "posterior": {"endpoint": "response", "arm": "one", "minus": "soc", "above": 0.0}},
        ]
    ),
    **{kind: lambda kind=kind: of_kind(kind, {"power": 1.0})
       for kind in ("landmark", "adverse_event", "event_rate", "time_to_event")},
}  # fmt: skip


def told(design: Design, block: Block) -> list[Any]:
    """All that is written of a block."""
    plan = Plan.of(design)
    return [trials_table(plan, "a", [block]), looks_table(plan, "a", [block])]


def run(design: Design, keep: bool = False) -> Block:
    plan, truth = Plan.of(design), truths_of(design)["a"]
    unknown = (np.nan,) * len(plan.estimands)
    return run_block(plan, truth, unknown, latents_for(design, 7, 3, TRIALS), keep)


def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "in_arrays", lambda *_: False)


@pytest.mark.parametrize("name", DESIGNS)
def test_the_same_trials_as_where_everybody_is_drawn_anew(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    design = DESIGNS[name]()
    found = told(design, run(design))
    at_once(monkeypatch)
    for table, wanted in zip(found, told(design, run(design)), strict=True):
        assert table.column_names == wanted.column_names
        for column in wanted.column_names:
            np.testing.assert_array_equal(table[column].to_numpy(), wanted[column].to_numpy())


def test_it_is_put_off_where_outcomes_are_numbers_and_drawn_a_column_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[slice | None] = []
    draw_by = Enrolment.draw_by

    def noted(self: Enrolment, date: Any) -> slice | None:
        drawn.append(draw_by(self, date))
        return drawn[-1]

    monkeypatch.setattr(Enrolment, "draw_by", noted)
    run(of_many())
    columns = [each for each in drawn if each is not None]
    assert len(columns) > 2
    assert all(one.stop - one.start < 100 for one in columns[:-1])
    at_once(monkeypatch)
    drawn.clear()
    run(of_many())
    assert not any(drawn)


def test_only_the_first_are_followed_before_a_look_sees_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    design = of_many()
    plan, truth = Plan.of(design), truths_of(design)["a"]

    def followed() -> Any:
        conduct = trial.SimulatedConduct(plan, truth, (), latents_for(design, 7, 3, TRIALS))
        words = [members.words for (members,) in conduct.population.groups]
        return np.bitwise_or.reduce(words), conduct.population.outcomes["response"]

    everybody = np.uint64(2**64 - 1)
    members, response = followed()
    assert (members[:, 0] == everybody).all()
    assert not members[:, 1:].any()
    assert not response[:, 64:].any()
    at_once(monkeypatch)
    members, same = followed()
    assert (members[:, :2] == everybody).all()
    np.testing.assert_array_equal(response[:, :64], same[:, :64])


def test_whoever_is_shown_has_all_participants(monkeypatch: pytest.MonkeyPatch) -> None:
    never = [{"name": "good", "then": "declare_success", "at_least": 1.0,
              "posterior": {"endpoint": "response", "arm": "each", "minus": "soc", "above": 0.0}},
             ]  # fmt: skip
    for design in (of_many(), of_many(rules=never, looks={"observed": [40, 70]})):
        found = run(design, keep=True).population
        with monkeypatch.context() as patched:
            at_once(patched)
            wanted = run(design, keep=True).population
        assert found is not None
        assert wanted is not None
        np.testing.assert_array_equal(found.arm, wanted.arm)
        for name, outcome in wanted.outcomes.items():
            np.testing.assert_array_equal(found.outcomes[name], outcome)
        for (one,), (other,) in zip(found.groups, wanted.groups, strict=True):
            np.testing.assert_array_equal(one.words, other.words)


def test_trials_that_nothing_ends_are_revealed_with_everybody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    design = of_many(looks={"observed": [40, 70]})
    plan, truth = Plan.of(design), truths_of(design)["a"]

    def seen() -> tuple[Any, Any]:
        return run_revealing(plan, truth, latents_for(design, 7, 3, TRIALS), "response")[1:]

    found = seen()
    at_once(monkeypatch)
    for one, other in zip(found, seen(), strict=True):
        np.testing.assert_array_equal(one, other)
