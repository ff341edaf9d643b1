"""A design: what a statistician writes, as frozen parts that fit together.

``Design`` is read from a file by :mod:`adaptive_cart.design.file` or made in Python; either way the
same checks run and every problem is reported at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, ValidationError

from adaptive_cart.decisions import FUTILITY, NO_SUCCESS, SUCCESS, Ending
from adaptive_cart.design.accrual import Accrual
from adaptive_cart.design.adjusted_estimates import AdjustedEstimates
from adaptive_cart.design.alpha_graph import AlphaGraph
from adaptive_cart.design.arms import Arm, Crossover, MultiArm
from adaptive_cart.design.costs import Costs
from adaptive_cart.design.design_prior import DesignPrior
from adaptive_cart.design.error_tables import Calibration, SharedError
from adaptive_cart.design.first_part import FirstPart, expected_months, planned_in_parts
from adaptive_cart.design.follow_up import FollowUp
from adaptive_cart.design.long_term import LongTermFollowUp
from adaptive_cart.design.look_tables import Looks
from adaptive_cart.design.planned import planned_by_period, planned_windows, stays_of
from adaptive_cart.design.randomisation import PermutedBlocks, Randomisation, Strict01
from adaptive_cart.design.rule_tables import AlphaSpending, ByAlpha, Comparing, Rule
from adaptive_cart.endpoints import KINDS as ENDPOINTS
from adaptive_cart.endpoints import EndpointBase
from adaptive_cart.models import ANALYSES, DEFAULT_MODEL, AnalysisBase
from adaptive_cart.models.base import Told
from adaptive_cart.nouns.calendar import until
from adaptive_cart.nouns.external import External
from adaptive_cart.nouns.kinds import OneOf
from adaptive_cart.nouns.pace import Pace
from adaptive_cart.nouns.parts import Count, Finite, Part, Positive, PositiveMonths
from adaptive_cart.nouns.questions import KINDS, ordered_by
from adaptive_cart.nouns.windows import Stay, Stays, Windows, of_all

if TYPE_CHECKING:
    from adaptive_cart.design.replacing import Change
    from adaptive_cart.design.truth import Truth


class _Participants(Part):
    max_n: Count


class Enrolment(Accrual, _Participants):
    """How many participants, and how fast they come."""

    arrivals: Literal["poisson", "regular"] = "poisson"
    after_closing: Literal["redistribute", "keep"] = "redistribute"

    @property
    def regular(self) -> bool:
        """Whether participants come at equal distances, and not at random."""
        return self.arrivals == "regular"

    @property
    def redistributes(self) -> bool:
        """Whether arrivals of a closed stratum go to the open ones, and are not lost."""
        return self.after_closing == "redistribute"


class EarlyMonths(Part):
    """Months whose states tell what will be seen at the month that is analysed."""

    from_: list[PositiveMonths] = Field(alias="from")
    prior: Positive = Field(
        default=1.0, description="what each state of a row of the chain is worth beforehand"
    )
    counts: Literal["predictions", "all"] = Field(
        default="predictions",
        description="whether only predictions use it, or the posterior at a look too",
    )

    @property
    def in_posterior(self) -> bool:
        """Whether the posterior at a look uses it, and not predictions alone."""
        return self.counts == "all"


Weights = dict[str, Finite]  # by endpoint: what one unit of it is worth


class Simulation(Part):
    """How many trials a scenario, and the seed."""

    trials: Count = 10_000
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0


AnyEndpoint: Any = Annotated[EndpointBase, OneOf(ENDPOINTS, "type")]
AnyAnalysis: Any = Annotated[AnalysisBase, OneOf(ANALYSES, "model")]


class Design(Part):
    """A whole design."""

    name: str
    description: str | None = None
    arms: dict[str, Arm]
    strata: dict[str, Strict01] | None = None
    randomisation: Randomisation = PermutedBlocks()
    endpoints: dict[str, AnyEndpoint]
    analysis: dict[str, AnyAnalysis] = Field(default_factory=dict)
    external: dict[str, External] = Field(default_factory=dict)
    prediction: dict[str, EarlyMonths] = Field(default_factory=dict)
    utility: dict[str, Weights] = Field(default_factory=dict)
    enrolment: Enrolment
    looks: Looks
    rules: list[Rule]
    claims: SharedError | None = None
    multiarm: MultiArm | None = None
    first_part: FirstPart | None = None
    crossover: Crossover | None = None
    follow_up: FollowUp | None = None
    long_term_follow_up: LongTermFollowUp | None = None
    costs: Costs | None = None
    adjusted_estimates: AdjustedEstimates | None = None
    truth: dict[str, Any] = Field(default_factory=dict)
    scenarios: dict[str, dict[str, Any]]
    design_prior: dict[str, DesignPrior] = Field(default_factory=dict)
    sensitivity: dict[str, list[Any]] = Field(default_factory=dict)
    calibration: Calibration | None = None
    simulation: Simulation = Simulation()

    def __init__(self, /, **tables: Any) -> None:
        from adaptive_cart.design.reading import problems_of
        from adaptive_cart.design.validation import problems_of_error
        from adaptive_cart.errors import DesignError

        problems = problems_of(tables)
        if problems:
            raise DesignError(problems)
        try:
            super().__init__(**tables)
        except ValidationError as error:  # what no file can hold, such as a name that is no text
            raise DesignError(problems_of_error(error, tables, Design)) from None
        for name, early in self.prediction.items():
            self.endpoints[name] = self.endpoints[name].told_early(early.from_)

    @cached_property
    def replaced(self) -> Mapping[str, Change]:
        """Keys that were set otherwise than the design was written, by key."""
        return {}

    def replace(self, key: str | Mapping[str, Any], value: Any = None, /) -> Design:
        """Return the design with a key set otherwise, checked as a file is.

        ``design.replace("enrolment.max_n", 90)``; several at once as a mapping by key. A rule goes
        by its name: ``rules.efficacy.at_least``.

        Raises
        ------
        DesignError
            With every problem at once, each by the key as it was typed.
        """
        from adaptive_cart.design.replacing import replaced

        return replaced(self, {key: value} if isinstance(key, str) else key)

    def as_toml(self) -> str:
        """Write the design as a design file, also one that was made in Python."""
        import tomlkit

        return tomlkit.dumps(self.model_dump(mode="json", by_alias=True, exclude_none=True))

    def _repr_html_(self) -> str:
        from html import escape

        return f"<strong>{escape(self.name)}</strong><pre>{escape(self.as_toml())}</pre>"

    @cached_property
    def truths(self) -> Mapping[str, Truth]:
        """The complete truth of every scenario, in the order written: resolved once.

        Raises
        ------
        DesignError
            If a scenario cannot be resolved, which the checks of the design have ruled out.
        """
        from adaptive_cart.design.scenarios import truths_of

        return truths_of(self)

    # ── names in the order that arrays use ────────────────────────────────────────────────
    @cached_property
    def arm_names(self) -> tuple[str, ...]:
        """The control first, if there is one, then the others in the order written."""
        control = [name for name, arm in self.arms.items() if arm.control]
        return tuple(control + [name for name in self.arms if name not in control])

    @cached_property
    def control(self) -> str | None:
        """Name of the control; nothing where no arm is one."""
        return next((name for name, arm in self.arms.items() if arm.control), None)

    @cached_property
    def experimental(self) -> tuple[int, ...]:
        """Positions of the experimental arms: all but the control."""
        return tuple(range(self.control is not None, len(self.arms)))

    @cached_property
    def experimental_names(self) -> tuple[str, ...]:
        """Names of the experimental arms, in the order written."""
        return tuple(self.arm_names[position] for position in self.experimental)

    @cached_property
    def several(self) -> bool:
        """Whether there are several experimental arms, so that each has to be named."""
        return len(self.experimental) > 1

    def arm_label(self, name: str) -> str:
        """What readers call an arm: its label, or its name where it has none."""
        return name if name in self.external else self.arms[name].label or name

    def endpoint_label(self, name: str) -> str:
        """What readers call an endpoint, or a utility."""
        return name if name in self.utility else str(self.endpoints[name].label or name)

    def endpoints_of(self, about: str) -> tuple[str, ...]:
        """Endpoints that a question is about: those that a utility weighs, or the one named."""
        return tuple(self.utility[about]) if about in self.utility else (about,)

    @cached_property
    def comparators(self) -> tuple[str, ...]:
        """External data that a rule compares an arm with, in the order written."""
        others = {name for rule in self.rules for asked in rule.asked for _, name in asked.others}
        return tuple(name for name in self.external if name in others)

    @cached_property
    def redrawn(self) -> tuple[str, ...]:
        """External data that are drawn anew in every simulated trial, in the order written."""
        return tuple(name for name, data in self.external.items() if data.redrawn)

    @cached_property
    def as_observed(self) -> Design:
        """The same, where all external data stay as they were observed, with the same truths."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        observed = {name: data.as_observed for name, data in self.external.items()}
        found = type(self).model_construct(**fields | {"external": observed})
        found.__dict__["truths"] = self.truths  # what data are drawn from is not looked at
        return found

    @cached_property
    def with_tables_as_weighted(self) -> Design:
        """The same, where tables of external participants count as they were weighted.

        Not as whole participants, as they do where such a table is drawn anew.
        """
        drawn = any(data.redrawn and data.rows is not None for data in self.external.values())
        return self.as_observed if drawn else self

    @cached_property
    def compared_names(self) -> tuple[str, ...]:
        """Names by the positions that questions use: the arms, then the external comparators."""
        return (*self.arm_names, *self.comparators)

    @cached_property
    def stratum_names(self) -> tuple[str, ...]:
        """Names of the strata, in the order written; none where there are no strata."""
        return tuple(self.strata) if self.strata else ()

    @cached_property
    def shares(self) -> tuple[float, ...]:
        """Shares of enrolment, 1 where there are no strata."""
        return tuple(self.strata.values()) if self.strata else (1.0,)

    @cached_property
    def allocation(self) -> tuple[int, ...]:
        """Allocation ratio, in the order of the arms."""
        return tuple(self.arms[name].allocation for name in self.arm_names)

    @cached_property
    def primary(self) -> str:
        """Name of the primary endpoint."""
        marked = [name for name, endpoint in self.endpoints.items() if endpoint.primary]
        return marked[0] if marked else next(iter(self.endpoints))

    @cached_property
    def primary_endpoint(self) -> EndpointBase:
        """The primary endpoint itself."""
        endpoint: EndpointBase = self.endpoints[self.primary]
        return endpoint

    @property
    def ends_at_first_success(self) -> bool:
        """Whether the success of one of several arms ends the trial."""
        return self.multiarm is not None and self.multiarm.ends == "first_success"

    @cached_property
    def by_target(self) -> bool:
        """Whether success belongs to an arm or a stratum rather than to the whole trial."""
        each = any(
            "each" in (asked.arm, asked.stratum)
            for rule in self.rules
            if rule.decision.ends == SUCCESS
            for asked in rule.asked
        )
        return self.several or each

    @cached_property
    def closes_arms(self) -> bool:
        """Whether an arm may stop enrolling before the trial ends."""
        return self.several and any(
            rule.decision.drops_arms or rule.decision.ends == SUCCESS for rule in self.rules
        )

    @cached_property
    def adaptive(self) -> bool:
        """Whether a look may change where later arrivals go."""
        closes_strata = any(rule.decision.closes_strata for rule in self.rules)
        return (
            self.closes_arms
            or (self.strata is not None and (closes_strata or self.by_target))
            or self.randomisation.by_shares is not None
        )

    @cached_property
    def planned(self) -> tuple[int, ...]:
        """Planned number in each arm: ``max_n`` by allocation, largest remainder.

        In whole numbers, so that equal remainders are equal: the arm written earlier has the more.
        Where arms enter or leave, its share of those expected while it is open.
        """
        if self.stays is not None:
            return planned_by_period(self)
        if self.first_part is not None:
            return planned_in_parts(self)
        total = sum(self.allocation)
        shares = [divmod(self.enrolment.max_n * ratio, total) for ratio in self.allocation]
        whole = [number for number, _ in shares]
        by_remainder = sorted(range(len(shares)), key=lambda arm: (-shares[arm][1], arm))
        for arm in by_remainder[: self.enrolment.max_n - sum(whole)]:
            whole[arm] += 1
        return tuple(whole)

    @cached_property
    def stays(self) -> Stays | None:
        """When each arm enrols by plan; nothing where all do from the opening to the end."""
        return stays_of(self.arms, self.arm_names)

    @cached_property
    def by_period(self) -> bool:
        """Whether any analysis asks in which period somebody was randomised."""
        analyses = [self.analysis_of(name) for name in self.endpoints]
        return any(analysis is not None and analysis.by_period for analysis in analyses)

    def windows(self, closed: npt.NDArray[np.float64]) -> Windows:
        """When arms open and close, ``(trial, arm)``, given when decisions have closed them."""
        stays = self.stays or Stays((Stay(),) * len(self.arms))
        return stays.windows(closed)

    def open_months(self, pace: Pace, arms: Sequence[int]) -> npt.NDArray[np.float64]:
        """Months at which participants are expected to be randomised while arms are open.

        The n-th is expected when n are; those whom nobody expects ever are left out. Where nobody
        is expected while the arms are open, the month at which the last of them opens.
        """
        if self.first_part is not None:
            return expected_months(self, pace, arms)
        expected = pace.date(np.arange(1.0, self.enrolment.max_n + 1.0))
        expected = expected[np.isfinite(expected)]
        if self.stays is None:
            return expected
        opens, closes = of_all(planned_windows(self, pace), arms)
        inside = expected[(expected > until(opens)) & (expected <= until(closes))]
        return inside if len(inside) else np.array([opens])

    def analysis_of(self, endpoint: str) -> AnalysisBase | None:
        """The analysis of an endpoint: as written, or a uniform beta prior where it is binary.

        It counts who has not reached the month where ``[prediction]`` says so. None of
        a utility, whose endpoints have theirs.
        """
        found: AnalysisBase | None = self.analysis.get(endpoint)
        if found is None and endpoint not in self.utility and self.endpoints[endpoint].binary:
            found = ANALYSES[DEFAULT_MODEL].model_validate({"model": DEFAULT_MODEL})
        if found is not None:
            names = self.stratum_names
            found = found.told_external(
                {name: data.in_order_of(names) for name, data in self.external.items()}
            )
        if found is not None and self.comparators:
            beside = {
                name: self.external[name].in_order_of(self.stratum_names)
                for name in self.comparators
            }
            own = {
                name: data if data.endpoint == endpoint else data.of_another
                for name, data in beside.items()
            }
            found = found.beside(own, controlled=self.control is not None)
        early = self.prediction.get(endpoint)
        if found is not None:
            found = found.over_time()
        if found is None or early is None or not early.in_posterior:
            return found
        return found.counting_early(early.prior)

    def order_of(self, endpoint: str, asked: Any) -> tuple[str, bool]:
        """Kind of question whose number puts arms in order, and whether the smallest is the best.

        Parameters
        ----------
        asked
            The table that compares arms; what it does not name is the model's.
        """
        if endpoint in self.utility:
            return "level", False
        analysis = self.analysis_of(endpoint)
        by = ordered_by(asked) or KINDS["level" if analysis is None else analysis.ordered_by]
        return by.name, self.endpoints[endpoint].lower_is_better or by.lower_is_better

    def rules_ending(self, ending: Ending) -> list[Rule]:
        """Rules that end the trial in one way."""
        return [rule for rule in self.rules if rule.decision.ends == ending]

    @cached_property
    def overruled(self) -> list[Rule]:
        """Rules that are not binding: the error holds where they are overruled too."""
        asked = self.calibration
        if asked is None:
            return []
        futility = [] if asked.obeys_futility else self.rules_ending(FUTILITY)
        named = {*(asked.not_binding or ()), *(rule.name for rule in futility)}
        return [rule for rule in self.rules if rule.name in named]

    @property
    def overruled_words(self) -> str:
        """Say what is not binding: ``futility is not binding`` where no futility rule is."""
        if self.overruled == self.rules_ending(FUTILITY):
            return "futility is not binding"
        several = "is" if len(self.overruled) == 1 else "are"
        return f"{' and '.join(rule.name for rule in self.overruled)} {several} not binding"

    @cached_property
    def further_claims(self) -> list[Rule]:
        """Rules that make a claim beside success, as written."""
        return [rule for rule in self.rules if rule.decision.at_the_end]

    @cached_property
    def alpha_graph(self) -> AlphaGraph | None:
        """The claims that share the family-wise error; nothing where they do not."""
        if self.claims is None:
            return None
        claiming = [rule for rule in self.rules if rule.decision.claims]
        return AlphaGraph.of(
            [rule.name for rule in claiming],
            self.claims.alpha,
            self.claims.passes_to,
            {rule.name: rule.requires or () for rule in claiming},
        )

    def may_end(self, ending: Ending) -> bool:
        """Whether trials of the design can end in one way."""
        closes = any(r.decision.drops_arms or r.decision.closes_strata for r in self.rules)
        resolved = ending == FUTILITY and (self.by_target or closes)  # nothing is left open
        return ending == NO_SUCCESS or resolved or bool(self.rules_ending(ending))

    def told(self, endpoint: str | None = None) -> Told:
        """What readers call the answers and estimates of an endpoint; the primary if left out."""
        analysis = self.analysis_of(self.primary if endpoint is None else endpoint)
        return (AnalysisBase if analysis is None else analysis).told

    def judged_at(self, rule: Rule) -> tuple[int, ...]:
        """Numbers of the looks, from 1, at which a rule is judged."""
        last = self.looks.number
        if rule.looks is None:
            return tuple(range(1, last + 1))
        return tuple(sorted({last if look == "final" else int(look) for look in rule.looks}))

    def threshold_at(self, rule: Rule, look: int, part: Comparing | None = None) -> float:
        """The value that a rule's probability is compared with at a look.

        Parameters
        ----------
        part
            Which of its comparisons, where it has several.
        """
        threshold = (part or rule).threshold
        if threshold == "calibrate":
            return float("nan")  # holds nowhere until it is calibrated
        if isinstance(threshold, AlphaSpending):
            from adaptive_cart.design.spending import planned_thresholds

            return planned_thresholds(self, rule)[look]
        if isinstance(threshold, ByAlpha):
            return threshold.threshold[0]  # the strictest, of the smallest amount
        if isinstance(threshold, list):
            return float(threshold[self.judged_at(rule).index(look)])
        return float(threshold)
