"""What becomes of a block of trials: how each ended, with how many, and what was estimated."""

from __future__ import annotations

from dataclasses import dataclass, field

from adaptive_cart.conduct.look_record import LookRecord
from adaptive_cart.conduct.standing import Standing
from adaptive_cart.nouns.counters import Labels
from adaptive_cart.nouns.records import Booleans, Floats, Integers, Population


@dataclass
class Block:
    """The outcome of a block of trials in one scenario; arrays are ``(trial,)`` unless said.

    Attributes
    ----------
    standing
        Decisions, and how each trial ended.
    look, months
        The look that ended it and its calendar month.
    between
        Whether it ended between looks (a rule with ``every``); ``look`` is then the one that would
        have come next.
    randomised, analysed, infused
        ``(trial, arm)`` participants randomised (pipeline counted in), in the primary analysis, and
        infused by then.
    estimate, covered
        ``(trial, estimand)`` posterior mean at the end, and whether the credible interval covers
        the true value.
    limits
        ``(trial, estimand, 2)`` both ends of that interval; nothing where no estimate is corrected
        for the stop.
    estimate_final, covered_final, analysed_final
        The same after the pipeline has been followed up.
    reversal
        A success that the pipeline turned into a failure.
    benefit, harm
        ``(trial, utility)`` posterior means of the two sides of each of the plan's utilities.
    claimed_final
        By name of a claim that is judged again after follow-up: ``(trial, target)`` whether it is
        made then.
    as_observed
        The same participants judged beside external data as they were observed, up to the look
        that ended the trial; nothing where none are drawn anew.
    """

    first_trial: int
    standing: Standing
    look: Labels
    months: Floats
    between: Booleans
    randomised: Integers
    analysed: Integers
    infused: Integers
    estimate: Floats
    covered: Booleans
    estimate_final: Floats
    covered_final: Booleans
    analysed_final: Integers
    reversal: Booleans
    looks: list[LookRecord]
    benefit: Floats
    harm: Floats
    limits: Floats | None = None
    claimed_final: dict[str, Booleans] = field(default_factory=dict)
    population: Population | None = None
    as_observed: Block | None = None
