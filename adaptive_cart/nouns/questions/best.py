"""Whether an arm is the best of the experimental arms that are still open.

Arms are put in order by one number of each: the endpoint's own parameter, the hazard where the
model has no other, or what a further key names (``remains_at``, ``restricted_mean``, ``median``).
The best has the largest, or the smallest where less is better. Of equals the earlier arm is the
better one; but of two medians that are infinite neither is, so that no arm may be the best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from adaptive_cart.nouns.questions.kind import Key, QuestionKind
from adaptive_cart.nouns.questions.quantity import LEVEL, Quantity
from adaptive_cart.nouns.questions.words import Wording, place

if TYPE_CHECKING:
    from adaptive_cart.nouns.questions.question import Question
    from adaptive_cart.nouns.questions.words import Parameter
    from adaptive_cart.nouns.records import Booleans, Floats


class Best(QuestionKind):
    """The best arm; the combined value is 1 where it is, and 0 elsewhere."""

    name = "best"
    keys: ClassVar[tuple[Key, ...]] = (Key("best", bool, "Asks for P(the arm is the best)."),)
    other = None
    has_value = False
    among_open = True
    asked_for = "the best arm"
    by_keys: ClassVar[tuple[str, ...]] = (
        "remains_at",
        "restricted_mean",
        "median",
    )  # of kinds that may put arms in order

    @property
    def takes(self) -> tuple[str, ...]:
        return (*super().takes, *self.by_keys)

    def month(self, asked: Any) -> float:
        months = (asked.remains_at, asked.restricted_mean)
        return float(next((month for month in months if month is not None), 0.0))

    def quantities(self, question: Question, arms: int) -> tuple[Quantity, ...]:
        """The number that puts them in order, of every arm among which it is asked."""
        found = tuple(self._of(question, arm) for arm in question.compared(arms))
        own = question.by.quantity
        if question.by.of_two:  # known of two arms together: each against the control
            return tuple(replace(one, name=own, to=0) for one in found)
        return tuple(replace(one, name=own) for one in found)

    def rank(self, question: Question, values: Sequence[Floats]) -> Floats:
        """Place of the arm among those compared, 1 the best; of equals the earlier one is.

        Of kinds of which arms may be equal: how many are at least as good, itself among them.
        """
        arms = question.compared(len(values) + 1)
        stacked = np.stack(values, axis=-1)
        if question.by.ties:
            own = stacked[..., [arms.index(question.arm)]]
            as_good = stacked <= own if question.lowest else stacked >= own
            return as_good.sum(axis=-1).astype(np.float64)
        order = np.argsort(stacked if question.lowest else -stacked, axis=-1, kind="stable")
        found: Floats = 1.0 + np.argmax(order == arms.index(question.arm), axis=-1)
        return found

    def combine(self, question: Question, values: Sequence[Floats]) -> Floats:
        """1 where the arm's value is the best, 0 elsewhere."""
        if question.by.ties:
            return (self.rank(question, values) == 1.0).astype(np.float64)
        arms = question.compared(len(values) + 1)
        stacked = np.stack(values, axis=-1)
        best = np.argmin(stacked, axis=-1) if question.lowest else np.argmax(stacked, axis=-1)
        found: Floats = (best == arms.index(question.arm)).astype(np.float64)
        return found

    def holds(self, question: Question, value: Floats) -> Booleans:
        return value == 1.0

    def inside(self, question: Question, arms: int) -> bool | None:
        """Whether there is another arm that it could be; it is the best of one."""
        return len(question.compared(arms)) > 1

    def claims(self, question: Question, arms: int) -> tuple[Question, ...]:
        """It is better than each of the others."""
        by = question.by
        return tuple(
            replace(
                question,
                kind=by.name,
                minus=other,
                value=by.no_effect,
                above=not question.lowest,
            )
            for other in question.compared(arms)
            if other != question.arm
        )

    def ordered(self, question: Question, endpoint: str, parameter: Parameter) -> str:
        """Say what is the best: ``the largest probability of X``."""
        most = "smallest" if question.lowest else "largest"
        if question.ordered_by == LEVEL:
            return f"the {most} {parameter.noun} of {endpoint}"
        if question.by.of_two:
            return f"the {most} hazard of {endpoint}"
        return f"the {most} {question.by.noun(question, endpoint, parameter).removeprefix('the ')}"

    def formula(self, question: Question, arm: str, other: str | None, value: str) -> str:
        return f"{arm} has the {self.most(question)} of the open arms"

    @staticmethod
    def most(question: Question) -> str:
        """Name what the best arm has in a formula: ``largest level``, ``smallest hazard``."""
        named = "hazard" if question.by.of_two else question.ordered_by.replace("_", " ")
        when = f" at {question.month:g} months" if question.month else ""
        return f"{'smallest' if question.lowest else 'largest'} {named}{when}"

    def clause(self, question: Question, wording: Wording) -> str:
        """Say it: ``A has the largest probability of X of all arms that are still open``."""
        arm = wording.arms[question.arm]
        ordered = self.ordered(question, wording.endpoint, wording.parameter)
        where = place(question, wording)
        return f"{arm} has {ordered}{where} of all arms that are still open"
