"""External data that are drawn anew in every simulated trial: what another such source might show.

Each number follows the law that the analysis takes it to have: responders are binomial, events
Poisson in the same months, a mean normal and its standard deviation that of a sample of normal
values. Participants, and months of follow-up, stay as they were. Where numbers are told by stratum
each stratum's are drawn, independently, from a level of its own; all of them together are what they
add up to, and a mean and a standard deviation those of all participants as one sample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from adaptive_cart.nouns.external import External, Level
from adaptive_cart.nouns.records import Floats

# by key of the table, ``(trial,)``, and by its path in a stratum where it is told so
Drawn: TypeAlias = Mapping[str, Floats]


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


def drawn_from(law: Law, data: External, levels: tuple[float, ...], u: Floats) -> Drawn:
    """Numbers of external data of some trials.

    Parameters
    ----------
    data
        As observed; by stratum in the order of the levels, where it is told so.
    levels
        Of the source, one or by stratum.
    u
        ``(trial, uniform)``, as many for each level as the law says.
    """
    if data.strata is None:
        return law.draw(data, levels[0], u)
    each = {}
    for place, (stratum, level) in enumerate(zip(data.strata, levels, strict=True)):
        own = u[:, place * law.uniforms : (place + 1) * law.uniforms]
        each[stratum] = law.draw(data.in_stratum(stratum), level, own)
    together = data.added_up({key: {s: each[s][key] for s in each} for key in law.keys})
    by_stratum = {path_in(key, s): each[s][key] for s in each for key in law.keys}
    return {**together, **by_stratum}


def path_in(key: str, stratum: str) -> str:
    """Path of a number in a stratum: ``responders.active``."""
    return f"{key}.{stratum}"


def beside(
    external: Mapping[str, External], keys: tuple[str, ...], drawn: Mapping[str, Drawn]
) -> Floats:
    """Numbers of external data beside each trial, ``(trial, external data, number)``.

    As drawn with it where they are, else as observed; 0 where data have no such number. First those
    of all strata together; then, where any data that are drawn are told by stratum, of each.

    Parameters
    ----------
    keys
        Of the numbers.
    drawn
        By name; those that are drawn. Without any there is one row, of what was observed.
    """
    trials = next((len(values) for one in drawn.values() for values in one.values()), 1)
    strata = next((data.strata for data in external.values() if data.redrawn and data.strata), ())
    found = np.zeros((trials, len(external), len(keys) * (1 + len(strata))))
    for place, (name, data) in enumerate(external.items()):
        for number, stratum in enumerate((None, *strata)):
            for column, key in enumerate(keys, start=number * len(keys)):
                path = key if stratum is None else path_in(key, stratum)
                if name in drawn:
                    found[:, place, column] = drawn[name].get(path, 0.0)
                elif data.has(key) and (stratum is None or data.strata):
                    told = data if stratum is None else data.in_stratum(stratum)
                    found[:, place, column] = told.total(key)
    return found


def seen_beside(outside: Floats, place: int, keys: tuple[str, ...], stratum: int) -> Floats:
    """Numbers of one of them in a stratum, or in all where it is below 0, ``(trial, number)``.

    Parameters
    ----------
    outside
        As :func:`beside` gives it.
    """
    first = len(keys) * (1 + max(stratum, -1))
    return outside[:, place, first : first + len(keys)]
