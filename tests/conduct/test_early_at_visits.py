"""Earlier months where states are seen at visits: against a count from the real course."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import adaptive_cart as ac
from adaptive_cart.analysis.replay import replayed
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.design.design import Design
from adaptive_cart.participants.enrolment import Enrolment
from adaptive_cart.participants.population import followed, latents_for
from adaptive_cart.recorded.file import read_participants
from analysis.test_real_trial_round_trip import held_in, same_end, same_look, simulated, table
from conduct.test_early_tells_late import STATES, Arm, Kept, design, first_look, tables
from endpoints.test_chain import design as chain
from twin.visits import missed

VISITS = {"visit_every": 1.5, "window": 1.0, "missed": 0.25, "reporting_delay": 0.5}
WINDOW, DELAY, MONTH, SINCE = 1.0, 0.5, 12.0, 9.0


def at_visits(months: list[float], **more: Any) -> dict[str, Any]:
    return design(months, **more) | {"follow_up": dict(VISITS)}


class SeenArm(Arm):
    """An arm of a trial at its first look, as visits to the real course show it."""

    def __init__(
        self, conduct: Kept, real: Any, uniform: Any, trial: int, arm: int, months: list[float]
    ) -> None:
        assert conduct.seen is not None
        course = real.course
        spells = real.state("drug_free_remission")
        now = float(conduct.seen.snapshot.date[trial]) - DELAY + 1e-9  # months alike are the same
        self.responders = self.analysed = self.failed = 0
        self.waiting = {(m, s): 0 for m in months for s in STATES[:2]}
        self.rows = {
            (m, s): dict.fromkeys(("none", "response") if m == months[-1] else STATES, 1)
            for m in months
            for s in STATES[:2]
        }
        for k in range(int(conduct.seen.snapshot.randomised[trial])):
            if real.arm[trial, k] != arm:
                continue
            at = (trial, k)
            fails = min(c[at] for c in (course.rescue, course.death, course.dropout))
            gone = min(course.death[at], course.dropout[at])
            held = [
                number * VISITS["visit_every"]
                for number in range(1, 40)
                if number * VISITS["visit_every"] <= gone
                and not missed(float(uniform[at]), number, VISITS["missed"])
            ]

            def inside(visit: float, at: tuple[int, int] = at) -> bool:
                return any(s.began[at] <= visit < s.ended[at] for s in spells.spells)

            states = {}
            for month in months:
                last = max((visit for visit in held if visit <= month), default=None)
                state = STATES[int(last is not None and inside(last))]
                states[month] = "failed" if fails <= month else state

            def stands(month: float, held: list[float] = held) -> float | None:
                near = [v for v in held if abs(v - month) <= WINDOW + 1e-9]
                return min(near, key=lambda v: (round(abs(v - month), 9), v), default=None)

            last = stands(MONTH)
            first = stands(SINCE)
            first = max((v for v in held if v <= SINCE), default=0.0) if first is None else first
            counted = [v for v in held if last is not None and first <= v <= last]
            response = last is not None and all(map(inside, counted)) and inside(first)
            response = response and fails > MONTH
            age = now - real.arrival[at]
            known = age >= MONTH + WINDOW
            self.analysed += known
            self.responders += known and response
            if not known and fails <= age:
                self.failed += 1
            marks = [*months[1:], MONTH + WINDOW]
            for early, late in zip(months, marks, strict=True):
                if age >= late and states[early] != "failed":
                    end = "response" if response else "none"
                    self.rows[early, states[early]][
                        end if early == months[-1] else states[late]
                    ] += 1
            reached = [month for month in months if age >= month]
            if not known and fails > age and reached:
                self.waiting[reached[-1], states[reached[-1]]] += 1


@pytest.mark.parametrize("months", [[6.0], [3.0, 7.0]])
def test_the_two_stages_are_summed_over_what_visits_show(months: list[float]) -> None:
    raw, trials = at_visits(months), 4
    made, conduct = Design(**raw), first_look(raw, trials)
    latents = latents_for(made, 3, 0, trials)
    real = followed(made, made.truths["expected"], latents, Enrolment(made, latents))
    found = conduct.records[0].probabilities["ahead"][:, 0]
    model, waited = conduct.plan.fitted["dfr"][1], 0
    for trial in range(trials):
        arms = [SeenArm(conduct, real, latents.of("visits"), trial, a, months) for a in (0, 1)]
        waited += sum(sum(arm.waiting.values()) for arm in arms)
        first, second = (
            list(tables(arm, number, months)) for arm, number in zip(arms, (9, 19), strict=True)
        )
        expected = 0.0
        for control, n, p in first:
            for cart, m, q in second:
                table_ = np.array([[control, cart]]), np.array([[n, m]])
                holds = model.difference_above(1, 0, *table_, 0.15)[0] >= 0.9
                expected += p * q * holds
        assert found[trial] == pytest.approx(expected, abs=1e-9)
    assert waited > 20


@pytest.mark.parametrize("counts", ["predictions", "all"])
def test_a_table_with_visits_and_earlier_months_is_read_back(counts: str) -> None:
    raw = at_visits([3.0, 7.0])
    raw["prediction"]["dfr"]["counts"] = counts
    one = Design(**raw)
    plan, block = Plan.of(one), simulated(one, "expected", 2, seed=5)
    for trial in range(2):
        people = read_participants(table(one, block, trial), one)
        same_end(block, trial, replayed(plan, people))
        for look in held_in(block, trial):
            same_look(look, trial, replayed(plan, people, look=look.look).now.record)


def test_states_that_are_said_directly_are_not_seen_at_visits() -> None:
    raw = chain() | {"follow_up": {"visit_every": 1.0}}
    with pytest.raises(ac.DesignError, match="says the states at its own months"):
        Design(**raw)
