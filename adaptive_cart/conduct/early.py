"""Early tells late: predictive probability where months before the last one have been seen.

Who has not reached the month analysed counts by the state at the last of the stated months that has
been reached: in it, not in it, or failed for good. How many of them will respond follows from a
chain whose rows are Dirichlet, learned within the trial and by arm. With these counted in, the
posterior of the analysis says how many of those still to come will respond. The sum over both is
exact: a table of the analysis for every number of the former.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from adaptive_cart.conduct.predictive import Condition, looked_up
from adaptive_cart.nouns.early_states import in_order, responders
from adaptive_cart.nouns.questions import OPEN, Question
from adaptive_cart.nouns.records import Floats, Integers
from adaptive_cart.nouns.records import pooled as over_last

if TYPE_CHECKING:
    from adaptive_cart.conduct.look_analysis import LookAnalysis


def early_probability(
    seen: LookAnalysis,
    condition: Condition,
    months: tuple[float, ...],
    prior: float,
    enrolled: bool,
) -> Floats:
    """Predictive probability that a condition holds on the final table, ``(chosen trial,)``.

    Parameters
    ----------
    months
        Months whose states tell.
    prior
        What each state of a row of the chain is worth beforehand.
    enrolled
        With those who are enrolled, or else with the planned number.
    """
    question = condition.question
    endpoint = seen.plan.design.endpoints[question.endpoint]
    early = endpoint.early(
        question.endpoint, seen.prepared[question.endpoint], seen.snapshot, months
    ).rows(seen.trials)
    successes, totals, final = seen.to_come(question, enrolled)
    waiting = _about(seen, question, np.moveaxis(early.waiting, 2, -1))
    now = totals + waiting.sum(axis=(2, 3)) + _about(seen, question, early.failed)
    arms = (question.arm,) if question.minus is None else (question.arm, question.minus)
    more = [responders(waiting[:, arm], early.moved[:, arm], prior) for arm in arms]
    numbers = np.stack([part[:, arm] for arm in arms for part in (now, np.maximum(final, now))], 1)
    shapes, which = np.unique(numbers, axis=0, return_inverse=True)
    answer = np.empty(len(now))
    model = seen.plan.fitted[question.endpoint][1]
    for position, shape in enumerate(shapes):
        rows = np.flatnonzero(which.reshape(-1) == position)
        mass = [own[rows] for own in more]
        width = [own.shape[1] for own in mass]
        # beyond the participants there are none, and no mass
        cells = [
            np.minimum(successes[rows, arm, None] + np.arange(size), n)
            for arm, size, n in zip(arms, width, shape[::2], strict=True)
        ]
        if len(arms) == 1:
            table = looked_up(model, condition, shape, (cells[0].ravel(),)).reshape(-1, width[0])
            answer[rows] = in_order(mass[0] * table, 1)
            continue
        first = np.broadcast_to(cells[0][:, :, None], (len(rows), *width))
        second = np.broadcast_to(cells[1][:, None], first.shape)
        table = looked_up(model, condition, shape, (first.ravel(), second.ravel()))
        given = in_order(mass[1][:, None] * table.reshape(first.shape), 2)
        answer[rows] = in_order(mass[0] * given, 1)
    return np.clip(answer, 0.0, 1.0)


def _about(seen: LookAnalysis, question: Question, values: Integers) -> Integers:
    """Sum over the strata that a question is about; the stratum is the last axis."""
    if question.stratum >= 0:
        found: Integers = values[..., question.stratum]
        return found
    if question.stratum == OPEN and seen.open_strata is not None:
        shape = (len(values), *[1] * (values.ndim - 2), values.shape[-1])
        values = values * seen.open_strata.reshape(shape)
    return over_last(values)
