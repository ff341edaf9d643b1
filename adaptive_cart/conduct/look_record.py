"""What is kept of a look, and what the comparisons of a rule were compared with."""

from __future__ import annotations

from dataclasses import dataclass, field

from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.conduct.rules import ResolvedRule
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.summaries import Summary

Thresholds = tuple[float | Floats, ...]  # of the comparisons of a rule


@dataclass
class LookRecord:
    """What is kept of one look: a row a trial, arm and stratum in ``looks.parquet``.

    Attributes
    ----------
    held
        ``(trial,)``: was the look held in the trial?
    randomised, infused
        ``(trial, arm, stratum)``.
    probabilities
        By name of a comparison: ``(trial, target)``, nan where it was not asked.
    shares
        ``(trial, arm)`` in force after the look, under response-adaptive randomisation.
    between
        Whether this is a stop between looks, counted with the look that would have come next.
    in_force
        By comparison that spends a type I error, or of a claim that shares one: ``(trial, target)``
        what it was compared with.
    sets
        By name of a claim that shares an error: ``(trial,)`` which claims had held when it was
        judged.
    """

    look: int
    held: Booleans
    date: Floats
    randomised: Integers
    infused: Integers
    summaries: dict[str, Summary]
    probabilities: dict[str, Floats]
    shares: Floats | None
    between: bool = False
    in_force: dict[str, Floats] = field(default_factory=dict)
    sets: dict[str, Integers] = field(default_factory=dict)

    def threshold(self, part: Comparison, place: int = 0, trial: int = 0) -> float:
        """What the answer about one of the targets was compared with in a trial."""
        if part.name in self.in_force:
            return float(self.in_force[part.name][trial, place])
        return part.threshold_at(self.look, self.between)


def by_name(rule: ResolvedRule, answers: tuple[Floats, ...]) -> dict[str, Floats]:
    """What the comparisons of a rule asked for, by their names."""
    return {part.name: answer for part, answer in zip(rule.parts, answers, strict=True)}


def between_looks(rule: ResolvedRule, look: int) -> Thresholds:
    """What the comparisons of a rule are compared with between a look and the one before."""
    return tuple(part.threshold_at(look, between=True) for part in rule.parts)
