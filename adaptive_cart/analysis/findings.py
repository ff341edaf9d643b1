"""What came of a real trial at a look: the nouns that text, page, figures and files are made of."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from adaptive_cart.models.borrowed import CONFLICT

if TYPE_CHECKING:
    from adaptive_cart.running.bias_of_run import LearnedBias

Basis = Literal["reference posterior", "fast posterior", "fast posterior only", "withheld"]


@dataclass(frozen=True)
class Group:
    """Numbers of one arm (and stratum) at the look.

    Attributes
    ----------
    randomised, infused, died, lost, unseen
        Participants, by the date of the look; lost are those known to have withdrawn, unseen those
        under follow-up who were last seen before it.
    endpoints
        By endpoint, what is analysed: ``analysed``, ``events``, ``missing``, ``months``, …
    """

    arm: str
    stratum: str | None
    randomised: int
    infused: int
    died: int
    lost: int
    unseen: int
    endpoints: dict[str, dict[str, float]]


@dataclass(frozen=True)
class Interval:
    """Posterior mean and equal-tailed credible interval."""

    mean: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Quantity:
    """A quantity of the posterior: an arm's, or a difference between two arms.

    Attributes
    ----------
    reference, mcse
        By the reference posterior, with the Monte Carlo standard error of its mean.
    """

    endpoint: str
    words: str
    arm: str
    minus: str | None
    stratum: str | None
    kind: str
    month: float | None
    fast: Interval
    reference: Interval | None = None
    mcse: float | None = None


@dataclass(frozen=True)
class RuleFinding:
    """One comparison of a rule, about one of the rule's targets.

    Attributes
    ----------
    question
        In words.
    fast, reference, mcse
        The probability by either posterior; nothing where it was not asked or not to be had.
    holds
        By the posterior that decides; nothing where the rule was not judged.
    fast_holds, reference_holds
        By each.
    why
        Why it was not judged.
    changes
        What would have changed it: one smallest change in the data.
    failed
        Whether it was asked and its posterior could not be computed.
    within_error
        The error of the fast probability, where that lies within it of the threshold; else 0.
    acts
        Whether the rule as a whole holds of the target; as ``holds`` where this is all it asks.
    """

    rule: str
    then: str
    arm: str
    stratum: str | None
    question: str
    comparison: str
    threshold: float
    fast: float | None
    reference: float | None
    mcse: float | None
    holds: bool | None
    fast_holds: bool | None
    reference_holds: bool | None
    reason: str
    why: str | None
    changes: str | None
    failed: bool = False
    within_error: float = 0.0
    acts: bool | None = None

    @property
    def undecided(self) -> bool:
        """Whether the fast posterior cannot tell which side it is, and the reference not either."""
        return self.within_error > 0.0 and self.reference_holds != self.fast_holds


@dataclass(frozen=True)
class Diagnosis:
    """Whether the chains of the fits of an endpoint's reference model are to be trusted.

    Attributes
    ----------
    fits
        How many; with imputation there are several. The numbers are the worst of them.
    trouble
        Why they are not to be trusted after a second try.
    """

    endpoint: str
    model: str
    fits: int
    r_hat: float
    ess_bulk: float
    ess_tail: float
    divergences: int
    sampler: str
    trouble: str | None


@dataclass(frozen=True)
class Decision:
    """What the rules decide at the look.

    Attributes
    ----------
    outcome
        ``success``, ``futility``, ``safety``, ``no_success``, ``goes_on`` or ``withheld``.
    basis
        Which posterior decided.
    actions
        What else follows: an arm dropped, a stratum closed, enrolment stopped, new shares.
    reasons
        The rules that hold, with their numbers; or why a decision is withheld.
    withheld
        Why it is withheld; nothing where a decision is taken.
    fast, reference
        The outcome by each posterior alone.
    """

    outcome: str
    words: str
    basis: Basis
    actions: tuple[str, ...]
    reasons: tuple[str, ...]
    fast: str
    reference: str | None
    withheld: tuple[str, ...] = ()


@dataclass(frozen=True)
class EarlierLook:
    """A look before, as it came out when it was held anew."""

    look: int
    month: float
    between: bool
    words: str


@dataclass(frozen=True)
class WhatIf:
    """What the next participants would have to show for a rule to hold about one of its targets.

    Attributes
    ----------
    look
        The look whose threshold is met: the next at which the rule is judged, else this one.
    participants
        How many are told of: those still to come, where they are fewer than were asked for.
    endpoints, arms, nouns, more
        Each endpoint and arm that is asked about, what is counted there, and how many of those
        participants are there.
    holds
        Responders among them, in that order, with which it holds.
    near
        How many outcomes lie within the fast posterior's error of the threshold.
    why
        Why it cannot be told; nothing where it can.
    """

    rule: str
    question: str
    comparison: str
    threshold: float
    look: int
    participants: int
    endpoints: tuple[str, ...]
    arms: tuple[str, ...]
    nouns: tuple[str, ...]
    more: tuple[int, ...]
    holds: tuple[tuple[int, ...], ...]
    near: int
    why: str | None

    coming: ClassVar[str] = "more"

    @property
    def counted(self) -> tuple[str, ...]:
        """What is counted: ``responders in cart``, with the endpoint where there are several."""
        several = len(set(self.endpoints)) > 1
        each = zip(self.nouns, self.endpoints, self.arms, strict=True)
        return tuple(
            f"{noun}s{f' ({name})' if several else ''} in {arm}" for noun, name, arm in each
        )

    @property
    def whatever(self) -> str:
        """What is counted, wherever: ``responders``."""
        return " and ".join(dict.fromkeys(f"{noun}s" for noun in self.nouns))


@dataclass(frozen=True)
class BorrowedFrom:
    """What external data add to an arm at the look.

    Attributes
    ----------
    method
        In words.
    external
        Each source, with what was seen in it.
    participants
        Borrowed; fewer than none where the arm's own data leave more doubt than without.
    p_value
        Prior predictive p-value of the arm's own data.
    """

    endpoint: str
    arm: str
    method: str
    external: tuple[str, ...]
    participants: float
    p_value: float

    @property
    def conflict(self) -> bool:
        """Whether the arm's own data contradict the external ones."""
        return self.p_value < CONFLICT


