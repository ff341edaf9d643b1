"""A design made ready to run, once: rules with positions, models with their priors, estimands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.conduct.looks import Schedule
from adaptive_cart.conduct.passing import Passing
from adaptive_cart.conduct.rules import ResolvedRule, in_order_of_gates, resolve_rules
from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.design.follow_up import FollowUp
from adaptive_cart.design.randomisation import Order
from adaptive_cart.design.truth import Truth
from adaptive_cart.endpoints.base import EndpointBase
from adaptive_cart.models import AnalysisBase
from adaptive_cart.models.base import Told
from adaptive_cart.models.ties import Error
from adaptive_cart.nouns.early_states import EarlyStates
from adaptive_cart.nouns.external_draws import Drawn
from adaptive_cart.nouns.lost import Unseen
from adaptive_cart.nouns.questions import ALL, KINDS, Best, BestUtility, Question, QuestionKind
from adaptive_cart.nouns.records import Population, Snapshot
from adaptive_cart.nouns.summaries import ByPeriod, Counts, EarlyCounts, Summary, over_periods
from adaptive_cart.nouns.windows import Windows

if TYPE_CHECKING:
    from adaptive_cart.models.borrowed import Borrowed

LEVEL = 0.95  # of every credible interval


@dataclass(frozen=True)
class Estimand:
    """A quantity of the primary endpoint that is estimated; bias and coverage are measured of it.

    Attributes
    ----------
    question
        The question whose quantity it is.
    arm, stratum
        Names; no arm where there is only one experimental arm, no stratum for the average.
    """

    question: Question
    arm: str | None
    stratum: str | None

    @property
    def suffix(self) -> str:
        """What tells its columns from those of the others: "", "_auto", "_sle"."""
        return "".join(f"_{name}" for name in (self.arm, self.stratum) if name is not None)


@dataclass(frozen=True)
class Weighed:
    """A utility of an experimental arm, less that of the control if there is one, as measured.

    Attributes
    ----------
    question
        About its difference, or where no arm is the control, about itself.
    arm
        Name; nothing where there is only one experimental arm.
    """

    question: Question
    arm: str | None

    @property
    def suffix(self) -> str:
        """What tells its columns from those of others: ``_net_benefit``, ``_net_benefit_auto``."""
        arm = "" if self.arm is None else f"_{self.arm}"
        return f"_{self.question.endpoint}{arm}"

    def sides(self) -> tuple[Question, Question]:
        """Its benefit and its harm: what is weighed with more than 0, and with less, that turned.

        The utility is the benefit less the harm.
        """
        weights = self.question.weights
        benefit = tuple(pair for pair in weights if pair[1] > 0.0)
        harm = tuple((name, -weight) for name, weight in weights if weight < 0.0)
        return replace(self.question, weights=benefit), replace(self.question, weights=harm)


class BorrowingArm(NamedTuple):
    """An arm that borrows from external data of an endpoint.

    Attributes
    ----------
    suffix
        What its columns end on: ``dfr_soc``, or of one stratum ``dfr_soc_active``.
    stratum
        Position; all of them together where it is below 0.
    """

    endpoint: str
    arm: int
    suffix: str
    prior: Borrowed
    stratum: int = ALL

    def stratum_of(self, design: Design) -> str | None:
        """Name of its stratum; nothing where it is all of them."""
        return None if self.stratum < 0 else design.stratum_names[self.stratum]

    def name_in(self, design: Design) -> str:
        """The arm, and its stratum where it is one: ``soc``, ``soc in active``."""
        stratum = self.stratum_of(design)
        return design.arm_names[self.arm] + ("" if stratum is None else f" in {stratum}")


@dataclass(frozen=True)
class Plan:
    """What of a design is the same for every trial.

    Attributes
    ----------
    fitted
        By endpoint: the analysis and its model, where a posterior can be had.
    estimands
        None where the primary endpoint has no posterior.
    follow_up
        Visits and delays; nothing where everything is seen and known at its moment.
    """

    design: Design
    rules: tuple[ResolvedRule, ...]
    schedule: Schedule
    fitted: dict[str, tuple[AnalysisBase, Any]]
    estimands: tuple[Estimand, ...]
    follow_up: FollowUp | None = None

    def under(self, truth: Truth) -> Plan:
        """Return the same with the visits and delays of a scenario, for which looks wait."""
        if truth.follow_up == self.follow_up:
            return self
        schedule = Schedule.of(self.design, truth.follow_up)
        return replace(self, schedule=schedule, follow_up=truth.follow_up)

    def delay(self, endpoint: str) -> float:
        """Months from what is seen of an endpoint until a look can use it."""
        return 0.0 if self.follow_up is None else self.follow_up.delay(endpoint)

    @property
    def parts(self) -> tuple[Comparison, ...]:
        """Every comparison of every rule, in order."""
        return tuple(part for rule in self.rules for part in rule.parts)

    @cached_property
    def utilities(self) -> tuple[Weighed, ...]:
        """Every utility of every experimental arm, less the control's where there is one."""
        names, other = self.design.arm_names, compared_with(self.design)
        return tuple(
            Weighed(
                Question(name, arm, other, kind="utility", weights=tuple(weights.items())),
                names[arm] if self.design.several else None,
            )
            for name, weights in self.design.utility.items()
            for arm in self.design.experimental
        )

    @property
    def keeps_limits(self) -> bool:
        """Whether trials keep the ends of their intervals, by which estimates are corrected."""
        return self.design.adjusted_estimates is not None

    @cached_property
    def weighed(self) -> tuple[str, ...]:
        """Endpoints that any utility weighs."""
        found = (name for utility in self.utilities for name in utility.question.endpoints)
        return tuple(dict.fromkeys(found))

    @cached_property
    def borrowing(self) -> tuple[BorrowingArm, ...]:
        """Every arm whose prior borrows from external data, by endpoint.

        Then in each stratum, where a rule asks about any and the data are told by stratum.
        """
        names, found = self.design.arm_names, []
        asked = {q.endpoint for part in self.parts for q in part.about if q.stratum >= 0}
        for endpoint, (analysis, _) in self.fitted.items():
            for arm, prior in analysis.borrowed(names).items():
                place, of = names.index(arm), f"{endpoint}_{arm}"
                found.append(BorrowingArm(endpoint, place, of, prior))
                found += [
                    BorrowingArm(endpoint, place, f"{of}_{name}", prior.in_stratum(name), stratum)
                    for stratum, name in enumerate(prior.strata if endpoint in asked else ())
                ]
        return tuple(found)

    @cached_property
    def claims(self) -> tuple[int, ...]:
        """Positions of the further claims, in the order in which they are judged."""
        return in_order_of_gates(self.rules)

    @cached_property
    def passing(self) -> Passing | None:
        """How claims pass alpha on; nothing where they share no error."""
        return Passing.of(self.design)

    @property
    def shares_follow(self) -> bool:
        """Whether shares of later arrivals follow the probabilities of arms to be the best."""
        return self.design.randomisation.by_shares is not None

    @cached_property
    def order(self) -> Question:
        """What response-adaptive shares follow."""
        return order_of(self.design)

    @cached_property
    def part_errors(self) -> dict[str, Error]:
        """By comparison: what a probability may be wrong by, where it lies; 0 for not."""
        fixed = not self.design.adaptive and self.design.stays is None
        most = (self.design.enrolment.max_n,) * len(self.design.arm_names)
        participants = self.design.planned if fixed else most
        return {part.name: self._error(part, tuple(participants)) for part in self.parts}

    @cached_property
    def errors(self) -> dict[str, float]:
        """By rule: the largest of its comparisons near their thresholds."""
        return {
            rule.name: max(self._at_thresholds(part) for part in rule.parts) for rule in self.rules
        }

    def error_at(self, rule: str, threshold: float) -> float:
        """The largest of a rule's comparisons near one threshold."""
        parts = next(own for own in self.rules if own.name == rule).parts
        return max(self.part_errors[part.name].at(threshold) for part in parts)

    @property
    def by_error(self) -> dict[float, list[str]]:
        """Names of the rules whose answers have an error, by its size, the largest first."""
        found: dict[float, list[str]] = {}
        for name, error in sorted(self.errors.items(), key=lambda pair: -pair[1]):
            if error:
                found.setdefault(error, []).append(name)
        return found

    def _error(self, part: Comparison, participants: tuple[int, ...]) -> Error:
        numbers = participants + (0,) * len(self.design.comparators)  # nobody of a trial is in them
        found = (part.asks.error_in(self.fitted, target, numbers) for target in part.targets)
        return max(found, key=lambda error: error.most)

    def _at_thresholds(self, part: Comparison) -> float:
        """The largest near any of a comparison's thresholds, to two digits; most where none is."""
        error, known = self.part_errors[part.name], part.known_thresholds
        near = max(error.at(threshold) for threshold in known) if known else error.most
        return near if near == error.most else float(f"{near:.2g}")

    def stream(self, endpoint: str) -> int:
        """Number of an endpoint's Markov chains, 0 of the first: of one seed they err together.

        Posteriors of different endpoints are independent. Chains of one seed would answer questions
        that are put together (a product, a weighed sum, a completed trial) with one error.
        """
        return list(self.design.endpoints).index(endpoint)

    def summary(self, endpoint: str, prepared: Any, snapshot: Snapshot) -> Summary:
        """What can be seen of an endpoint at a look, as its analysis counts it."""
        kind = self.design.endpoints[endpoint]
        snapshot = self.analysed(endpoint, snapshot)
        seen = snapshot.reported(self.delay(endpoint))
        found: Summary = kind.summary(prepared, seen)
        if endpoint in self.periodic:
            return self._by_period(endpoint, found, prepared, seen)
        if endpoint in self.fitted:
            found = self.fitted[endpoint][0].dated(found)
            drawn = self._drawn(endpoint, snapshot)
            if drawn:
                return self.fitted[endpoint][0].with_drawn(found, drawn)
        early = self.design.prediction.get(endpoint)
        if early is None or not early.in_posterior:
            return found
        assert isinstance(found, Counts)
        states = self.early(endpoint, prepared, snapshot, at_once=False)
        return EarlyCounts.of(found, states)

    def analysed(self, endpoint: str, snapshot: Snapshot) -> Snapshot:
        """The same without participants of the first part, where they do not count any more."""
        part = self.design.first_part
        left_out = None if part is None else part.left_out(endpoint, snapshot)
        return snapshot if left_out is None else replace(snapshot, left_out=left_out)

    @cached_property
    def periodic(self) -> frozenset[str]:
        """Endpoints of which it matters in which period somebody was randomised."""
        return frozenset(name for name, (analysis, _) in self.fitted.items() if analysis.by_period)

    def _by_period(
        self, endpoint: str, whole: Summary, prepared: Any, snapshot: Snapshot
    ) -> ByPeriod:
        """What can be seen of an endpoint, by period of randomisation too."""
        analysis = self.fitted[endpoint][0]
        windows = self.windows(endpoint, snapshot.population)
        apart = self._apart(endpoint, prepared, snapshot)
        calendar = None if analysis.calendar_months is None else windows.calendar
        return over_periods(analysis.dated(whole), apart, windows.open_in, calendar)

    def apart(self, endpoint: str, prepared: Any, snapshot: Snapshot) -> Summary:
        """What can be seen of an endpoint, each period of randomisation a stratum."""
        return self._apart(endpoint, prepared, snapshot.reported(self.delay(endpoint)))

    def unseen(self, endpoint: str, prepared: Any, snapshot: Snapshot) -> Unseen | None:
        """What was not seen of those who left, each period a stratum where periods are told apart.

        Nothing where none is asked after.
        """
        return self.design.endpoints[endpoint].unseen(prepared, self.within(endpoint, snapshot))

    def within(self, endpoint: str, snapshot: Snapshot) -> Snapshot:
        """What is seen of those analysed, each period a stratum where periods are told apart."""
        seen = self.analysed(endpoint, snapshot).reported(self.delay(endpoint))
        if endpoint not in self.periodic:
            return seen
        population = self._in_periods(endpoint, seen.population)
        return Snapshot(seen.date, seen.randomised, population.by_period)

    def _apart(self, endpoint: str, prepared: Any, seen: Snapshot) -> Summary:
        population = self._in_periods(endpoint, seen.population)
        inside = Snapshot(seen.date, seen.randomised, population.by_period)
        found = self.design.endpoints[endpoint].summary(prepared, inside)
        return self.fitted[endpoint][0].dated(found)

    def windows(self, endpoint: str, population: Population) -> Windows:
        """When arms enrol, in the periods by which an endpoint is analysed."""
        found = self._in_periods(endpoint, population).windows
        assert found is not None
        return found

    def _in_periods(self, endpoint: str, population: Population) -> Population:
        every = self.fitted[endpoint][0].calendar_months
        return population if every is None else population.over_calendar(every)

    def _drawn(self, endpoint: str, snapshot: Snapshot) -> dict[str, Drawn]:
        """Numbers of the external data of an endpoint that are drawn anew with each trial."""
        data, drawn = self.design.external, snapshot.population.external
        anew = (name for name in self.design.redrawn if data[name].endpoint == endpoint)
        return {name: drawn[name] for name in anew if name in drawn}

    def early(self, endpoint: str, prepared: Any, snapshot: Snapshot, at_once: bool) -> EarlyStates:
        """What earlier months tell of an endpoint; whether a failure counts when it happens."""
        kind: EndpointBase = self.design.endpoints[endpoint]
        months = tuple(self.design.prediction[endpoint].from_)
        seen = snapshot.reported(self.delay(endpoint))
        return kind.early(endpoint, prepared, seen, months, at_once)

    @cached_property
    def as_observed(self) -> Plan | None:
        """The same beside external data as they were observed; nothing where none are drawn anew.

        By it trials are judged a second time.
        """
        return Plan.of(self.design.as_observed) if self.design.redrawn else None

    @staticmethod
    def of(design: Design) -> Plan:
        """Make a design ready to run."""
        fitted = {}
        for name, endpoint in design.endpoints.items():
            analysis = design.analysis_of(name)
            if analysis is not None:
                model = analysis.fitted(design.arm_names, design.shares)
                fitted[name] = (analysis, analysis.of_categories(model, endpoint.category_names()))
        estimands = _estimands(design) if design.primary in fitted else ()
        schedule = Schedule.of(design, design.follow_up)
        return Plan(design, resolve_rules(design), schedule, fitted, estimands, design.follow_up)

    @cached_property
    def ahead(self) -> dict[str, tuple[AnalysisBase, Any]]:
        """By endpoint: the analysis, with its model, from which what is to come is drawn."""
        found = {}
        for name, (analysis, model) in self.fitted.items():
            ahead = analysis.ahead
            if ahead is not None and ahead is not analysis:
                model = ahead.fitted(self.design.arm_names, self.design.shares)
            if ahead is not None:
                early = self.design.prediction.get(name)
                ahead = ahead if early is None else ahead.counting_early(early.prior)
                found[name] = ahead, model
        return found

    def bayesian(self, part: Comparison) -> bool:
        """Whether a posterior is asked, and not a test; what is predicted is drawn from one."""
        return part.prediction is not None or all(
            self.fitted[asked.endpoint][0].bayesian for asked in part.about
        )

    def flat(self, part: Comparison) -> bool:
        """Whether a posterior is asked whose prior is flat, of any of several things at once."""
        fitted = (self.fitted[asked.endpoint] for asked in part.about)
        return any(analysis.flat(model) for analysis, model in fitted)

    @property
    def asks_posteriors(self) -> bool:
        """Whether any rule asks a posterior."""
        return any(self.bayesian(part) for part in self.parts)


