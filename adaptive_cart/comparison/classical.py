"""The classical group-sequential design: the same looks, with boundaries by alpha spending.

Made from a design file. Kept of it are the arms and their ratio, the participants and how fast they
come, the primary endpoint, the looks, the scenarios, and when a trial of several experimental arms
ends. Replaced are the model with its prior, and every rule: success is a one-sided test, of the
arms as randomised, that reaches the boundary of its look.

For a binary endpoint the test is the pooled two-proportion z test, and information is in proportion
to the participants analysed. For a time to event it is the logrank test
(:mod:`adaptive_cart.comparison.logrank`), and information is in proportion to the events, the last
look's number being the whole of it. Strata are taken together in both. The boundaries are those of
:mod:`adaptive_cart.comparison.alpha_spending`, at the numbers that a look really sees.

Several experimental arms are each tested against the common control, each with an equal part of the
type I error, by Bonferroni's inequality: what Follmann, Proschan & Geller (1994, Biometrics 50:325)
suggest as the simpler and more flexible of their ways to control the error of the whole trial
strongly. It makes no use of the correlation that the common control causes, and is the more
conservative for it. Arms stay open until the trial ends, whatever became of their comparison.

There is no boundary for futility unless one is asked for: a value of z below which, at a look
before the last, an arm is given up. It is non-binding: the boundaries of success do not count on
it, so that the type I error is kept whether or not it is followed. What a look spends of the type
II error (beta spending) would need an alternative to be powered for, which a design file need not
name, and is left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from adaptive_cart.comparison.alpha_spending import efficacy_bounds
from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.errors import DesignError, Problem
from adaptive_cart.running.engine import analysed_at

ERROR = 0.025  # one-sided, unless the design says what it is calibrated for
HIGHEST_FUTILITY = 1.5  # of z; it has to stay below the boundaries of success


@dataclass(frozen=True)
class Classical:
    """A classical group-sequential design, made from a design.

    Attributes
    ----------
    design
        The design that was given, randomised in permuted blocks.
    error
        One-sided type I error of the whole trial.
    higher_is_better
        Whether success is a higher probability in the experimental arm, or a higher hazard.
    futility
        An arm with a smaller z is given up at a look before the last; nothing for never.
    """

    design: Design
    error: float
    higher_is_better: bool
    futility: float | None = None

    @property
    def of_times(self) -> bool:
        """Whether times to an event are tested, and not proportions."""
        return self.design.primary_endpoint.gives.lasts

    @property
    def experimental(self) -> tuple[str, ...]:
        """Names of the experimental arms."""
        return tuple(self.design.arm_names[1:])

    @property
    def level(self) -> float:
        """One-sided type I error of each comparison with the control."""
        return self.error / len(self.experimental)

    @property
    def ends_at_first_success(self) -> bool:
        """Whether the first arm that succeeds ends the trial."""
        several = self.design.multiarm
        return several is not None and several.ends == "first_success"

    @property
    def most(self) -> int:
        """Participants (or events) planned for the last look, in all arms."""
        return int(self.design.looks.at[-1]) if self.of_times else self.design.enrolment.max_n

    @property
    def planned(self) -> tuple[int, ...] | None:
        """Participants (or events) planned for each look; nothing where they vary by trial."""
        if self.of_times:
            return tuple(int(number) for number in self.design.looks.at)
        endpoint = self.design.primary_endpoint
        if self.design.looks.scale != "observed" or getattr(endpoint, "missing", "") == "exclude":
            return None
        return tuple(analysed_at(self.design))

    def bounds(
        self, information: tuple[int, ...], reached: tuple[int, ...] | None = None
    ) -> tuple[float, ...]:
        """Boundaries of the z statistic of a comparison.

        Parameters
        ----------
        information
            Participants analysed (or events) in the two arms at each look.
        reached
            The same in all arms; the information where there are two arms.
        """
        return efficacy_bounds(information, self.most, self.level, reached=reached)

    def words(self) -> str:
        """Say what it is, in one line."""
        test = "logrank test" if self.of_times else "z test of two proportions"
        what = f"{test}, O'Brien-Fleming-type alpha spending, one-sided {self.error:g}"
        if len(self.experimental) > 1:
            what += f", {self.level:g} for each arm against {self.design.arm_names[0]}"
        seen = "events" if self.of_times else "numbers"
        if self.planned is None:
            what += f"; boundaries at the {seen} that each look analyses"
        else:
            bounds = ", ".join(
                "none" if math.isinf(bound) else f"{bound:.3f}"
                for bound in self.bounds(self.planned)
            )
            at = f" at {', '.join(map(str, self.planned))} events" if self.of_times else ""
            what += f"; z at least {bounds}{at}"
        if self.futility is not None and (self.planned is None or len(self.planned) > 1):
            what += f"; futility below {self.futility:g} before the last look, non-binding"
        return what


def classical(design: Design, futility: float | None = None) -> Classical:
    """Return the classical group-sequential design with the same arms and looks.

    Parameters
    ----------
    futility
        Value of z below which an arm is given up at a look before the last; nothing for never.

    Raises
    ------
    DesignError
        If its primary endpoint is neither binary nor a time to event with looks by events.
    """
    problems = []
    endpoint = design.primary_endpoint
    kind = f"endpoints.{design.primary}.type"
    if endpoint.type == "time_to_event":
        if design.looks.scale != "events":
            problems.append(
                Problem(
                    f"looks.{design.looks.scale}",
                    "the group-sequential design of a time to event needs looks by events, since "
                    "the last one's number is the whole of its information",
                )
            )
    elif endpoint.gives.lasts:
        problems.append(
            Problem(
                kind,
                f"found {endpoint.type}, which is of remitters alone; the logrank test of the "
                f"group-sequential design compares the arms as randomised",
            )
        )
    elif not endpoint.binary:
        problems.append(
            Problem(
                kind,
                f"found {endpoint.type}; the group-sequential design tests proportions or times to "
                f"an event",
            )
        )
    if problems:
        raise DesignError(problems)
    error = design.calibration.type_one_error if design.calibration else ERROR
    return Classical(in_blocks(design), error, _higher_is_better(design), futility)


def in_blocks(design: Design) -> Design:
    """Return the design with a fixed ratio, in permuted blocks."""
    if design.randomisation.method == "permuted_blocks":
        return design
    return Design(**{key: part for key, part in design.plain().items() if key != "randomisation"})


def claim(design: Design) -> tuple[float, bool] | None:
    """What the design's success claims of the primary estimand, and whether it lies above that.

    Nothing where it says nothing.
    """
    for rule in design.rules:
        asked = rule.posterior
        if rule.decision.ends != SUCCESS or asked is None or asked.endpoint != design.primary:
            continue
        if not asked.others:
            continue
        value = asked.above if asked.above is not None else asked.below
        if value is not None:
            return value, asked.above is not None
    return None


def words_of_classical(design: Classical) -> list[str]:
    """Say what was kept of the design file, what was replaced, and what is left out."""
    first = design.design
    several = len(design.experimental) > 1
    strata = ", strata taken together" if first.strata else ""
    text = (
        f"keeps the arms, participants, primary endpoint, looks and truths; replaces the model "
        f"with its prior, and all rules, by a {_test(design)} at O'Brien-Fleming-type boundaries"
        f"{strata}. It estimates {_estimate(design)}."
    )
    if several:
        until = "the first success" if design.ends_at_first_success else "all are decided"
        text += (
            f" Each arm is tested against {first.arm_names[0]} with 1/{len(design.experimental)} "
            f"of the type I error (Bonferroni; the whole trial's is at most {design.error:g}); "
            f"arms stay open until {until}."
        )
    if design.futility is None:
        text += " No boundary for futility."
    else:
        text += (
            f" Before the last look {'an arm is' if several else 'it is'} given up where z is "
            f"below {design.futility:g}; non-binding: the boundaries of success do not count on it."
        )
    told = [text]
    claimed = claim(first)
    null, what = (1.0, "a hazard ratio") if design.of_times else (0.0, "a difference")
    if claimed is not None and claimed[0] != null:
        sign = "above" if claimed[1] else "below"
        told.append(
            f"tests {what} of {null:g}, whereas the design claims one {sign} {claimed[0]:g}; their "
            f"powers are not for the same claim."
        )
    return told


def _test(design: Classical) -> str:
    return "logrank test" if design.of_times else "pooled two-proportion z test"


def _estimate(design: Classical) -> str:
    return "Cox's hazard ratio" if design.of_times else "the observed difference"


def _higher_is_better(design: Design) -> bool:
    for rule in design.rules:
        asked = rule.posterior
        if rule.decision.ends == SUCCESS and asked is not None and asked.endpoint == design.primary:
            about_control = asked.arm == design.arm_names[0]
            return (asked.above is not None) != about_control
    # nothing is said: a response is good, and an event is not
    return design.primary_endpoint.binary
