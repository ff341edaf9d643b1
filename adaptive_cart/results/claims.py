"""Whether the claim of a success is so in a scenario: what makes a success false.

A success rule claims what it asks (with ``below`` as its threshold, the opposite); a predictive one
what the rule claims that it predicts, all its questions put together as there. At its margin a
claim is false, above or below, and so is the claim to be the best arm where another one is truly
as good. A claim about the open strata, or about the best of the open arms, is judged by what was
open when the success was declared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.conduct.conditions import all_known, any_known
from adaptive_cart.conduct.rules import ResolvedRule, resolve_rules
from adaptive_cart.conduct.standing import Standing
from adaptive_cart.design.design import Design
from adaptive_cart.nouns.counters import Labels
from adaptive_cart.nouns.distinct_rows import each_distinct
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Booleans, Integers
from adaptive_cart.results.estimand import TrueValues
from adaptive_cart.results.true_value import TrueValue

ROUNDING = 1e-9  # far below any difference that matters
ERRORS = 4.0  # standard errors within which an integrated true value is at the margin
NONE, FALSE, UNKNOWN = 0, 1, -1


@dataclass(frozen=True)
class Claims:
    """The claims of a design's success rules, judged by the true values of one scenario."""

    rules: tuple[ResolvedRule, ...]
    true: TrueValues

    @staticmethod
    def of(design: Design, true: TrueValues) -> Claims:
        """Claims of a design."""
        return Claims(resolve_rules(design), true)

    def false(
        self,
        position: int,
        place: int = 0,
        open_arms: tuple[int, ...] | None = None,
        open_strata: tuple[int, ...] | None = None,
    ) -> bool | None:
        """Whether a rule's claim about one of its targets is false; nothing where it is not known.

        Parameters
        ----------
        open_arms, open_strata
            Positions of what was open when the claim was made; everything if left out.
        """
        rule = self.rules[position]
        true = [
            self._true(part, part.targets[places[place]], open_arms, open_strata)
            for part, places in zip(rule.parts, rule.condition.places, strict=True)
        ]
        known = rule.condition.known_of_target(true)
        return None if known is None else not known

    def _true(
        self,
        part: Comparison,
        asked: Question,
        open_arms: tuple[int, ...] | None,
        open_strata: tuple[int, ...] | None,
        opposite: bool = False,
    ) -> bool | None:
        """Whether what a comparison claims of a target is so; nothing where it is not known.

        Parameters
        ----------
        opposite
            Whether the opposite is claimed.
        """
        affirms = part.affirms != opposite
        behind = part.asks.of_whole(asked)
        if behind is not None:
            whole, questions = behind
            claims = [
                self._true(inner, own, open_arms, open_strata, not affirms)
                for inner, own in zip(whole.parts, questions, strict=True)
            ]
            return (whole if affirms else whole.opposite()).known_of_target(claims)
        every = part.asks.every(asked)
        so = [self._so(target, affirms, open_arms, open_strata) for target in every]
        return all_known(so) if affirms else any_known(so)

    def _so(
        self,
        target: Question,
        affirms: bool,
        open_arms: tuple[int, ...] | None,
        open_strata: tuple[int, ...] | None,
    ) -> bool | None:
        """Whether what is asked (or the opposite) is so; nothing where it is not known."""
        if target.to_be_named and open_arms is not None:
            target = replace(target, among=tuple(arm for arm in open_arms if arm))
        claims = target.of.claims(target, self.true.arms)
        enough = target.of.enough(target, len(claims))
        needed = enough if affirms else len(claims) - enough + 1
        so = unknown = 0
        for one in claims:
            found = self.true.quantity(one, open_strata)
            if found is None or np.isnan(found.value):
                unknown += 1
            else:
                so += beyond(found, one.value, one.above == affirms)
        return True if so >= needed else None if so + unknown >= needed else False

    def of_trials(
        self,
        standing: Standing,
        rules: Sequence[int] | None = None,
        chosen: Integers | None = None,
    ) -> Labels:
        """By trial: 1 where a success is false, 0 where none is, -1 where it is not known.

        Parameters
        ----------
        rules
            Positions of the rules whose claims count; those for success if left out.
        chosen
            Positions of the trials of which it is wanted; of the others 0 is returned.
        """
        found = np.full(len(standing.reason), NONE, dtype=np.int8)
        for position in standing.won if rules is None else rules:
            looks = standing.noted[position]
            for place in range(len(self.rules[position].targets)):
                won = np.flatnonzero(looks[:, place] > 0)
                won = won if chosen is None else np.intersect1d(won, chosen)
                for rows, arms, strata in _alike(standing, position, place, won):
                    _mark(found, rows, self.false(position, place, arms, strata))
        return found

    def of_made(self, made: Mapping[int, Booleans], trials: int) -> Labels:
        """By trial, as ``of_trials``, of further claims, which ask nothing about what is open.

        Parameters
        ----------
        made
            By position of the rule: ``(trial, target)`` whether it is made.
        """
        found = np.full(trials, NONE, dtype=np.int8)
        for position, claimed in made.items():
            for place in range(len(self.rules[position].targets)):
                rows = np.flatnonzero(claimed[:, place])
                _mark(found, rows, self.false(position, place))
        return found


