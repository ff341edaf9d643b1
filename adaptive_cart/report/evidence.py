"""What the chapters read: a result, its design, its truths, and what is worked out from them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from adaptive_cart.conduct.claimed_utility import claimed_utility
from adaptive_cart.conduct.conditions import folded
from adaptive_cart.conduct.estimated import estimand_noun
from adaptive_cart.conduct.plan import Estimand, Plan
from adaptive_cart.conduct.rules import ResolvedRule
from adaptive_cart.decisions import ENDINGS, STOPS, SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.design.rule_tables import AlphaSpending, ByAlpha, Rule
from adaptive_cart.design.spending import first_of, planned_thresholds, spent_apart
from adaptive_cart.design.truth import Truth
from adaptive_cart.models.classical.alpha_spending import SHAPES
from adaptive_cart.nouns.questions import Question, written
from adaptive_cart.nouns.roles import ALTERNATIVE, NULL, ROBUSTNESS
from adaptive_cart.report.document import (
    WITHHELD_SHORT,
    Line,
    Number,
    code,
    line,
    listed,
    secret,
)
from adaptive_cart.report.exhibit import Exhibit
from adaptive_cart.report.facts import Facts
from adaptive_cart.report.numbers import Bound, Kind, given
from adaptive_cart.report.tracing import Trace
from adaptive_cart.results.calibration import Searched
from adaptive_cart.results.figure import Figure
from adaptive_cart.results.result import Result
from adaptive_cart.running.boundaries import Boundary, boundaries, planned_at

if TYPE_CHECKING:
    import pandas as pd

AIMS = {
    NULL: "type I error",
    ALTERNATIVE: "power",
    ROBUSTNESS: "robustness",
}
REASON_WORDS = {ending.name: ending.label for ending in ENDINGS}
KINDS: dict[str, Kind] = {
    "bias": "difference",
    "estimand": "true",
    "true": "true",
    **dict.fromkeys(("utility", "benefit", "harm"), "true"),
    "expected": "difference",
    "borrowed": "mean",
}
UNKNOWN = Figure(float("nan"), float("nan"), float("nan"), float("nan"), None)


class Evidence:
    """A result with everything that a report says of it.

    Attributes
    ----------
    sensitivity_trials
        Trials of each variant of the design that is simulated beside the run; 0 for none.
    exhibits
        What was found about the design beside the run, and is told too.
    trace
        Collects which items are said, and where.
    warnings
        What is to be told where the report is written, too.
    """

    def __init__(
        self,
        result: Result,
        facts: Facts,
        sensitivity_trials: int,
        exhibits: Sequence[Exhibit] = (),
    ) -> None:
        self.result = result
        self.facts = facts
        self.sensitivity_trials = sensitivity_trials
        self.exhibits = tuple(exhibits)
        self.trace = Trace()
        self.warnings: list[str] = []
        self.design: Design = result.design
        self.manifest: dict[str, Any] = result.manifest

    # ── the run ───────────────────────────────────────────────────────────────────────────
    @property
    def exact(self) -> bool:
        """Whether the run was enumerated."""
        return self.result.exact

    @cached_property
    def plan(self) -> Plan:
        """The design made ready to run."""
        return Plan.of(self.design)

    @cached_property
    def truths(self) -> dict[str, Truth]:
        """The truth of every scenario that was run."""
        truths = self.design.truths
        return {name: truths[name] for name in self.scenarios}

    @cached_property
    def scenarios(self) -> list[str]:
        """Scenarios that were run: nulls, alternatives, robustness."""
        return list(self.result.roles)

    def role(self, scenario: str) -> str:
        """The role of a scenario."""
        return self.result.roles[scenario]

    def of_role(self, role: str) -> list[str]:
        """Scenarios of a role that were run."""
        return [name for name in self.scenarios if self.role(name) == role]

    @cached_property
    def target(self) -> str | None:
        """The scenario that the power is stated for: the first alternative."""
        return next(iter(self.of_role(ALTERNATIVE)), None)

    @cached_property
    def worst_null(self) -> str | None:
        """The null with the largest type I error; of equal ones that with the most above."""
        nulls = self.of_role(NULL)
        if not nulls:
            return None
        return max(nulls, key=lambda n: (self.cell(n, "success").figure.estimate,
                                         self.cell(n, "bias").figure.estimate))  # fmt: skip

    def worst_of(self, measure: str) -> str | None:
        """The scenario in which a measure is largest, the first of equal ones; none without it."""
        known = [name for name in self.scenarios if self.has(name, measure)]
        return max(known, key=lambda n: self.cell(n, measure).figure.estimate, default=None)

    @cached_property
    def target_error(self) -> float | None:
        """The type I error that ``[calibration]`` asks for; nothing without such a table."""
        calibration = self.design.calibration
        return None if calibration is None else calibration.type_one_error

    def target_error_shown(self) -> Number:
        """The same as it was written."""
        return self.setting(self.target_error, "calibration.type_one_error")

    @cached_property
    def searched(self) -> Searched:
        """The search that thresholds came from; one that has found nothing where all were typed."""
        return self.result.calibration or Searched()

    @cached_property
    def nulls_above_target(self) -> list[str]:
        """Null scenarios whose type I error is above its target."""
        if self.target_error is None:
            return []
        found = [(n, self.cell(n, "success").figure.estimate) for n in self.of_role(NULL)]
        return [name for name, error in found if error > self.target_error]

    @cached_property
    def looks(self) -> range:
        """Numbers of the looks."""
        return range(1, self.design.looks.number + 1)

    @cached_property
    def trials(self) -> pd.DataFrame:
        """A row a simulated trial, the scenario as plain text; empty for an exact run."""
        return _plain(self.result.trials)

    @cached_property
    def look_rows(self) -> pd.DataFrame:
        """A row a trial, look and arm, in plain text; empty for an exact run."""
        return _plain(self.result.looks)

    # ── numbers ───────────────────────────────────────────────────────────────────────────
    def cell(self, scenario: str, measure: str, kind: Kind | None = None, **where: Any) -> Bound:
        """A number of the table of measures; an unknown one where there is no such row."""
        place = "".join(f", {name} {value}" for name, value in where.items() if value is not None)
        source = f"operating_characteristics.csv: {scenario}, {measure}{place}"
        try:
            figure = self.result.figure(scenario, measure, **where)
        except KeyError:
            figure = UNKNOWN
        return Bound(figure, source, kind or _kind(measure))

    def true_of(self, scenario: str, question: Question) -> Bound:
        """The true value of what a question is about; an unknown one where it is not said."""
        from adaptive_cart.results.estimand import true_values

        known = true_values(self.design, self.truths[scenario], also=[question])
        found = known.quantity(question)
        figure = UNKNOWN
        if found is not None:
            figure = Figure(found.value, found.mcse, found.value, found.value, None)
        return Bound(figure, f"{scenario}: true value", "true")

    @cached_property
    def rhythmic(self) -> bool:
        """Whether a rule is judged between looks too."""
        return any(rule.every for rule in self.design.rules)

    def between(self, scenario: str, look: int, reason: str) -> float:
        """Share of all trials that ended for a reason between looks, before a look."""
        if not self.rhythmic:
            return 0.0
        return self.cell(scenario, "stop_between", look=look, reason=reason).figure.estimate

    def has(self, scenario: str, measure: str, **where: Any) -> bool:
        """Whether the table of measures holds a number."""
        return self.cell(scenario, measure, **where).known

    def setting(self, value: Any, path: str) -> Number:
        """A number of the design, as it was written there."""
        return given(value, f"design: {path}")

    def run_fact(self, key: str) -> Number:
        """A number of the manifest."""
        value = self.manifest[key]
        return given(str(value) if key == "seed" else value, f"manifest: {key}")

    def trials_of(self, scenario: str) -> Number:
        """How many trials of a scenario the run holds."""
        return given(self.manifest["trials"][scenario], f"manifest: trials.{scenario}")

    @cached_property
    def trials_words(self) -> Line:
        """How many trials a scenario, for a caption."""
        if self.exact:
            return line("enumerated, without Monte Carlo error")
        numbers = sorted({*self.manifest["trials"].values()})
        shown = [given(number, "manifest: trials") for number in numbers]
        return line(listed(list(shown), "or"), " simulated trials a scenario")

    # ── the design in words ───────────────────────────────────────────────────────────────
    @cached_property
    def several(self) -> bool:
        """Whether there are several experimental arms."""
        return self.design.several

    def arm(self, name: str) -> Number:
        """What readers call an arm."""
        return given(self.design.arm_label(name), f"design: arms.{name}")

    def arm_named(self, name: str) -> Line:
        """What readers call an arm, and in brackets the name that the design file has for it."""
        if self.design.arm_label(name) == name:
            return line(self.arm(name))
        return line(self.arm(name), " (", code(name), ")")

    def arms(self) -> tuple[Number, ...]:
        """What readers call the arms, the control first."""
        return tuple(self.arm(name) for name in self.design.arm_names)

    def labelled(self, text: str) -> str:
        """A text in which arms have the names of the design file, with their labels instead."""
        labels = {name: arm.label for name, arm in self.design.arms.items() if arm.label}
        if not labels:
            return text
        names = "|".join(map(re.escape, labels))
        return re.sub(rf"\b({names})\b", lambda found: labels[found.group()], text)

    def resolved(self, rule: Rule) -> ResolvedRule:
        """The rule as it is judged."""
        return next(found for found in self.plan.rules if found.name == rule.name)

    def endpoint_words(self, name: str) -> Number:
        """What an endpoint is called, its name in brackets."""
        label = self._called(name)
        return given(f"{label} ({name})" if label else name, f"design: endpoints.{name}")

    def endpoint_head(self, name: str) -> Number:
        """What an endpoint is called, for the head of a column."""
        return given(self.design.endpoints[name].label or name, f"design: endpoints.{name}")

    def _called(self, name: str) -> str:
        """What is measured, in words; blank where nothing says it."""
        endpoint = self.design.endpoints[name]
        if endpoint.label:
            return str(endpoint.label)
        return endpoint.called(name, self.directly(name))

    def directly(self, name: str) -> bool:
        """Whether the truth says an endpoint directly, without a course of the participants."""
        return all(name in truth.direct for truth in self.truths.values())

    @cached_property
    def infuses(self) -> bool:
        """Whether infusion is simulated."""
        return any(truth.courses is not None for truth in self.truths.values())

    @cached_property
    def endings(self) -> tuple[str, ...]:
        """Ways to end that a rule leads to, or that a trial met; success first."""
        return tuple(
            stop.name
            for stop in STOPS
            if stop == SUCCESS
            or self.design.rules_ending(stop)
            or any(self.cell(n, stop.measure).figure.estimate > 0.0 for n in self.scenarios)
        )

    @cached_property
    def estimands(self) -> tuple[Estimand, ...]:
        """Quantities of the primary endpoint that are estimated."""
        return self.plan.estimands

    def estimand_words(self) -> str:
        """What is estimated, as a noun."""
        return estimand_noun(self.design)

    def of_claimed_utility(self, scenario: str) -> Bound | None:
        """True difference in the utility that success is about; nothing where it is not."""
        weighed = claimed_utility(self.plan)
        if weighed is None:
            return None
        arm = self.design.arm_names[weighed.utility.question.arm]
        return self.cell(scenario, f"utility_{weighed.name}", arm=arm)

    def estimand_label(self, estimand: Estimand) -> str:
        """Which arm and stratum an estimand is of; blank for the only one."""
        arm = self.design.arm_label(estimand.arm) if self.several and estimand.arm else None
        return ", ".join(part for part in (arm, estimand.stratum) if part)

    @cached_property
    def boundaries(self) -> list[Boundary]:
        """Rules on counts as whole numbers of responders."""
        return boundaries(self.design, self.plan)

    def due(self, look: int) -> Line:
        """When a look is due."""
        looks = self.design.looks
        if look > len(looks.at):
            return line("everybody randomised has been observed")
        if not looks.as_stated:
            return line(given(looks.due(look), "design: looks"))
        before, after = looks.counts.due
        number = self.setting(looks.at[look - 1], f"looks.{looks.scale}")
        return line(before, number, after)

    def all_due(self) -> Line:
        """When the looks are due, in one clause."""
        looks = self.design.looks
        path = f"looks.{looks.scale}"
        before, after = looks.counts.due
        numbers = listed([self.setting(value, path) for value in looks.at])
        when = line("in " if looks.counts.by_calendar else "when ", before, numbers, after)
        if not looks.as_stated:
            when = line("at ", listed([self.due(look + 1) for look in range(len(looks.at))]))
        if len(looks.at) < looks.number:
            when += line(", and when everybody randomised has been observed")
        return when

    def planned_at(self, look: int) -> tuple[int, ...] | None:
        """Numbers planned in each arm at a look; nothing where they are random."""
        return planned_at(self.design, look)

    def condition(self, rule: Rule) -> Line:
        """All that has to hold: "the posterior probability that … is at least 0.975"."""
        said = [
            self.probability_of(rule, number) + self.compared(rule, number)
            for number in range(len(rule.comparisons))
        ]
        return self.together(rule, said)

    def together(self, rule: Rule, said: Sequence[Line]) -> Line:
        """Put what is said of each comparison of a rule together."""

        def put(word: str) -> Callable[[list[Line]], Line]:
            return lambda found: sum(
                (line(f" {word} ", *more) for more in found[1:]), start=line(*found[0])
            )

        shape = self.resolved(rule).condition.shape
        return folded(shape, said.__getitem__, put("and"), put("or"))

    def compared(self, rule: Rule, number: int = 0) -> Line:
        """What a probability is compared with: " is at least 0.975", the number secret."""
        asked, part = rule.comparisons[number], self.resolved(rule).parts[number]
        sign = " is at least " if asked.at_least is not None else " is below "
        path = f"design: rules.{rule.name}"
        if asked.threshold == "calibrate":
            return line(sign, "a threshold to be calibrated")
        values = [
            line(given(part.threshold_words(look), path), " at look ", given(look, path))
            for look in self.design.judged_at(rule)
        ]
        if isinstance(asked.threshold, ByAlpha):
            values = [
                line(given(written(value), path), " where it holds ", given(f"{held:.6g}", path))
                for held, value in asked.threshold.pairs
            ]
        if isinstance(asked.threshold, float | int):
            values = [line(given(written(float(asked.threshold)), path))]
        told = listed(values)
        if isinstance(asked.threshold, AlphaSpending):
            told += line(
                f", as planned{first_of(self.design, rule)} (",
                SHAPES[asked.threshold.spending],
                " spending of a one-sided type I error of ",
                given(f"{asked.threshold.alpha:g}", path),
                "; at the numbers that a look sees it is worked out anew)",
            )
        return line(sign, secret(told, otherwise="a threshold given in the restricted annex"))

    def probability_of(self, rule: Rule, number: int = 0) -> Line:
        """The probability that is asked for: "the posterior probability that …"."""
        part = self.resolved(rule).parts[number]
        if part.prediction is not None:
            return line("the predictive probability that ", self.asked(rule, number))
        return line(self.design.told(part.question.endpoint).answer, " ", self.asked(rule, number))

    @cached_property
    def draws_power_curve(self) -> bool:
        """Whether scenarios that differ in one number of the truth are joined to a curve (F4)."""
        from adaptive_cart.figures.kinds import Missing
        from adaptive_cart.figures.registry import FIGURES

        tables = FIGURES["F4"].tables(self.result) if "F4" in FIGURES else None
        return (
            tables is not None
            and not isinstance(tables, Missing)
            and bool(tables["about"]["lines"].iloc[0])
        )

    def threshold(self, rule: Rule, look: int) -> Line:
        """A rule's comparisons at a look, for the restricted annex."""
        if look not in self.design.judged_at(rule):
            return line(secret("not judged", otherwise=WITHHELD_SHORT))
        found = []
        apart = spent_apart(self.design, rule)
        if apart:
            return line(secret(listed(self._spent(rule, look, apart)), otherwise=WITHHELD_SHORT))
        for part in self.resolved(rule).parts:
            number = given(part.in_words(look), f"design: rules.{rule.name}")
            sign = "≥" if part.at_least else "<"
            found.append(line(secret(f"{sign} ", number, otherwise=WITHHELD_SHORT)))
        return self.together(rule, found)

    def _spent(self, rule: Rule, look: int, arms: Sequence[str]) -> list[Line]:
        """A rule's planned boundary at a look for each arm, which spends by its own comparison."""
        path = f"design: rules.{rule.name}"
        found = []
        for arm in arms:
            value = planned_thresholds(self.design, rule, arm)[look]
            reached = value < 1.0  # else nothing may be spent there
            told = (" ≥ ", given(f"{value:.6f}", path)) if reached else (" none",)
            found.append(line(self.arm(arm), *told))
        return found

    def asked(self, rule: Rule, number: int = 0) -> Number:
        """What a comparison asks, as a clause that follows "whether"."""
        words = self.resolved(rule).parts[number].prose(self.design, every=True)
        return given(words, f"design: rules.{rule.name}")

    def when(self, rule: Rule) -> Number:
        """When a rule is judged, its rhythm between looks counted in."""
        return given(self.resolved(rule).when(self.design), f"design: rules.{rule.name}")

    def level(self) -> Number:
        """The level of intervals, as it is used throughout."""
        from adaptive_cart.results.figure import Z95

        share = _normal_share(Z95)
        return Number(f"{100 * share:.0f}%", "operating: level of the intervals")


def _normal_share(z: float) -> float:
    import math

    return math.erf(z / math.sqrt(2.0))


def _kind(measure: str) -> Kind:
    first = measure.split("_")[0]
    if first in KINDS:
        return KINDS[first]
    if measure in ("rmse", "rmse_final"):
        return "probability"
    if measure.startswith(("n_", "months_")):
        return "mean"
    return "probability"


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    for name in ("scenario", "reason", "rule", "arm", "stratum"):
        if name in frame:
            frame = frame.assign(**{name: frame[name].astype(object)})
    return frame


def per_scenario(evidence: Evidence) -> Sequence[tuple[str, list[str]]]:
    """Scenarios by role, for tables with a heading row a role."""
    return [(role, names) for role in AIMS if (names := evidence.of_role(role))]
