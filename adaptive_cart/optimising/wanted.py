"""What is wanted: an aim over a mixture of truths, an error, and power in some scenarios."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.design.design_prior import Draw, Weighed, draws_of, weights_of
from adaptive_cart.design.replacing import key_and_text
from adaptive_cart.errors import DesignError, InputError, Problem, nearest, one_of
from adaptive_cart.optimising.aims import AIMS, Aim, Losses
from adaptive_cart.running.region import needs_calibration

ROUNDING = 1e-9


@dataclass(frozen=True)
class Mixture:
    """Truths over which an aim is averaged.

    Attributes
    ----------
    prior
        Name of the design prior; blank where weights were given.
    weights
        By scenario; they sum to 1.
    draws
        Of the design prior.
    """

    prior: str
    weights: Mapping[str, float]
    draws: tuple[Draw, ...] = ()

    def weighed(self, design: Design) -> list[Weighed]:
        """Each scenario with what is drawn in it."""
        found = []
        for name, weight in self.weights.items():
            role = design.truths[name].role
            own = tuple(draw for draw in self.draws if draw.concerns(name, role))
            found.append(Weighed(self.prior, name, weight, own))
        return found

    def words(self) -> str:
        """Say it: ``null 0.5, expected 0.5``."""
        told = ", ".join(f"{name} {weight:g}" for name, weight in self.weights.items())
        drawn = f", with draws of {one_of([d.path for d in self.draws])}" if self.draws else ""
        return f"design prior {self.prior} ({told}{drawn})" if self.prior else told


@dataclass(frozen=True)
class Wanted:
    """What is wanted of a design.

    Attributes
    ----------
    also
        A second aim, for the front of the two; nothing if there is none.
    error
        Largest probability of a false success over the null region.
    power
        Least probability of success by scenario.
    front
        Powers beside those wanted at which is searched as well.
    """

    aim: str
    also: str | None
    mixture: Mixture
    error: float
    power: Mapping[str, float]
    front: tuple[float, ...]
    losses: Losses

    @property
    def aims(self) -> dict[str, Aim]:
        """The aim, and the second one."""
        return {name: AIMS[name] for name in (self.aim, self.also) if name is not None}

    @property
    def averaged(self) -> str:
        """What of it an evaluation hangs on: what is averaged, over what, and where power is."""
        return (
            f"{[*self.aims]} over {self.mixture.words()}; power in {[*self.power]}; {self.losses}"
        )

    def with_power(self, least: float) -> Wanted:
        """The same with another power in every scenario in which some is wanted."""
        power = dict.fromkeys(self.power, least)
        return Wanted(self.aim, self.also, self.mixture, self.error, power, self.front, self.losses)


def numbers_of(typed: Iterable[str], option: str) -> dict[str, float]:
    """Read ``SCENARIO=NUMBER`` texts.

    Raises
    ------
    DesignError
        With every text that is none.
    """
    found: dict[str, float] = {}
    problems = []
    for text in typed:
        try:
            name, value = key_and_text(text, option)
            found[name] = float(value)
        except (InputError, ValueError):
            message = f"found '{text}'; SCENARIO=NUMBER is expected, such as expected=0.9"
            problems.append(Problem(option, message))
    if problems:
        raise DesignError(problems)
    return found


def wanted_of(
    design: Design,
    aim: str,
    also: str | None,
    prior: str | None,
    weights: Mapping[str, float],
    error: float | None,
    power: Mapping[str, float],
    front: Iterable[float],
    losses: Losses,
) -> tuple[Wanted | None, list[Problem]]:
    """What is wanted, and every problem of it; nothing where there are any."""
    problems = [*_wrong_aims(aim, also, losses)]
    mixture = _mixture(design, prior, weights, problems)
    held = _error(design, error, problems)
    problems += _wrong_power(design, power, held)
    powers = tuple(dict.fromkeys(front))
    for value in powers:
        if not 0.0 < value < 1.0:
            message = f"found {value:g}; a power between 0 and 1 is expected"
            problems.append(Problem("--front", message))
    if powers and not power:
        message = "searches other powers, and none is wanted; write --power SCENARIO=0.8"
        problems.append(Problem("--front", message))
    if not design.rules_ending(SUCCESS):
        problems.append(Problem("rules", "no rule declares success, so that nothing can be found"))
    if problems or mixture is None or held is None:
        return None, problems
    return Wanted(aim, also, mixture, held, dict(power), powers, losses), problems


def _wrong_aims(aim: str, also: str | None, losses: Losses) -> Iterable[Problem]:
    asked = {"--minimise": aim, "--also": also}
    for option, name in asked.items():
        if name is not None and name not in AIMS:
            yield Problem(option, f"found '{name}'{nearest(name, AIMS)}; {one_of(AIMS)}")
    if aim == also:
        yield Problem("--also", f"found '{also}', which is minimised already; another is expected")
    with_losses = any(name in AIMS and AIMS[name].losses for name in asked.values() if name)
    given = {"--loss-false-success": losses.false_success, "--loss-missed": losses.missed}
    for option, value in given.items():
        if with_losses and value is None:
            yield Problem(option, "missing; loss needs what this mistake costs, in participants")
        if not with_losses and value is not None:
            yield Problem(option, "goes with --minimise loss")
        if value is not None and not (0.0 <= value < math.inf):
            yield Problem(option, f"found {value:g}; a number of participants is expected")


def _mixture(
    design: Design, prior: str | None, weights: Mapping[str, float], problems: list[Problem]
) -> Mixture | None:
    if weights and prior is not None:
        problems.append(Problem("--weight", "goes without --prior, which has weights of its own"))
        return None
    if weights:
        return _of_weights(design, weights, problems)
    priors = design.design_prior
    if prior is None and len(priors) == 1:
        prior = next(iter(priors))
    if prior is None:
        named = f"--prior {one_of(priors)}, or " if priors else ""
        message = f"what truths an average is over is not said; write {named}--weight SCENARIO=0.5"
        problems.append(Problem("--weight", f"missing: {message} for each"))
        return None
    if prior not in priors:
        there = f"the design has {one_of(priors)}" if priors else "the design has no [design_prior]"
        problems.append(Problem("--prior", f"found '{prior}'{nearest(prior, priors)}; {there}"))
        return None
    roles = {name: truth.role for name, truth in design.truths.items()}
    draws = draws_of(priors[prior], design.scenarios, design.primary, design.experimental_names)
    return Mixture(prior, weights_of(prior, priors[prior], roles), tuple(draws))


def _of_weights(
    design: Design, weights: Mapping[str, float], problems: list[Problem]
) -> Mixture | None:
    before = len(problems)
    for name, weight in weights.items():
        if name not in design.scenarios:
            problems.append(_no_scenario("--weight", name, design))
        if not 0.0 <= weight <= 1.0:
            problems.append(Problem("--weight", f"{name}: found {weight:g}; from 0 to 1"))
    total = math.fsum(weights.values())
    if abs(total - 1.0) > ROUNDING:
        problems.append(Problem("--weight", f"the weights sum to {total:.10g}; 1 is expected"))
    kept = {name: weight for name, weight in weights.items() if weight > 0.0}
    return Mixture("", kept) if len(problems) == before else None


def _no_scenario(option: str, name: str, design: Design) -> Problem:
    return Problem(
        option,
        f"no scenario '{name}'{nearest(name, design.scenarios)}; the scenarios are "
        f"{one_of(design.scenarios)}",
    )


def _error(design: Design, error: float | None, problems: list[Problem]) -> float | None:
    own = None if design.calibration is None else design.calibration.type_one_error
    if error is None and own is None:
        message = "missing; write --error 0.025, or [calibration] type_one_error in the design"
        problems.append(Problem("--error", message))
        return None
    if error is not None and not 0.0 < error < 1.0:
        problems.append(Problem("--error", f"found {error:g}; a number between 0 and 1"))
        return None
    if error is not None and own is not None and error != own and needs_calibration(design):
        problems.append(
            Problem(
                "--error",
                f"found {error:g}, and thresholds are calibrated for calibration.type_one_error = "
                f"{own:g}; leave it out, or --set calibration.type_one_error={error:g}",
            )
        )
        return None
    return own if error is None else error


def _wrong_power(
    design: Design, power: Mapping[str, float], error: float | None
) -> Iterable[Problem]:
    for name, least in power.items():
        if name not in design.scenarios:
            yield _no_scenario("--power", name, design)
            continue
        if not 0.0 < least < 1.0:
            message = f"{name}: found {least:g}; a power between 0 and 1 is expected"
            yield Problem("--power", message)
        if design.truths[name].is_null:
            told = "" if error is None else f", at most {error:g}"
            yield Problem(
                "--power",
                f"{name}: has the role null, where a success is an error{told}; name a scenario "
                f"in which success is wanted",
            )
