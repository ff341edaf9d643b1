"""What a decision is: its name, what it does to trials, what it refuses, its words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from adaptive_cart.decisions.endings import Colour, Ending
from adaptive_cart.nouns.records import Booleans, Floats, Integers


@dataclass(frozen=True)
class Holding:
    """A rule that holds, in some trials of a block and of some of its targets.

    Attributes
    ----------
    position
        Of the rule in the design.
    where
        ``(trial, target)`` it holds, only where it was asked.
    probabilities, thresholds
        By comparison that it makes: ``(trial, question)`` what was compared with what.
    look
        Number of the look, or of the one to come.
    randomised, last
        ``(trial,)`` participants in by now, and whether this is the trial's last look.
    """

    position: int
    where: Booleans
    probabilities: tuple[Floats, ...]
    thresholds: tuple[Floats, ...]
    look: int
    randomised: Integers
    last: Booleans


class Actions(Protocol):
    """What a decision can do to a block of trials."""

    def end(self, held: Holding, ending: Ending) -> None:
        """End the trials; one in which a target has succeeded ends as a success all the same."""

    def end_where_resolved(self, held: Holding) -> None:
        """End the trials with no experimental arm, or no stratum, left open."""

    def note(self, held: Holding) -> None:
        """Note, for each target, the look at which the rule first held, and what was open."""

    def succeed(self, held: Holding) -> None:
        """Let a success, noted as a claim, end the trial or resolve its target."""

    def drop_arms(self, held: Holding) -> None:
        """Let the targets' arms enrol no more."""

    def all_but_best(self, held: Holding) -> Holding:
        """The open arms but the best of those for which the rule holds, where it holds at all."""

    def close_strata(self, held: Holding) -> None:
        """Let the targets' strata enrol no more."""

    def stop_enrolment(self, held: Holding) -> None:
        """Let nobody else in; the look after follow-up is the last."""


class Asked(Protocol):
    """What a rule's question names, as written."""

    @property
    def arm(self) -> str | None:
        """An arm, or "each"; nothing where none is named."""

    @property
    def stratum(self) -> str | None:
        """A stratum, "each" or "open"; nothing for all of them."""


Refusals = Iterator[tuple[str, ...]]  # path in the rule, what is wrong, paths that it is about


@dataclass(frozen=True)
class Decision(ABC):
    """What follows when a rule holds.

    Attributes
    ----------
    name
        In the design file.
    does
        What the rule does, in a sentence: "drops an arm".
    done
        What has happened then: "the arm is dropped".
    colour, hatch
        How it is drawn.
    ends
        How the trial ends by it; nothing where it goes on.
    claims
        Whether it claims that what the rule asks is so: the claim may be false.
    noted
        Whether that the rule held is told of a real trial as what was decided, though nothing
        ends, closes or is claimed.
    at_the_end
        Whether the rule is judged once, when the trial has ended, after the other rules.
    drops_arms, closes_strata, stops_enrolment
        What stops enrolling.
    chooses
        Whether one arm goes on, and all others stop.
    """

    name: str
    does: str
    done: str
    colour: Colour
    hatch: str = ""
    ends: Ending | None = None
    claims: bool = False
    noted: bool = False
    at_the_end: bool = False
    drops_arms: bool = False
    closes_strata: bool = False
    stops_enrolment: bool = False
    chooses: bool = False

    @property
    def may_end(self) -> bool:
        """Whether a trial may end by it: at once, or because nothing is left open."""
        return self.ends is not None or self.drops_arms or self.closes_strata

    @property
    def gives_up(self) -> bool:
        """Whether it stops, without success, a trial, or an arm or a stratum of it."""
        closes = (self.drops_arms or self.closes_strata) and not self.chooses
        return closes or (self.ends is not None and self.ends != Ending.success)

    @abstractmethod
    def act(self, trials: Actions, held: Holding) -> None:
        """Do to the trials what follows."""

    def refuses(self, asked: Asked, control: str | None, strata: tuple[str, ...]) -> Refusals:
        """Say what of a rule with this decision makes no sense.

        Parameters
        ----------
        control
            Name of the control arm, if there is one.
        """
        return iter(())