@dataclass(frozen=True)
class MissingTip:
    """With which outcomes of those that are missing a rule would hold about one of its targets.

    Attributes
    ----------
    arms, missing
        The arms that are asked about, and whose outcomes are missing in each.
    holds_now
        Whether it holds as the design reads them.
    probabilities
        By so many responders among them, arm by arm as a list of lists (of one arm, a list of one).
    holds
        Responders among them, arm by arm, with which it holds.
    read_as
        Responders among them, arm by arm, from which the fewest are counted: as the design reads
        them, or in the proportion seen in the arm.
    fewest
        The nearest outcomes that turn it over; nothing where none do.
    why
        Why not every outcome is told; nothing where each is.
    kinds
        Of categories: the best outcome, which is counted, and the worst, which the others have.
    """

    rule: str
    question: str
    comparison: str
    threshold: float
    noun: str
    arms: tuple[str, ...]
    missing: tuple[int, ...]
    holds_now: bool
    probabilities: tuple[tuple[float, ...], ...]
    holds: tuple[tuple[int, ...], ...]
    read_as: tuple[int, ...]
    fewest: tuple[int, ...] | None
    why: str | None
    kinds: str = ""

    coming: ClassVar[str] = "missing"

    @property
    def counted(self) -> tuple[str, ...]:
        """What is counted: ``responders in cart``."""
        return tuple(f"{self.whatever} in {arm}" for arm in self.arms)

    @property
    def whatever(self) -> str:
        """What is counted, wherever: ``responders``."""
        return f"{self.noun}s"

    @property
    def more(self) -> tuple[int, ...]:
        """How many outcomes there are to come by, arm by arm."""
        return self.missing


@dataclass(frozen=True)
class PriorTipFound:
    """How far one number of a prior would have to be moved to turn a rule over.

    Attributes
    ----------
    arm
        Whose prior it is; blank where all arms share it.
    what
        ``size``, ``mean``, ``sd`` or ``vague_weight``.
    now, below, above
        Its value in the design; the nearest ones below and above that turn the rule over, nothing
        where none does within ``reach``.
    """

    rule: str
    question: str
    comparison: str
    threshold: float
    holds_now: bool
    arm: str
    what: str
    words: str
    now: float
    reach: tuple[float, float]
    below: float | None
    above: float | None