@dataclass(frozen=True)
class ClaimsAmong(Claims):
    """The claims judged over truths of which some are known: those where each arm is at its ends.

    What is asked of one arm, or of one beside another, lies between its values there: where they
    answer alike so do all truths between, and where not it is not known. Then the answers are put
    together as a rule does it, so that what is false only between the ends (neither far above nor
    far below) is not known to be true.

    Attributes
    ----------
    others
        True values at the other ends.
    """

    others: tuple[TrueValues, ...] = ()

    def _so(
        self,
        target: Question,
        affirms: bool,
        open_arms: tuple[int, ...] | None,
        open_strata: tuple[int, ...] | None,
    ) -> bool | None:
        asked = (target, affirms, open_arms, open_strata)
        first = super()._so(*asked)
        alike = all(Claims(self.rules, one)._so(*asked) is first for one in self.others)
        return first if alike else None


def any_of_them(found: Sequence[Labels]) -> Labels:
    """By trial: false where any is, else not known where one is not, ``(trial,)`` each."""
    table = np.stack(found)
    unknown = np.where((table == UNKNOWN).any(axis=0), UNKNOWN, NONE)
    whole = np.where((table == FALSE).any(axis=0), FALSE, unknown)
    return np.asarray(whole, dtype=np.int8)


def _mark(found: Labels, rows: Integers, false: bool | None) -> None:
    """Note what a claim makes of the trials that make it."""
    if false is None:
        found[rows] = np.where(found[rows] == FALSE, FALSE, UNKNOWN)
    elif false:
        found[rows] = FALSE


def beyond(found: TrueValue, value: float, above: bool) -> bool:
    """Whether a true value lies beyond another: further than rounding and its own error reach."""
    slack = max(ROUNDING, ERRORS * found.mcse)
    return found.value > value + slack if above else found.value < value - slack


def _alike(
    standing: Standing, position: int, place: int, won: Integers
) -> Iterator[tuple[Integers, tuple[int, ...] | None, tuple[int, ...] | None]]:
    """Trials whose success claims the same: positions, and the arms and strata open then."""
    arms = strata = None
    if len(won) and standing.rules[position].about_open(place):
        arms, strata = standing.open_when_won(position, place)
    if arms is None or strata is None:
        yield won, None, None
        return
    both = np.hstack([arms[won], strata[won]])
    for pattern, here in each_distinct(both):
        yield won[here], _where(pattern[: arms.shape[1]]), _where(pattern[arms.shape[1] :])


def _where(is_open: Booleans) -> tuple[int, ...]:
    return tuple(int(place) for place in np.flatnonzero(is_open))