def order_of(design: Design) -> Question:
    """What response-adaptive shares follow: which of the open arms is the best, and in what."""
    rule = design.randomisation.by_shares
    assert rule is not None
    order = rule.by or Order(endpoint=design.primary)
    about, first = order.about, min(design.experimental)
    by, lowest = design.order_of(about, order)
    kind = KINDS[BestUtility.name if order.utility else Best.name]
    return Question(
        about,
        first,
        kind=kind.name,
        month=kind.month(order),
        ordered_by=kind.always_by or by,
        lowest=lowest,
        first=first,
        weights=tuple(design.utility.get(about, {}).items()),
    )


def in_what(design: Design) -> str:
    """What the best arm is the best in, where shares follow another than the primary's level."""
    order = order_of(design)
    first = min(design.experimental)
    if order == Question(design.primary, first, kind="best", first=first):
        return ""
    return f" in {order.endpoint}, with the {Best.most(order)}"


def _estimands(design: Design) -> tuple[Estimand, ...]:
    """For each experimental arm: as success asks of it, on average and in each stratum."""
    asked = estimand_of(design)
    analysis = design.analysis_of(design.primary)
    if asked is None or analysis is None:
        return ()
    found = []
    for arm in design.experimental:
        if arm == asked.minus:  # what the others are compared with
            continue
        name = design.arm_names[arm] if design.several else None
        places: list[tuple[int, str | None]] = [(ALL, None)]
        if analysis.by_stratum:
            places += list(enumerate(design.stratum_names))
        for stratum, label in places:
            found.append(Estimand(replace(asked, arm=arm, stratum=stratum), name, label))
    return tuple(found)