@dataclass(frozen=True)
class ShiftTip:
    """How far what is missing of some arms would have to differ from what was seen in them.

    Attributes
    ----------
    arms
        Whose missing differ, all alike.
    words, unit
        What differs, and the unit of a mean.
    added
        Whether it differs by an amount; else by a factor.
    missing
        Participants, arm by arm.
    amount, amount_unit
        What was not seen of them, where that is an amount of time.
    reach
        Between which values it is moved.
    start
        From where the nearest are looked for: none, or a factor of one; of months of those who are
        left out, the share with which they would have as many as the others of their arm.
    below, above
        The nearest values below and above that turn the rule over, nothing where none does.
    error
        The largest Monte Carlo standard error of the probabilities.
    curve
        Values, in order, and the probability that the rule asks about at each.
    """

    rule: str
    question: str
    comparison: str
    threshold: float
    holds_now: bool
    arms: tuple[str, ...]
    words: str
    unit: str
    added: bool
    missing: tuple[int, ...]
    amount: tuple[float, ...]
    amount_unit: str
    reach: tuple[float, float]
    below: float | None
    above: float | None
    error: float
    curve: tuple[tuple[float, float], ...]
    start: float = 0.0


@dataclass(frozen=True)
class Tipping:
    """What would have to be otherwise for the rules of a look to say something else."""

    missing: tuple[MissingTip, ...]
    priors: tuple[PriorTipFound, ...]
    notes: tuple[str, ...]
    shifts: tuple[ShiftTip, ...] = ()


@dataclass(frozen=True)
class ConditionalAssurance:
    """Probability of success at the end, given what is seen, over one design prior.

    Attributes
    ----------
    value
        Nothing where it cannot be told.
    scenarios
        How probable each scenario is, given what is seen.
    why
        Why it cannot be told; nothing where it can.
    """

    design_prior: str
    value: float | None
    scenarios: dict[str, float]
    why: str | None = None


@dataclass(frozen=True)
class CorrectedEstimate:
    """An estimate of a trial that has stopped, corrected for that.

    Attributes
    ----------
    name
        ``estimate`` (the one that is corrected), ``median_unbiased``, ``conditional``,
        ``skeptical``.
    words
        What it is.
    p_value, p_value_at_most
        Probability of what was seen or more at the margin of success, by the stage-wise order: at
        the most probable rate of the control, and the largest at any.
    """

    name: str
    words: str
    value: float
    lower: float
    upper: float
    p_value: float | None = None
    p_value_at_most: float | None = None


@dataclass(frozen=True)
class Corrections:
    """Estimates of a trial that has stopped, corrected for that.

    Attributes
    ----------
    of
        What is estimated.
    margin
        At which the p-value is; nothing where success has no one margin.
    why
        Why there is none by the order of ends; nothing where there is.
    learned
        From which simulated trials the bias given the stop was learned, where it was.
    """

    of: str
    margin: float | None
    estimates: tuple[CorrectedEstimate, ...]
    why: str | None = None
    learned: LearnedBias | None = None


@dataclass(frozen=True)
class Findings:
    """All that is found at the look; :meth:`as_json` is ``analysis.json``.

    Attributes
    ----------
    date, due
        Calendar month of the data, and that at which the look fell due by the design.
    day
        The date of the data, where the table has dates.
    what_if
        What the next participants would have to show, where that was asked.
    tipping
        What would turn each rule over, where that was asked.
    conditional_assurance
        Success at the end, by design prior, where the trial goes on.
    corrections
        Estimates corrected for the stop, where the look ends the trial.
    borrowed
        What external data add, by endpoint and arm.
    last, between
        Whether the look is the trial's last, and whether it is a stop between looks, counted with
        the look that would have come next.
    """

    design: str
    look: int
    looks: int
    date: float
    due: float
    last: bool
    between: bool
    participants: int
    randomised: int
    numbers: tuple[Group, ...]
    rules: tuple[RuleFinding, ...]
    quantities: tuple[Quantity, ...]
    diagnoses: tuple[Diagnosis, ...]
    decision: Decision
    earlier: tuple[EarlierLook, ...]
    notes: tuple[str, ...]
    provenance: dict[str, Any] = field(default_factory=dict)
    day: str | None = None
    what_if: tuple[WhatIf, ...] = ()
    borrowed: tuple[BorrowedFrom, ...] = ()
    corrections: Corrections | None = None
    tipping: Tipping | None = None
    conditional_assurance: tuple[ConditionalAssurance, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain tables, in the order in which a reader wants them."""
        tables = asdict(self)
        provenance = tables.pop("provenance")
        order = ("design", "look", "looks", "date", "day", "due", "last", "between", "decision")
        first = {name: tables.pop(name) for name in order}
        return {**first, **tables, **provenance}
