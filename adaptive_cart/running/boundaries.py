"""Rules on counts as integer boundaries: what a board can look up at its table.

For each look at its planned numbers, and each number of responders in the control, the numbers of
responders in the other arm at which a rule holds. Thresholds are kept at full precision: a rounded
one can be another design.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.predictive import predictive_probability
from adaptive_cart.conduct.rules import ResolvedRule
from adaptive_cart.design.design import Design
from adaptive_cart.nouns.records import Booleans, Counts


@dataclass(frozen=True)
class Boundary:
    """One rule at one look.

    Attributes
    ----------
    analysed
        Planned numbers in (control or nothing, arm asked about).
    holds
        By responders in the control (one row where the question is about the arm alone), then by
        responders in the arm.
    """

    rule: str
    then: str
    look: int
    arms: tuple[str, ...]
    analysed: tuple[int, ...]
    holds: Booleans

    def runs(self, row: int) -> str:
        """Responders in the arm at which the rule holds: "14-40", "" for none."""
        inside = np.flatnonzero(self.holds[row])
        if len(inside) == 0:
            return ""
        breaks = np.flatnonzero(np.diff(inside) > 1)
        starts = [inside[0], *inside[breaks + 1]]
        stops = [*inside[breaks], inside[-1]]
        return ";".join(
            f"{a}" if a == b else f"{a}-{b}" for a, b in zip(starts, stops, strict=True)
        )

    def edge(self) -> tuple[float, int, int] | None:
        """Difference nearest to the other side at which the rule holds, with its counts.

        The smallest one where the rule asks for much, the largest where it asks for little.
        """
        rows, columns = np.nonzero(self.holds)
        if len(rows) == 0:
            return None
        low = rows / self.analysed[0] if len(self.analysed) == 2 else 0.0
        differences = columns / self.analysed[-1] - low
        best = int(differences.argmax() if self._for_few() else differences.argmin())
        return float(differences[best]), int(rows[best]), int(columns[best])

    def _for_few(self) -> bool:
        """Whether the rule holds for few responders in the arm rather than for many."""
        return bool(self.holds[:, 0].sum() > self.holds[:, -1].sum())


def boundaries(design: Design, plan: Plan | None = None) -> list[Boundary]:
    """Boundaries of every rule on beta-binomial counts, at planned numbers."""
    ready = plan or Plan.of(design)
    return [boundary for rule in ready.rules for boundary in _of_rule(design, ready, rule)]


def planned_at(design: Design, look: int) -> tuple[int, ...] | None:
    """Numbers planned in each arm at a look of the primary; nothing where they are random."""
    if design.strata is not None or design.adaptive:
        return None
    looks = design.looks
    at = [*looks.at, design.enrolment.max_n] if looks.final is not None else looks.at
    if looks.scale != "observed" and not (looks.final is not None and look == looks.number):
        return None
    total, number = sum(design.allocation), int(at[look - 1])
    exact = [number * ratio / total for ratio in design.allocation]
    if any(abs(value - round(value)) > 1e-9 for value in exact):
        return None
    return tuple(round(value) for value in exact)


def _of_rule(design: Design, plan: Plan, rule: ResolvedRule) -> Iterator[Boundary]:
    question = rule.question
    analysis = design.analysis_of(question.endpoint)
    if analysis is None or analysis.model != "beta_binomial" or question.stratum >= 0:
        return
    if design.adaptive or question.kind != "level":
        return
    same_time = design.endpoints[question.endpoint].known_after()
    if same_time != design.primary_endpoint.known_after() or same_time is None:
        return
    if rule.prediction is not None and rule.prediction.enrolled:
        return
    asked = [*rule.thresholds.values()]
    if rule.prediction is not None:
        asked.append(rule.prediction.threshold)
    if np.isnan(asked).any():  # still to be calibrated
        return
    for look in rule.thresholds:
        planned = planned_at(design, look)
        if planned is None:
            continue
        arms = (question.arm,) if question.minus is None else (question.minus, question.arm)
        holds = _holds(design, plan, rule, look, arms, planned)
        names = tuple(design.arm_names[arm] for arm in arms)
        analysed = tuple(planned[arm] for arm in arms)
        yield Boundary(rule.name, rule.then, look, names, analysed, holds)


def _holds(
    design: Design,
    plan: Plan,
    rule: ResolvedRule,
    look: int,
    arms: tuple[int, ...],
    planned: tuple[int, ...],
) -> Booleans:
    shape = tuple(planned[arm] + 1 for arm in arms)
    cells = np.indices(shape).reshape(len(arms), -1)
    successes = np.zeros((cells.shape[1], len(design.arm_names)), dtype=np.int64)
    totals = np.zeros_like(successes)
    for place, arm in enumerate(arms):
        successes[:, arm] = cells[place]
        totals[:, arm] = planned[arm]
    analysis, model = plan.fitted[rule.question.endpoint]
    if rule.prediction is None:
        everybody = totals[:, :, None]
        counts = Counts(successes[:, :, None], everybody, np.zeros_like(everybody), everybody)
        probability = analysis.posterior(model, counts, None).probability(rule.question)
    else:
        final = np.broadcast_to(np.array(design.planned, dtype=np.int64), totals.shape)
        condition = rule.prediction.condition(rule.question)
        probability = predictive_probability(model, condition, successes, totals, final)
    holds = rule.holds(probability, look).reshape(shape)
    return holds if len(shape) == 2 else holds[None, :]


def boundaries_csv(design: Design) -> str:
    """Boundaries as text for ``boundaries.csv``."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["rule", "then", "look", "control", "control_n", "control_responders", "arm", "arm_n",
         "arm_responders_at_which_it_holds"]
    )  # fmt: skip
    for boundary in boundaries(design):
        two = len(boundary.analysed) == 2
        for row in range(boundary.holds.shape[0]):
            writer.writerow(
                [
                    boundary.rule,
                    boundary.then,
                    boundary.look,
                    boundary.arms[0] if two else "",
                    boundary.analysed[0] if two else "",
                    row if two else "",
                    boundary.arms[-1],
                    boundary.analysed[-1],
                    boundary.runs(row),
                ]
            )
    return text.getvalue()
