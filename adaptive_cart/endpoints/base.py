"""The contract of an endpoint: four questions every kind answers."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from adaptive_cart.nouns.parts import Part
from adaptive_cart.nouns.records import Floats, Population, Snapshot
from adaptive_cart.nouns.summaries import Summary


class EndpointBase(Part):
    """What every endpoint table may say, and what every endpoint can do.

    Class attributes
    ----------------
    summary_kind
        Name of the summary noun that :meth:`summary` gives; a model reads one kind.
    direct_truth
        What a direct truth of this endpoint is by arm: a ``probability``, a ``time`` distribution
        or a yearly ``rate``.
    estimand_kind
        Kind of question whose quantity is the estimand, if this endpoint is the primary.
    fed_by
        What part of a participant course feeds it: ``remission``, ``events``, ``rates`` or nothing.
    unit
        Of a participant's value, where it is a number with one: ``months``.
    """

    type: str
    label: str | None = Field(default=None, description="name for tables and figures")
    primary: bool | None = Field(default=None, description="the endpoint that looks count")

    summary_kind: ClassVar[str]
    direct_truth: ClassVar[Literal["probability", "time", "rate"] | None] = None
    fed_by: ClassVar[Literal["remission", "events", "rates"] | None] = None
    estimand_kind: ClassVar[str | None] = None
    unit: ClassVar[str] = ""

    def known_after(self) -> float | None:
        """Months from randomisation until the outcome is known, where that is fixed."""
        return None

    def dropout_counts(self) -> bool:
        """Whether dropout is part of the outcome; if not, the estimand is without any."""
        return True

    def followed_for(self) -> float | None:
        """Months for which a participant is followed for this endpoint, where that is fixed."""
        return self.known_after()

    def ends(self, prepared: Any, population: Population) -> Floats | None:
        """Calendar month after which nothing more is seen of each, ``(trial, participant)``.

        Asked for where follow-up has no fixed length; infinite for who is followed for ever, and
        nothing where everybody is.
        """
        return None

    def prepare(self, name: str, population: Population) -> Any:
        """Work out once what does not change from look to look."""
        raise NotImplementedError  # abstract: every kind supplies it

    def summary(self, prepared: Any, snapshot: Snapshot) -> Summary:
        """Summarise what is visible at a look by ``(trial, arm, stratum)``."""
        raise NotImplementedError  # abstract: every kind supplies it

    def true_values(self, name: str, population: Population) -> Floats | None:
        """Mean outcome under unlimited follow-up of each trial's participants, ``(trial,)``.

        This is the quantity whose difference between arms is the estimand; nothing where the
        endpoint has none.
        """
        return None

    def counts_some(self) -> bool:
        """Whether the mean outcome is taken over some participants and not over everybody."""
        return False

    def counted(self, name: str, population: Population) -> Floats:
        """Fraction of each trial's participants over whom the mean is taken, ``(trial,)``."""
        return np.ones(population.trials)
