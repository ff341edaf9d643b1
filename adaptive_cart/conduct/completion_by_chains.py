"""Completing a trial from draws of PyMC: what :mod:`~adaptive_cart.conduct.completion` does, anew.

Every draw of the Markov chains completes the trial once: the reference face of a model draws, given
it, what is still to come, with random numbers of its own. What is completed is looked at as any
look is, so that the condition at the last look is judged by the fast posterior, as it will be then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from adaptive_cart.conduct.asking import Prediction
from adaptive_cart.conduct.completion import CELLS
from adaptive_cart.conduct.look_analysis import LookAnalysis
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.to_come import last_dates, up_to
from adaptive_cart.models.base import Reference
from adaptive_cart.nouns.ahead import Coming
from adaptive_cart.nouns.completions import PlainCompletions
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Booleans, Floats
from adaptive_cart.nouns.summaries import Summary

COMPLETIONS: Final = 4096  # from so many draws, evenly spread over the chains

Draws = Mapping[str, npt.NDArray[np.float64]]  # by parameter, (chain, draw, ...)
# draws of an endpoint's model, given the data that a question is about
Fitted = Callable[[str, Question | None], Draws]


@dataclass(frozen=True)
class WhatIsAhead:
    """What is still to come of one trial, and what was open when that was asked.

    Attributes
    ----------
    now, coming
        By endpoint, of this trial alone: what has been seen, and what has not.
    open_arms, open_strata
        ``(arm,)`` and ``(stratum,)``; no strata where a design has none.
    apart
        Whether strata are predicted each by itself.
    date
        Calendar month, of now.
    waited
        The endpoint that dates the last look, where how much is seen of others hangs on its date;
        it is the first then.
    """

    now: dict[str, Summary]
    coming: dict[str, Coming]
    open_arms: Booleans
    open_strata: Booleans | None
    apart: bool
    date: float = 0.0
    waited: str | None = None

    @property
    def nothing(self) -> bool:
        """Whether all has been seen."""
        return all(bool(own.nothing[0]) for own in self.coming.values())


def what_is_ahead(
    asks: Prediction, seen: LookAnalysis, question: Question
) -> Callable[[int], WhatIsAhead]:
    """What is still to come as things stand now, by position among the chosen trials."""
    completion = asks.completion(seen, question)
    coming = {name: completion.coming(name) for name in asks.drawn(seen.plan, question)}
    now = {name: seen.looking_ahead(name) for name in coming}
    trials, open_arms = seen.trials, seen.open_arms.copy()
    dates = seen.snapshot.date[trials]
    open_strata = None if seen.open_strata is None else seen.open_strata.copy()

    def of(row: int) -> WhatIsAhead:
        here = trials[[row]]
        strata = None if open_strata is None else open_strata[row]
        return WhatIsAhead(
            {name: each.rows(here) for name, each in now.items()},
            {name: each.rows(here) for name, each in coming.items()},
            open_arms[row],
            strata,
            completion.apart,
            float(dates[row]),
            completion.waited,
        )

    return of


class CompletedTrials(LookAnalysis):
    """Completions of one trial, as they are looked at."""

    orders = 1

    def __init__(self, plan: Plan, ahead: WhatIsAhead, summaries: dict[str, Summary]) -> None:
        number = len(next(iter(summaries.values())).analysed)
        self.plan, self.prepared = plan, {}
        self.trials = np.arange(number)
        self.open_arms = np.tile(ahead.open_arms, (number, 1))
        strata = ahead.open_strata
        self.open_strata = None if strata is None else np.tile(strata, (number, 1))
        self.summaries = summaries
        self._posteriors = {}


def face_ahead(plan: Plan, endpoint: str) -> Reference:
    """The other face of the model from which what is to come of an endpoint is drawn."""
    design, analysis = plan.design, plan.ahead[endpoint][0]
    return analysis.reference(design.arm_names, design.stratum_names, design.shares)


def chains_completed(
    plan: Plan,
    ahead: WhatIsAhead,
    reference: Callable[[str], Reference],
    fitted: Fitted,
    seed: int,
) -> Iterator[CompletedTrials]:
    """Some completions after the other, a row a draw, in the order of the chains.

    Parameters
    ----------
    reference, fitted
        The other face of an endpoint's model, as it looks ahead (:func:`face_ahead`); its draws.
    seed
        Of the random numbers with which what is to come is drawn.
    """
    most = 1 if ahead.nothing else COMPLETIONS
    columns = sum(_columns(own) for own in ahead.coming.values())
    size = max(1, CELLS // (10 * columns))
    for first in range(0, most, size):
        rows = np.arange(first, min(first + size, most))
        summaries: dict[str, Summary] = {}
        dates: Floats | None = None
        for stream, (name, coming) in enumerate(ahead.coming.items()):
            face = reference(name)
            some = PlainCompletions(first, len(rows), stream, seed)
            given = _Given(fitted, name, face, _places(most, seed, stream)[rows])
            then = up_to(plan, name, coming, dates, some)
            summaries[name] = face.completed(given, ahead.now[name], then, some, ahead.apart)
            if name == ahead.waited:
                now = np.array([ahead.date])
                dates = last_dates(plan, now, coming, summaries[name], some)
        yield CompletedTrials(plan, ahead, summaries)


@dataclass(frozen=True)
class _Given:
    """Draws of an endpoint's model that some completions take, by stratum.

    Attributes
    ----------
    places
        Shares of the way through all draws, the chains in a row.
    """

    fitted: Fitted
    endpoint: str
    face: Reference
    places: Floats

    def __call__(self, stratum: int) -> Draws:
        """Return those given the data of a stratum, or of all: ``(1, draw, ...)`` by parameter."""
        found = {}
        for name, values in self.fitted(self.endpoint, self.face.all_arms(stratum)).items():
            flat = values.reshape(-1, *values.shape[2:])
            found[name] = flat[(self.places * len(flat)).astype(np.intp)][None]
        return found


def _places(number: int, seed: int, stream: int) -> Floats:
    """Shares of the way through all draws, evenly spread.

    Endpoints are independent: those of every endpoint but the first come in another order.
    """
    found: Floats = (np.arange(number) + 0.5) / number
    return np.random.default_rng([seed, stream]).permutation(found) if stream else found


def _columns(coming: Coming) -> int:
    """Participants that a completion of an endpoint holds."""
    return max(
        (own.shape[-1] for own in vars(coming).values() if isinstance(own, np.ndarray)), default=1
    )


def by_chain(held: Booleans, chains: int) -> Floats:
    """Whether a condition holds in each completion, as 1 and 0, ``(chain, draw)``."""
    return held.astype(np.float64).reshape(chains if len(held) > 1 else 1, -1)
