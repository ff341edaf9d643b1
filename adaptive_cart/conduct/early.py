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

from adaptive_cart.conduct.predictive import Condition, boxed
from adaptive_cart.nouns.early_law import responders
from adaptive_cart.nouns.early_states import about
from adaptive_cart.nouns.early_tables import averaged
from adaptive_cart.nouns.records import Floats

if TYPE_CHECKING:
    from adaptive_cart.conduct.look_analysis import LookAnalysis


def early_probability(
    seen: LookAnalysis,
    condition: Condition,
    prior: float,
    enrolled: bool,
) -> Floats:
    """Predictive probability that a condition holds on the final table, ``(chosen trial,)``.

    Parameters
    ----------
    prior
        What each state of a row of the chain is worth beforehand.
    enrolled
        With those who are enrolled, or else with the planned number.
    """
    question = condition.question
    early = seen.early(question.endpoint).rows(seen.trials)
    successes, totals, final = seen.to_come(question, enrolled)
    waiting = about(question, early.waiting_last, seen.open_strata)
    now = totals + waiting.sum(axis=(2, 3)) + about(question, early.failed, seen.open_strata)
    arms = (question.arm,) if question.minus is None else (question.arm, question.minus)
    laws = [responders(waiting[:, arm], early.moved[:, arm], prior) for arm in arms]
    numbers = np.stack([part[:, arm] for arm in arms for part in (now, np.maximum(final, now))], 1)
    model = seen.plan.fitted[question.endpoint][1].in_stratum(question.stratum)
    place = list(arms)
    return np.clip(
        averaged(
            lambda shape, box: boxed(model, condition, shape, box),
            numbers, successes[:, place], now[:, place], laws,
        ), 0.0, 1.0,
    )  # fmt: skip
