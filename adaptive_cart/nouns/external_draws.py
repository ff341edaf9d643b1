"""External data that are drawn anew in every simulated trial: what another such source might show.

Each number follows the law that the analysis takes it to have: responders are binomial, events
Poisson in the same months, a mean normal and its standard deviation that of a sample of normal
values. Participants, and months of follow-up, stay as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from adaptive_cart.nouns.external import External, Level
from adaptive_cart.nouns.records import Floats

Drawn: TypeAlias = Mapping[str, Floats]  # by key of the table: ``(trial,)``


class Law(NamedTuple):
    """How numbers of one kind are drawn.

    Attributes
    ----------
    keys
        Those of the table that differ from trial to trial.
    uniforms
        How many a trial.
    draw
        From the data as observed, the level of their source, and ``(trial, uniform)``.
    """

    keys: tuple[str, ...]
    uniforms: int
    draw: Callable[[External, float, Floats], Drawn]


def _responders(data: External, rate: float, u: Floats) -> Drawn:
    from scipy import stats  # slow to import, and few designs need it

    return {"responders": stats.binom.ppf(u[:, 0], int(data.total("participants")), rate)}


def _mean(data: External, mean: float, u: Floats) -> Drawn:
    from scipy import special

    number, sd = data.total("participants"), data.total("sd")
    found = mean + special.ndtri(u[:, 0]) * sd / np.sqrt(number)
    freedom = number - 1.0
    if freedom <= 0.0:  # of one participant there is no spread to draw
        return {"mean": found, "sd": np.full(len(u), sd)}
    squares = 2.0 * special.gammaincinv(freedom / 2.0, u[:, 1])  # chi-squared
    return {"mean": found, "sd": sd * np.sqrt(squares / freedom)}


OF_RESPONDERS: Final = Law(("responders",), 1, _responders)
OF_MEAN: Final = Law(("mean", "sd"), 2, _mean)


def of_events(level: Level) -> Law:
    """Events at so many in the unit of a level."""

    def draw(data: External, rate: float, u: Floats) -> Drawn:
        from scipy import stats

        expected = rate * data.total("months") / level.months
        return {"events": stats.poisson.ppf(u[:, 0], expected)}

    return Law(("events",), 1, draw)


def beside(
    external: Mapping[str, External], keys: tuple[str, ...], drawn: Mapping[str, Drawn]
) -> Floats:
    """Numbers of external data beside each trial, ``(trial, external data, number)``.

    As drawn with it where they are, else as observed; 0 where data have no such number.

    Parameters
    ----------
    keys
        Of the numbers.
    drawn
        By name; those that are drawn. Without any there is one row, of what was observed.
    """
    trials = next((len(values) for one in drawn.values() for values in one.values()), 1)
    found = np.zeros((trials, len(external), len(keys)))
    for place, (name, data) in enumerate(external.items()):
        for column, key in enumerate(keys):
            if name in drawn:
                found[:, place, column] = drawn[name][key]
            elif data.has(key):
                found[:, place, column] = data.total(key)
    return found
