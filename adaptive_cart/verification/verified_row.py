"""One number by both faces of a model, and by how much the two may differ."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

LARGEST_DIFFERENCE: Final = 0.01  # or the error that the model states, where that is larger
LARGEST_OF_TEST: Final = 1e-6  # two ways to work out one number
ERRORS: Final = 4.0

PYMC: Final = "PyMC"
OTHER_CODE: Final = "other code"  # than that of the test

PROBABILITY: Final = "probability"  # that a rule asks for


@dataclass(frozen=True)
class Row:
    """One number by both faces: a probability that a rule asks for, or what is estimated.

    Attributes
    ----------
    arm, stratum
        Of the rule's target; blank where it names none.
    fast, reference, difference, mcse
        Both numbers, fast minus reference, and the Monte Carlo standard error of the reference.
    threshold, fast_decision, reference_decision
        What a rule's probability is compared with, and whether the rule holds; nan, and false, of
        what no rule asks.
    r_hat, ess_bulk, divergences
        Diagnostics of the fit; ``trusted`` whether they are good enough.
    allowed
        Difference that is none of a fault: :func:`allowed_of`.
    between
        Which date between this look and the one before, from 1; 0 for the look itself.
    completed
        Whether it is asked at the last look of a trial that was completed from this look on.
    by
        Where the reference comes from: ``PyMC``, or of a test ``other code``.
    measure
        What the numbers are: a ``probability`` that a rule asks for, or what
        :mod:`~adaptive_cart.verification.verified_estimates` compares beside.
    unit
        Of ``allowed``, in that of the numbers: the posterior standard deviation of a mean, else 1.
    """

    scenario: str
    trial: int
    look: int
    rule: str
    arm: str
    stratum: str
    fast: float
    reference: float
    difference: float
    mcse: float
    threshold: float
    fast_decision: bool
    reference_decision: bool
    r_hat: float
    ess_bulk: float
    divergences: int
    trusted: bool
    allowed: float = LARGEST_DIFFERENCE
    between: int = 0
    completed: bool = False
    by: str = PYMC
    measure: str = PROBABILITY
    unit: float = 1.0

    @property
    def key(self) -> tuple[str, int, int, int]:
        """The look, or the date between looks."""
        return self.scenario, self.trial, self.look, self.between

    @property
    def label(self) -> str:
        """What was asked, for a table."""
        return label_of(self.rule, self.completed, self.measure)

    @property
    def asked(self) -> bool:
        """Whether a rule asks for it."""
        return self.measure == PROBABILITY

    @property
    def had(self) -> bool:
        """Whether either face has a number; of too few participants a test estimates nothing."""
        return not (math.isnan(self.fast) and math.isnan(self.reference))

    @property
    def away(self) -> float:
        """How far the two faces are apart, in the unit in which that is judged; nan for unknown."""
        return abs(self.difference) / self.unit if self.difference else 0.0

    @property
    def failed(self) -> bool:
        """Whether the two faces differ by more than they may, or the reference has no number."""
        if math.isnan(self.reference) and not math.isnan(self.fast):
            return self.trusted
        beyond = abs(self.difference) > ERRORS * self.mcse
        return self.trusted and self.away > self.allowed and beyond

    @property
    def differs(self) -> bool:
        """Whether the two faces decide otherwise."""
        return self.fast_decision != self.reference_decision

    @property
    def near(self) -> bool:
        """Whether the reference cannot tell on which side of the threshold it lies."""
        return abs(self.reference - self.threshold) <= ERRORS * self.mcse


def label_of(rule: str, completed: bool = False, measure: str = PROBABILITY) -> str:
    """Name of a rule or of what is estimated, and where or what it is that is compared."""
    name = rule if measure == PROBABILITY else f"{rule}, {measure}"
    return f"{name}, at the last look of a completed trial" if completed else name


def allowed_of(error: float) -> float:
    """Difference that is allowed to an answer with this stated error."""
    return max(LARGEST_DIFFERENCE, error)