def estimand_of(design: Design) -> Question | None:
    """What is estimated of the first arm; nothing where there is nothing.

    It is what the success rules claim of the primary, where they all claim the same; else of a time
    to event the hazard ratio where the model has one, and the difference of what the model has, the
    cured fractions, where it has not. Where there is a control it is against the control; where
    there is none, the quantity itself, or against the arm that success compares with.
    """
    kind, analysis = design.primary_endpoint.estimand_kind, design.analysis_of(design.primary)
    if kind is None:
        return None
    usual = kind if analysis is None or kind in analysis.answers else "level"
    other, first = compared_with(design), min(design.experimental)
    if other is None and KINDS[usual].of_two:
        other = _outside(design)
        usual = "level" if other is None else usual
    claimed = {
        _of_first_arm(asked, design)
        for rule in resolve_rules(design)
        if rule.decision.ends == SUCCESS
        for asked in rule.asked
        if asked.endpoint == design.primary
        and (design.control is None or asked.minus == other)
        and asked.of.has_value
    }
    if len(claimed) == 1:
        return claimed.pop()
    return Question(design.primary, first, other, kind=usual)


def _outside(design: Design) -> int | None:
    """Position of the external data that have the control's place; nothing where none have."""
    beside = enumerate(design.comparators, start=len(design.arm_names))
    own = (at for at, name in beside if design.external[name].endpoint == design.primary)
    return next(own, None)


def compared_with(design: Design) -> int | None:
    """Position of the control, with which experimental arms are compared; nothing without one."""
    return None if design.control is None else design.arm_names.index(design.control)


def _of_first_arm(asked: Question, design: Design) -> Question:
    """What a question is about (its month, its category), of the first arm and with no value."""
    arm = next(arm for arm in design.experimental if arm != asked.minus)
    bare = asked.unordered()
    return replace(bare, arm=arm, stratum=ALL, value=0.0, above=True, against=(), sign="P")


def told_of(design: Design) -> Told:
    """What readers call the answers and estimates of the primary."""
    told, asked = design.told(), estimand_of(design)
    by_mean = told.estimate == AnalysisBase.told.estimate
    if asked is None or not asked.of.heavy or not by_mean:
        return told
    return told._replace(estimate="posterior median")


def estimand_kind(design: Design) -> QuestionKind | None:
    """Kind of question whose quantity is the primary's estimand; nothing where it has none."""
    asked = estimand_of(design)
    return None if asked is None else asked.of


def compared_by(design: Design) -> QuestionKind:
    """How effects on the primary are compared: as its estimand, or where it has none by levels."""
    return estimand_kind(design) or KINDS["level"]
