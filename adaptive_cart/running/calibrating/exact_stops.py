"""The threshold of a rule that stops, where how often it stops a trial is a matter of tables.

The rules are followed over all tables as the design acts, so that a trial that another rule ends
at the same look before it is not counted. The nearer a threshold is to never, the fewer trials the
rule stops: up to its stop a trial is the same. So the number of values that may stop is bisected.
"""

from __future__ import annotations

import numpy as np

from adaptive_cart.design.design import Design
from adaptive_cart.design.error_tables import FalseStop
from adaptive_cart.errors import DesignError, Problem
from adaptive_cart.nouns.records import Floats
from adaptive_cart.results.estimand import true_values
from adaptive_cart.results.figure import exact
from adaptive_cart.results.stop_calibration import StopThreshold
from adaptive_cart.running.calibrating.type_one_error import SLACK
from adaptive_cart.running.engine import Engine, is_enumerated, obstacles
from adaptive_cart.running.exact_error import MOST_TABLES, ExactError, distinct, tables_of
from adaptive_cart.running.simulated_error import midway


def enumerates_stops(design: Design, wanted: FalseStop, engine: Engine) -> bool:
    """Whether false stops are enumerated in all scenarios in which a stop is false.

    Parameters
    ----------
    design
        With numbers as thresholds.

    Raises
    ------
    EngineError
        If that is asked for and not valid.
    """
    truths = {name: design.truths[name] for name in wanted.scenarios}
    return is_enumerated(
        engine, "the false stops of this design cannot be enumerated",
        lambda: obstacles(design, truths), lambda: tables_of(design) <= MOST_TABLES,
    )  # fmt: skip


def enumerated_stop(design: Design, name: str, wanted: FalseStop, path: str) -> StopThreshold:
    """The threshold of one rule, all others being numbers.

    Raises
    ------
    DesignError
        At the path, where no threshold keeps what is wanted.
    """
    rule = next(rule for rule in design.rules if rule.name == name)
    assert rule.decision.ends is not None
    error = ExactError(design, {name}, (0.0, 1.0), rule.decision.ends)
    true = [true_values(design, design.truths[scenario]) for scenario in wanted.scenarios]
    rates = np.array([one.levels(design.primary)[: len(design.arms)] for one in true])
    values = distinct(error.probabilities)
    if rule.at_least is not None:
        values = values[::-1]  # the first are those that may stop first
    never, always = (1.0, 0.0) if rule.at_least is not None else (0.0, 1.0)
    lines = [never, *(float(value) for value in values), always]

    def threshold(stopping: int) -> float:
        """So many values stop: midway between the last of them and the next."""
        if stopping == len(values):
            return always
        last, following = lines[stopping], lines[stopping + 1]
        return midway(min(last, following), max(last, following))

    def stopped(stopping: int) -> Floats:
        counted = {
            one.name: np.full(len(rates), one.name == name, dtype=np.bool_) for one in error.success
        }
        return error.of_rules(rates, counted, threshold(stopping))

    low, high = 0, len(values) + 1  # at low it is kept, at high not
    if lines[0] == lines[1]:
        often = stopped(1)
        if float(often.max()) > wanted.at_most + SLACK:
            where = wanted.scenarios[int(often.argmax())]
            raise whatever_its_threshold(path, wanted, name, float(often.max()), where)
        low = 1
    while high - low > 1:
        middle = (low + high) // 2
        if float(stopped(middle).max()) <= wanted.at_most + SLACK:
            low = middle
        else:
            high = middle
    false = stopped(low)
    errors = dict(zip(wanted.scenarios, (float(one) for one in false), strict=True))
    worst = max(errors, key=lambda scenario: errors[scenario])
    return StopThreshold(
        name,
        threshold(low),
        None if low == len(values) else lines[low + 1],
        None if low == 0 else lines[low],
        wanted.at_most,
        errors,
        worst,
        exact(errors[worst]),
    )


def whatever_its_threshold(
    path: str, wanted: FalseStop, name: str, often: float, where: str
) -> DesignError:
    """The error to raise where the most extreme probability there is comes up too often."""
    message = (
        f"found {wanted.at_most:g}; no threshold keeps it: in '{where}' the most extreme "
        f"probability there is comes up in {often:.4f} of the trials, so that '{name}' stops that "
        f"many whatever its threshold"
    )
    return DesignError([Problem(path, message)])
