"""Calibration where earlier months count in the posterior (``counts = "all"``): what is drawn.

The rows of the chain are drawn from their Dirichlet priors, and with them who was seen to move, and
how those who wait respond. The responders among those at the month are drawn from the prior
predictive distribution, and the probability from its posterior given all of them, seen and to come:
the statement of the model, in which the rows know nothing of the probability. What is studied is
the mixture over those who wait, not whether that statement fits a disease.
"""

from __future__ import annotations

import numpy as np
from calibration_case import Case, Floats, Generator, Truth

from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.summaries import EarlyCounts, Summary

WORTH, MONTHS = 0.7, 2  # of a state of a row beforehand; months before the one analysed
BETAS = {"soc": {"a": 1.0, "b": 3.0}, "cart": {"a": 0.5, "b": 0.5}, "mrna": {"a": 2.0, "b": 3.0}}
PRIORS = np.array([[own["a"], own["b"]] for own in BETAS.values()]).T


def parameters(generator: Generator, number: int) -> Truth:
    """Rows of the chain, all counts, and the probabilities given those completed."""
    arms = len(BETAS)
    rows = generator.dirichlet([WORTH] * 3, (number, arms, MONTHS - 1, 2))
    first = rows[..., 0]
    responds = generator.beta(WORTH, WORTH, (number, arms, 2))
    moved = np.zeros((number, arms, MONTHS, 2, 3), dtype=np.int64)
    moved[:, :, :-1] = generator.multinomial(generator.integers(0, 13, rows.shape[:-1]), rows)
    seen = generator.integers(0, 13, responds.shape)
    moved[:, :, -1, :, 1] = generator.binomial(seen, responds)
    moved[:, :, -1, :, 0] = seen - moved[:, :, -1, :, 1]
    waiting = generator.integers(0, 6, (number, arms, MONTHS, 2))
    came = waiting[:, :, 0]
    for month in range(MONTHS):
        if month < MONTHS - 1:
            to = generator.multinomial(came, rows[:, :, month]).sum(axis=2)[..., :2]
            came = to + waiting[:, :, month + 1]
    more = generator.binomial(came, responds).sum(axis=-1)
    totals, failed = generator.integers(0, 20, (2, number, arms))
    failed = failed // 8
    had = generator.binomial(totals, generator.beta(*PRIORS, (number, arms)))
    yes = PRIORS[0] + had + more
    no = PRIORS[1] + totals + failed + waiting.sum(axis=(2, 3)) - had - more
    return {
        "responds": responds,
        "first": first,
        "second": rows[..., 1] / (rows[..., 1] + rows[..., 2]),
        "probability": generator.beta(yes, no),
        "had": had,
        "totals": totals,
        "failed": failed,
        "waiting": waiting,
        "moved": moved,
    }


def data(generator: Generator, truth: Truth) -> Summary:
    """The counts that were drawn with the parameters, in one stratum."""
    had, totals, failed = (truth[name][..., None] for name in ("had", "totals", "failed"))
    waiting = truth["waiting"][:, :, None]
    return EarlyCounts(had, totals, 0 * totals, totals, waiting, failed, truth["moved"])


def true(question: Question, truth: Truth) -> Floats:
    """A probability, or the difference of two."""
    own: Floats = truth["probability"]
    return own[:, question.arm] - (0.0 if question.minus is None else own[:, question.minus])


CASE = Case(
    {"model": "beta_binomial", "prior": BETAS},
    tuple(BETAS),
    (),
    (1.0,),
    parameters,
    data,
    {
        "cart": Question("e", 1, value=0.3),
        "cart - soc": Question("e", 1, 0, value=0.1),
        "mrna - cart": Question("e", 2, 1, value=0.0),
    },
    beside=("probability", "had", "totals", "failed", "waiting", "moved"),
    true=true,
    early=WORTH,
)
