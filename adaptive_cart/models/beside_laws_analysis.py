"""A model's own posterior, and behind its arms external data that say a law of one quantity.

Its PyMC face likewise: the model of the arms as it is, and in it the external data by themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from adaptive_cart.models.base import Posterior, Reference
from adaptive_cart.models.reference import Data, Draws, ReferenceOf
from adaptive_cart.nouns.questions import Quantity, Question
from adaptive_cart.nouns.records import Booleans, Floats

if TYPE_CHECKING:
    from adaptive_cart.models.outside_laws import OutsideLaw


class BesideLaws(Posterior):
    """Posterior of the arms of a trial, and behind them what external data say of a quantity.

    Attributes
    ----------
    outside
        Their laws; nothing in the place of data of another endpoint.
    """

    outside: tuple[OutsideLaw | None, ...]

    @property
    def own_arms(self) -> int:
        """How many arms the trial has."""
        raise NotImplementedError  # abstract: every model supplies it

    @property
    def trials(self) -> int:
        """Of how many trials it is."""
        raise NotImplementedError  # abstract: every model supplies it

    def draw_own(self, quantity: Quantity) -> Floats:
        """Draws of a quantity of an arm of the trial, ``(trial, draw)``."""
        raise NotImplementedError  # abstract: every model supplies it

    @property
    def arms(self) -> int:
        return self.own_arms + len(self.outside)

    def law_of(self, arm: int | None) -> OutsideLaw | None:
        """What external data say, by their position behind the arms; nothing for an arm."""
        return None if arm is None or arm < self.own_arms else self.outside[arm - self.own_arms]

    def draw(self, quantity: Quantity) -> Floats:
        law = self.law_of(quantity.arm)
        if law is None:
            return self.draw_own(quantity)
        drawn = law.draws(quantity.arm - self.own_arms)
        return np.broadcast_to(drawn, (self.trials, len(drawn)))

    def averaged(
        self, alone: Question, law: OutsideLaw, own_sd: Floats, above: Callable[[float], Floats]
    ) -> Floats:
        """Probability that an arm's own exceeds a law by more than the question's value.

        Parameters
        ----------
        alone
            The question without what is compared with.
        own_sd, above
            Width of the arm's own posterior, and its probability above a number, ``(trial,)``.
        """
        found = law.exceeded(alone.value, above)
        narrow = own_sd < law.sd
        if narrow.any():
            by_draws = law.exceeded_by_draws(alone.value, self.drawn(alone))
            found = np.where(narrow, by_draws, found)
        return found


@dataclass(frozen=True)
class ReferenceBeside(ReferenceOf):
    """The same in PyMC: external data are part of the model.

    Attributes
    ----------
    face
        That of the arms.
    names, outside
        Names of the external data, and their laws.
    """

    face: Reference
    names: tuple[str, ...]
    outside: tuple[OutsideLaw | None, ...]

    @property
    def arms(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the arms, and of external data behind them."""
        return (*self.face.arms, *self.names)

    @property
    def statement(self) -> str:
        """Likelihood and prior of the arms, then those of external data."""
        both = zip(self.names, self.outside, strict=True)
        own = (f"{name}: {law.words}" for name, law in both if law is not None)
        return "\n".join([self.face.statement, *own])

    def model(self, data: Data) -> Any:
        """A new model of these data."""
        found = self.face.model(data)
        with found:
            for place, law in enumerate(self.outside):
                if law is not None:
                    law.in_pymc(self._name(place))
        return found

    @staticmethod
    def _name(place: int) -> str:
        return f"external_{place}"

    def of(self, draws: Draws, quantity: Quantity, open_strata: Booleans | None = None) -> Floats:
        """A quantity of an arm as its face has it, or of external data."""
        own = len(self.face.arms)
        if quantity.arm < own:
            return self.face.of(draws, quantity, open_strata)
        return draws[self._name(quantity.arm - own)]
