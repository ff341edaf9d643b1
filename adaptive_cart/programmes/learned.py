"""Candidates of which published early series tell something: the posterior in the file's place.

A table of early series (:mod:`adaptive_cart.evidence`) says how often participants of a class of
products respond in an early trial. Every portfolio takes one draw of its posterior: the mean of
each class, and how far products differ. These stand in the place of what the file draws for the
one parameter to which effects add, of ``between_classes`` and of ``between_products``; a class
that no series is of gets a mean of its own, as far from the centre as classes are.

The participants of the series were selected as those of the early trial are: the file's `selected`
is taken off their probability, and what is left is the parameter. How many candidates work is no
matter of these series, which have no controls: that stays as the file says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import special

from adaptive_cart.errors import DesignError, Problem, one_of
from adaptive_cart.evidence.draws import Draws, drawn
from adaptive_cart.evidence.findings import Findings
from adaptive_cart.nouns.records import Floats, Integers
from adaptive_cart.nouns.streams import uniforms
from adaptive_cart.programmes.law import EDGE, Drawn, LawOfFile
from adaptive_cart.programmes.planting import Steps
from adaptive_cart.programmes.programme import Programme

DRAWS = 4_000
RESPONSE = "response"


@dataclass(frozen=True)
class LawOfSeries:
    """Candidates as a programme file says, but for the parameter that series tell of.

    Attributes
    ----------
    file
        What the file says.
    about
        Steps of the parameter.
    selected
        By how much participants of early series respond more often.
    evidence
        Which table, and with which priors: the fingerprint of the draws.
    draws
        Of the posterior.
    """

    file: LawOfFile
    about: Steps
    selected: float
    evidence: str
    draws: Draws = field(repr=False, compare=False)

    @property
    def count(self) -> int:
        """Candidates of a portfolio."""
        return self.file.count

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.file.classes

    @property
    def reaches(self) -> Mapping[Steps, tuple[float, float]]:
        """By steps of a parameter: the smallest value and the largest."""
        return {**self.file.reaches, self.about: (0.0, 1.0)}

    def draw(self, seed: int, first: int, portfolios: int) -> Drawn:
        """Draw candidates of portfolios, from number ``first`` on."""
        found = self.file.draw(seed, first, portfolios)

        def u(purpose: str, width: int) -> Floats:
            own = uniforms(seed, f"programme:{purpose}", first, portfolios, width)[:, :width]
            return np.clip(own, EDGE, 1.0 - EDGE)

        size = len(self.draws.centre)
        taken = np.minimum((u("series", 1)[:, 0] * size).astype(np.int64), size - 1)
        means = self._means(taken, special.ndtri(u("class", len(self.classes))))
        away = special.ndtri(u("product", self.count)) * self.draws.within()[taken, None]
        early = special.expit(np.take_along_axis(means, found.of_class, axis=1) + away)
        values = {**found.values, self.about: np.clip(early - self.selected, 0.0, 1.0)}
        return replace(found, values=values)

    def _means(self, taken: Integers, away: Floats) -> Floats:
        """Mean of each class on the logit, ``(portfolio, class)``."""
        between = next(iter(self.draws.sds.values()))[taken]
        means = self.draws.centre[taken, None] + between[:, None] * away
        for place, name in enumerate(self.classes):
            if name in self.draws.groups:
                means[:, place] = self.draws.groups[name][taken]
        return means


def with_series(programme: Programme, findings: Findings) -> Programme:
    """Return the programme with the posterior of published early series in its candidates.

    Raises
    ------
    DesignError
        If no series counts for a response, or it is not plain of which parameter they tell.
    """
    law = programme.law
    assert isinstance(law, LawOfFile)
    problems = []
    if RESPONSE not in findings.found:
        problems.append(
            Problem("--evidence", f"no series of {findings.record.source} counts for '{RESPONSE}'")
        )
    about = law.effect_on or (next(iter(law.draws)) if len(law.draws) == 1 else None)
    if about is None:
        names = one_of(".".join(steps) for steps in law.draws) or "there are none"
        message = f"missing; series tell of one of the paths drawn: {names}"
        problems.append(Problem("candidates.effect_on", message))
    elif law.draws[about].reach[0] < 0.0 or law.draws[about].reach[1] > 1.0:
        message = f"series tell of a probability, and '{'.'.join(about)}' is none"
        problems.append(Problem("candidates.effect_on", message))
    if problems or about is None:
        raise DesignError(problems)
    asked = programme.tables.early
    posterior = findings.found[RESPONSE].after
    used = LawOfSeries(
        law,
        about,
        0.0 if asked is None else asked.selected,
        f"{findings.record.digest or findings.record.series!r} x{findings.spread:g}",
        drawn(posterior, DRAWS, seed=0),
    )
    return programme.with_law(used)
