"""What is known of a kind of question: who asks it, of what it is made, how it is said and drawn.

A question compares numbers of arms (:class:`Quantity`) with a value. Its kind says which numbers
these are and how they are combined; the same arithmetic serves true values, posterior draws and
the draws of a Markov chain. To add a kind: ``docs/extending/question.md``, and a line in
``kinds.py``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from adaptive_cart.nouns.questions.quantity import LEVEL, Quantity
from adaptive_cart.nouns.questions.words import compared

if TYPE_CHECKING:
    from adaptive_cart.nouns.questions.question import Question
    from adaptive_cart.nouns.questions.words import Parameter, Wording
    from adaptive_cart.nouns.records import Booleans, Floats


@dataclass(frozen=True)
class Key:
    """A key of a rule's table that asks a kind of question.

    Attributes
    ----------
    type
        What it takes; ``str`` for the name of an arm.
    words
        What an editor shows for it.
    """

    name: str
    type: Any
    words: str


class QuestionKind:
    """A kind of question; what is the same for most is a comparison of two arms, or of one.

    Class attributes
    ----------------
    name
        Its name in tables of results.
    keys
        Keys of a rule's table that it brings.
    asks
        Keys that together ask it; the first of its own where nothing is said.
    other
        Key that names the second arm; none where there never is one.
    has_value
        Whether it is compared with a value, ``above`` or ``below``.
    quantity
        Name of the quantity of an arm that it is about.
    ratio
        Whether arms are compared by a ratio, so that no effect is 1 and the scale logarithmic.
    among_open
        Whether it is asked among the experimental arms that are open at the time.
    lower_is_better
        What is taken to be better where no rule says it.
    asked_for
        What it asks for, in a sentence: "a hazard ratio".
    comparison, against
        The comparison of two arms as a noun, and what stands between them in a sentence.
    observed
        Whether observed values of the endpoint can be compared like that.
    of_two
        Whether its quantity is known of two arms together only.
    of_several
        Whether it is made of the numbers of several endpoints, each with a weight.
    limits
        Between which values its quantity of an arm lies, where that is not as the endpoint's
        summary has it.
    orders
        Whether a question that compares the open arms may put them in order by it.
    always_by
        Name of the kind whose number puts arms in order, whatever the table says; none for most.
    alone
        Of a kind made of several endpoints that compares the open arms: the kind that asks the same
        of one.
    ties
        Whether two arms may be equal by it, in the truth and in draws: neither is then the better.
    claimable
        Whether what it asks is so or is not so in a truth, so that a success can claim it.
    heavy
        Whether its posterior may have no mean, so that its median is told.
    fits
        Between which values an endpoint's own parameter must lie for it to be asked, where that
        matters, and what such a parameter is called.
    """

    name: ClassVar[str]
    keys: ClassVar[tuple[Key, ...]] = ()
    asks: ClassVar[tuple[str, ...]] = ()
    other: ClassVar[str | None] = "minus"
    has_value: ClassVar[bool] = True
    quantity: ClassVar[str] = LEVEL
    ratio: ClassVar[bool] = False
    among_open: ClassVar[bool] = False
    lower_is_better: ClassVar[bool] = False
    asked_for: ClassVar[str]
    comparison: ClassVar[str] = "difference"
    against: ClassVar[str] = "to that in"
    observed: ClassVar[bool] = False
    of_two: ClassVar[bool] = False
    of_several: ClassVar[bool] = False
    limits: ClassVar[tuple[float, float] | None] = None
    orders: ClassVar[bool] = False
    always_by: ClassVar[str | None] = None
    alone: ClassVar[str] = ""
    ties: ClassVar[bool] = False
    claimable: ClassVar[bool] = True
    heavy: ClassVar[bool] = False
    fits: ClassVar[tuple[tuple[float, float], str] | None] = None

    # ── the design file ───────────────────────────────────────────────────────────────────
    @property
    def asking(self) -> tuple[str, ...]:
        """Keys that together ask it; none for the kind that is asked where no other is."""
        return self.asks or tuple(key.name for key in self.keys[:1])

    @property
    def asked_by(self) -> str | None:
        """The first of these keys."""
        return next(iter(self.asking), None)

    @property
    def takes(self) -> tuple[str, ...]:
        """Keys that say what is asked, beside the endpoint, the arm, the stratum and the value."""
        own = [*self.asking, *(key.name for key in self.keys)]
        return tuple(own) if self.other is None else tuple(dict.fromkeys([*own, self.other]))

    def month(self, asked: Any) -> float:
        """Month that a rule's table asks about; 0 where it asks about none."""
        return 0.0

    def category(self, asked: Any) -> str:
        """Category of an ordinal outcome that a rule's table asks about; blank where none."""
        return ""

    def cut(self, asked: Any) -> float | None:
        """Value beyond which participants count, that a rule's table asks about; else nothing."""
        return None

    def places(self, asked: Any) -> int:
        """How many arms count as the best, for a kind that is asked among the open ones."""
        return 1

    def may_be_asked_of(self, level: tuple[float, float]) -> bool:
        """Whether it makes sense of a parameter between these values."""
        return self.fits is None or (self.fits[0][0] <= level[0] and level[1] <= self.fits[0][1])

    # ── what it is made of ────────────────────────────────────────────────────────────────
    @property
    def about_levels(self) -> bool:
        """Whether it is about the endpoint's own parameter, in an arm or in two."""
        return self.quantity == LEVEL and not self.among_open and not self.of_several

    @property
    def no_effect(self) -> float:
        """Value of the comparison where two arms are alike."""
        return 1.0 if self.ratio else 0.0

    def quantities(self, question: Question, arms: int) -> tuple[Quantity, ...]:
        """Numbers that a question is made of, of a design with so many arms."""
        return tuple(self._of(question, arm) for arm in question.pair)

    def _of(self, question: Question, arm: int) -> Quantity:
        month = question.month or math.inf
        category, cut = question.category, question.cut
        return Quantity(
            question.endpoint, self.quantity, arm, None, question.stratum, month, category, cut
        )

    def of_endpoints(self, question: Question) -> tuple[Question, ...]:
        """What a question asks of each endpoint that it is about: itself, where that is one."""
        return (question,)

    def compare(self, own: Any, other: Any) -> Any:
        """Compare an arm's number with another arm's; the ratio to nothing is infinite, or nan."""
        if not self.ratio:
            return own - other
        with np.errstate(divide="ignore", invalid="ignore"):
            return own / other

    def combine(self, question: Question, values: Sequence[Floats]) -> Floats:
        """What a question is about, of the values of its quantities, in their order."""
        return values[0] if len(values) == 1 else self.compare(values[0], values[1])

    def holds(self, question: Question, value: Floats) -> Booleans:
        """Whether what is asked is so where the combined value is this."""
        return value > question.value if question.above else value < question.value

    def chance(self, question: Question, value: Floats) -> Booleans | Floats:
        """What a draw with this combined value adds to the probability: whether it is so."""
        return self.holds(question, value)

    def averaged(self, question: Question, arms: int) -> tuple[Question, ...]:
        """Questions whose probabilities have it as their mean; none for most."""
        return ()

    def answered_as(self, question: Question) -> str:
        """Name of the kind as which it is answered: its own, but for a mean of others."""
        return self.name

    def inside(self, question: Question, arms: int) -> bool | None:
        """Whether no data make it certain; false where it is so whatever they are.

        Nothing where that is not known.
        """
        return None

    def claims(self, question: Question, arms: int) -> tuple[Question, ...]:
        """Comparisons that must all be so for what is asked to be so."""
        return (question,)

    def enough(self, question: Question, parts: int) -> int:
        """How many of these comparisons are enough for what is asked to be so."""
        return parts

    def raised(self, question: Question, own: float, other: float) -> Question | None:
        """What is asked were the arms' levels higher by so much; nothing where none says it.

        Parameters
        ----------
        own, other
            By how much the arm's level is higher, and that of the arm it is compared with.
        """
        return None

    def moved(self, quantity: Quantity, by: float) -> Quantity | None:
        """The number of participants whose values are by so much higher than those it is about.

        In terms of the values it is about; nothing where that says nothing of it.
        """
        return None

    def at_margin(self, question: Question, control: Any) -> Any:
        """What the experimental arm has where a claim is just false and the control has this.

        Parameters
        ----------
        control
            A probability or a rate, or an array of them; or the distribution of a time.

        Returns
        -------
        The same of the experimental arm; nothing where it is not known.
        """
        number = isinstance(control, int | float | np.ndarray)
        if not self.about_levels or not number:  # the distribution of a time, or of scores
            return None
        if question.minus is None:
            return control * 0.0 + question.value
        if self.ratio:
            return (
                control * question.value
                if question.arm >= question.first
                else control / question.value
            )
        return control + (question.value if question.arm >= question.first else -question.value)

    def between(self, level: tuple[float, float], month: float) -> tuple[float, float]:
        """Between which values its quantity of an arm lies; parameters as for ``range``."""
        return self.limits or level

    def range(
        self, level: tuple[float, float], two: bool, month: float = 0.0
    ) -> tuple[float, float]:
        """Between which values it lies, of one arm or two.

        Parameters
        ----------
        level
            Between which values the endpoint's own parameter lies.
        month
            The month that is asked of, for a kind that has one.
        """
        low, high = self.between(level, month)
        if not two:
            return low, high
        return (0.0, math.inf) if self.ratio else (low - high, high - low)

    def told(
        self, question: Question, arms: int, strata: Sequence[int], months: Sequence[float]
    ) -> Iterator[Question]:
        """Questions whose quantities are told of every analysis, whether rules ask them or not.

        Parameters
        ----------
        question
            One of this kind, about the control.
        strata
            All strata together, and each by itself where the model tells them apart.
        months
            At which what is asked of a month is told.
        """
        yield from ()

    # ── words ─────────────────────────────────────────────────────────────────────────────
    @property
    def sign(self) -> str:
        """Between two arms: ``−`` or ``/``, or words."""
        return "/" if self.ratio else "−"

    @property
    def axis(self) -> str:
        """What it is called on an axis."""
        return self.comparison if self.ratio else f"{self.comparison} to the control"

    def symbol(self, question: Question, arm: str, other: str | None) -> str:
        """Write what is asked about as a formula, without the value: ``cart − soc``."""
        return arm if other is None else f"{arm} {self.sign} {other}"

    def formula(self, question: Question, arm: str, other: str | None, value: str) -> str:
        """Write what is asked as a formula: ``cart − soc > 0.10``."""
        sign = ">" if question.above else "<"
        return f"{self.symbol(question, arm, other)} {sign} {value}"

    def heading(self, question: Question, arm: str, other: str | None) -> str:
        """Name what is asked about in a table: ``cart − soc``."""
        return self.symbol(question, arm, other)

    def comparison_of(self, endpoint: str) -> str:
        """Name the comparison of an endpoint: ``difference in Remission``."""
        return f"{self.comparison} {'of' if self.ratio else 'in'} {endpoint}"

    def observed_of(self, endpoint: str) -> str:
        """Name what is compared of observed values."""
        return self.comparison_of(endpoint)

    def noun(self, question: Question, endpoint: str, parameter: Parameter) -> str:
        """Name what it is about: ``the rate of Serious infection``."""
        named = parameter.named(endpoint)
        return f"the {self.comparison} of {named}" if self.ratio else named

    def unit(self, parameter: Parameter) -> str:
        """Unit of what it is compared with, after the number; none for a ratio or a fraction."""
        return parameter.unit if self.about_levels and not self.ratio else ""

    def clause(self, question: Question, wording: Wording) -> str:
        """Say what it asks, as a clause that follows "whether"."""
        return compared(question, wording)


class OfTwoArms(QuestionKind):
    """A kind whose number is that of two arms together; an arm beside the control is told."""

    of_two = True

    def quantities(self, question: Question, arms: int) -> tuple[Quantity, ...]:
        return (replace(self._of(question, question.arm), to=question.minus),)

    def told(
        self, question: Question, arms: int, strata: Sequence[int], months: Sequence[float]
    ) -> Iterator[Question]:
        for arm in range(1, arms):
            yield replace(question, arm=arm, minus=0)
