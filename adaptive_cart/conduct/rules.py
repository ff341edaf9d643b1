"""Rules as they are judged: resolved to positions, compared, and told in words.

A rule sees posteriors and counts, never the truth. It has a target for each arm and stratum that it
asks about ("each" asks about all in turn). Rules are judged at each look in the order written; the
first that ends the trial wins. What follows from one is said by its decision
(:mod:`adaptive_cart.decisions`). When all arms or all strata are resolved the trial ends:
``success`` if there was any, else ``futility``. Where no rule ends it the next look is held; after
the last one the trial ends: ``success`` if there was any, else ``no_success``.

A futility or safety rule that ends a trial in which some target has already succeeded leaves that
success standing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from adaptive_cart.conduct.asking import Asking, Now, Prediction
from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.conduct.conditions import Condition, Shape, Target, Together
from adaptive_cart.conduct.jointly import Jointly
from adaptive_cart.conduct.weighing import Weighing
from adaptive_cart.conduct.weighing_arms import WeighingArms
from adaptive_cart.decisions import Decision
from adaptive_cart.design.column_names import part_names
from adaptive_cart.design.design import Design
from adaptive_cart.design.rule_tables import ByAlpha, Comparing, PosteriorQuestion, Rule, together
from adaptive_cart.design.spending import spending_of
from adaptive_cart.nouns.questions import ALL, OPEN, Question


@dataclass(frozen=True)
class ResolvedRule:
    """A rule with its names turned into positions.

    Attributes
    ----------
    condition
        What has to hold.
    every
        The rule is also judged at every so-many-th infusion; 0 for not.
    requires
        Positions of the rules that must have held of a target before this is asked of it.
    followed_up
        Whether it is judged again when the pipeline has been followed up.
    least
        It is silent while fewer of the arm that it asks about are analysed; 0 for never.
    """

    name: str
    decision: Decision
    condition: Condition
    every: int = 0
    requires: tuple[int, ...] = ()
    followed_up: bool = False
    least: int = 0

    @property
    def parts(self) -> tuple[Comparison, ...]:
        """Every comparison that it makes."""
        return self.condition.parts

    @property
    def only(self) -> Comparison | None:
        """The comparison that it makes, where it makes but one."""
        return self.condition.only

    @property
    def targets(self) -> tuple[Target, ...]:
        """Arms, or arms in strata, that it asks about."""
        return self.condition.targets

    @property
    def looks(self) -> tuple[int, ...]:
        """Numbers of the looks, from 1, at which it is judged."""
        return self.condition.looks

    @property
    def asked(self) -> tuple[Question, ...]:
        """All that it asks of anybody, part by part."""
        return tuple(question for part in self.parts for question in part.everything)

    @property
    def about(self) -> tuple[Question, ...]:
        """What it asks of anybody, endpoint by endpoint."""
        return tuple(one for asked in self.asked for one in asked.of_endpoints)

    @property
    def claimed(self) -> tuple[Question, ...]:
        """All on which its claims depend: what it asks, or what the rule does that it predicts.

        Each as it is claimed: with ``below`` the opposite of what is asked.
        """
        return tuple(one for part in self.parts for q in part.targets for one in part.claimed(q))

    @property
    def claims_of(self) -> tuple[str, ...]:
        """Rules on several questions whose claims it takes, since it predicts them."""
        predicted = (part for part in self.parts if part.asks.of_whole(part.question) is not None)
        names = [part.prediction.rule for part in predicted if part.prediction is not None]
        return tuple(dict.fromkeys(names)) if self.decision.claims else ()

    def questions(self, target: int) -> tuple[tuple[Question, ...], ...]:
        """What it asks of a target, by part: all that the part asks at once."""
        found = zip(self.parts, self.condition.places, strict=True)
        return tuple(part.asks.every(part.targets[places[target]]) for part, places in found)

    def silent(self, analysed: Sequence[int]) -> bool:
        """Whether it waits for more, where so many are analysed in each arm."""
        return any(analysed[question.arm] < self.least for question in self.asked)

    def about_open(self, target: int) -> bool:
        """Whether what it claims of a target depends on the arms, or strata, that are open."""
        return any(
            question.about_open
            for number, part in enumerate(self.parts)
            for question in part.asks.claimed(part.targets[self.condition.whose(number, target)])
        )

    def alike(self, target: Target) -> list[int]:
        """Positions of its own targets that are the same as one of another rule.

        A question about the control, or about no stratum in particular, is about any.
        """
        return [
            place
            for place, own in enumerate(self.targets)
            if (own.arm == target.arm or 0 in (own.arm, target.arm))
            and (own.stratum == target.stratum or min(own.stratum, target.stratum) < 0)
        ]

    def never(self) -> ResolvedRule:
        """Return the same rule with thresholds that nothing reaches; it is asked all the same."""
        return replace(self, condition=self.condition.never())

    def when(self, design: Design) -> str:
        """Say when the rule is judged: ``every look and, between looks, every 7th infusion …``."""
        if self.decision.at_the_end:
            return self._at_the_end(design)
        number, judged = design.looks.number, list(self.looks)
        if judged == list(range(1, number + 1)):
            dates = "every look"
        elif judged == [number]:
            dates = "the last look"
        else:
            numbers = [f"{look} (the last)" if look == number else str(look) for look in judged]
            dates = ("look " if len(judged) == 1 else "looks ") + listed(numbers)
        if self.every:
            dates += f" and, between looks, {rhythm(self.every)}"
        return dates + self._silent_before(design)

    def _silent_before(self, design: Design) -> str:
        """Say before how many it is silent: ``, silent before 6 of cart are infused and …``.

        About each of several arms it waits for that arm alone.
        """
        if not self.least:
            return ""
        if len({target.arm for target in self.targets}) > 1:
            kinds = [design.endpoints[question.endpoint] for question in self.asked]
            when = dict.fromkeys(f"{self.least} of it {kind.counted_when}" for kind in kinds)
            return f", silent about an arm before {listed(list(when))}"
        said: dict[str, None] = {}
        for question in self.asked:
            arm, endpoint = design.arm_names[question.arm], design.endpoints[question.endpoint]
            said[f"{self.least} of {arm} {endpoint.counted_when}"] = None
        return f", silent before {listed(list(said))}"

    def _at_the_end(self, design: Design) -> str:
        """Say it of a claim: ``the look that ends the trial, if efficacy has held by then``."""
        words = "the look that ends the trial, after the other rules"
        if self.requires:
            names = listed([design.rules[required].name for required in self.requires])
            words += f", if {names} {'has' if len(self.requires) == 1 else 'have'} held by then"
            words += self._of_any(design)
        if self.followed_up:
            words += ", and again when the pipeline has been followed up"
        return words

    def _of_any(self, design: Design) -> str:
        """Say where a required rule may have held of any of several of its targets."""
        found: set[str] = set()
        for required in self.requires:
            rule = _resolve(design, design.rules[required])
            for target in self.targets:
                alike = [rule.targets[place] for place in rule.alike(target)]
                found |= {"arm"} if len({own.arm for own in alike}) > 1 else set()
                found |= {"stratum"} if len({own.stratum for own in alike}) > 1 else set()
        return f" of any {' or '.join(sorted(found))}" if found else ""


def in_order_of_gates(rules: tuple[ResolvedRule, ...]) -> tuple[int, ...]:
    """Positions of the claims, each after those that it requires, else as they are written."""
    waiting = [k for k, rule in enumerate(rules) if rule.decision.at_the_end]
    found: list[int] = []
    while waiting:
        ready = next(k for k in waiting if not set(rules[k].requires) & set(waiting))
        found.append(ready)
        waiting.remove(ready)
    return tuple(found)


def rhythm(every: int) -> str:
    """Say a rhythm between looks: ``every 7th infusion (all arms counted)``."""
    if every == 1:
        return "every infusion (all arms counted)"
    last = every % 10 if every % 100 not in (11, 12, 13) else 0
    ending = {1: "st", 2: "nd", 3: "rd"}.get(last, "th")
    return f"every {every}{ending} infusion (all arms counted)"


def listed(words: list[str]) -> str:
    """Words in a list: ``1, 2 and 4``."""
    return " and ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


# designs asked about last, with their rules: a run asks for those of one design dozens of times
_RESOLVED: Final[deque[tuple[Design, tuple[ResolvedRule, ...]]]] = deque(maxlen=4)


def resolve_rules(design: Design) -> tuple[ResolvedRule, ...]:
    """Turn a design's rules into what is judged."""
    for known, rules in tuple(_RESOLVED):
        if known is design:
            return rules
    rules = tuple(_resolve(design, rule) for rule in design.rules)
    _RESOLVED.append((design, rules))
    return rules


def _resolve(design: Design, rule: Rule) -> ResolvedRule:
    names = part_names(rule.name, len(rule.comparisons))
    parts = tuple(
        _comparison(design, rule, asked, name)
        for asked, name in zip(rule.comparisons, names, strict=True)
    )
    condition = Condition.of_one(parts[0])
    if together(rule) is not None:
        condition = _together(design, rule, parts)
    positions = {other.name: position for position, other in enumerate(design.rules)}
    return ResolvedRule(
        rule.name,
        rule.decision,
        condition,
        rule.every or 0,
        tuple(positions[name] for name in rule.requires or ()),
        bool(rule.followed_up),
        rule.from_ or 0,
    )


def _together(design: Design, rule: Rule, parts: tuple[Comparison, ...]) -> Condition:
    """Several comparisons about the same targets: what names "each" is asked of each in turn."""
    numbers = iter(range(len(parts)))

    def shape(part: Comparing) -> Shape:
        found = together(part)
        if found is None:
            return next(numbers)
        word, inner = found
        return Together(word == "all", tuple(shape(one) for one in inner))

    arms = _one_or_each([[q.arm for q in part.targets] for part in parts], shared_arm(design))
    strata = _one_or_each([[q.stratum for q in part.targets] for part in parts], of_all=ALL)
    targets = tuple(Target(arm, stratum) for arm in arms for stratum in strata)
    places = tuple(tuple(_place(part.targets, target) for target in targets) for part in parts)
    return Condition(parts, targets, places, shape(rule))


def shared_arm(design: Design) -> int:
    """Position of the arm that targets share, the control; before the first where there is none."""
    return min(design.experimental) - 1


def _one_or_each(by_part: list[list[int]], of_all: int) -> list[int]:
    """Arms (or strata) that questions name: each where one asks about each, else the one named."""
    each = max((list(dict.fromkeys(own)) for own in by_part), key=len)
    if len(each) > 1:
        return each
    named = [own[0] for own in by_part if own[0] > of_all]
    return named[:1] or by_part[0][:1]


def _place(asked: tuple[Question, ...], target: Target) -> int:
    """Which of a comparison's questions is about a target; the only one where it is shared."""
    arms = {question.arm for question in asked}
    strata = {question.stratum for question in asked}
    return next(
        place
        for place, question in enumerate(asked)
        if (len(arms) == 1 or question.arm == target.arm)
        and (len(strata) == 1 or question.stratum == target.stratum)
    )


def _comparison(design: Design, rule: Rule, asked: Comparing, name: str) -> Comparison:
    judged = design.judged_at(rule)
    thresholds = {look: design.threshold_at(rule, look, asked) for look in judged}
    asks: Asking = Now()
    if asked.posterior is not None:
        targets = targets_of(design, asked.posterior)
        kind = asked.posterior.kind
        if kind.of_several:
            asks = WeighingArms() if kind.among_open else Weighing()
    elif asked.jointly is not None:
        targets, asks = _jointly(design, asked.jointly)
    else:
        assert asked.predictive is not None
        predicted = asked.predictive.rule
        named = next(other for other in design.rules if other.name == predicted)
        targets, asks = _prediction(design, named, asked.predictive.of_enrolled)
    return Comparison(
        name=name,
        targets=targets,
        asks=asks,
        at_least=asked.at_least is not None,
        thresholds=thresholds,
        last=rule.judged_last,
        spending=spending_of(design, rule),
        by_alpha=asked.threshold.pairs if isinstance(asked.threshold, ByAlpha) else (),
    )


def _prediction(
    design: Design, named: Rule, enrolled: bool
) -> tuple[tuple[Question, ...], Prediction]:
    """What a rule to be predicted asks of each target, and its prediction."""
    if named.posterior is None or named.posterior.kind.of_several:  # several questions, endpoints
        whole = _resolve(design, named).condition
        asks = Prediction(named.name, True, 0.0, enrolled, whole=whole)
        return asks.stand_ins, asks
    threshold = design.threshold_at(named, design.looks.number)
    asks = Prediction(named.name, named.at_least is not None, threshold, enrolled)
    early = design.prediction.get(named.posterior.about)
    if early is not None:
        asks = replace(asks, months=tuple(early.from_), prior=early.prior)
    return targets_of(design, named.posterior), asks


def _jointly(
    design: Design, asked: Sequence[PosteriorQuestion]
) -> tuple[tuple[Question, ...], Jointly]:
    """Several questions at once: what stands for each target, and all that is asked of it."""
    parts = [targets_of(design, one) for one in asked]
    arms = _one_or_each([[q.arm for q in part] for part in parts], shared_arm(design))
    strata = _one_or_each([[q.stratum for q in part] for part in parts], of_all=ALL)
    sets, first = [], []
    for target in (Target(arm, stratum) for arm in arms for stratum in strata):
        every = tuple(part[_place(part, target)] for part in parts)
        sets.append(every)
        about = [one for one in every if one.arm == target.arm and one.stratum == target.stratum]
        about.sort(key=lambda one: not one.of.among_open)
        first.append(next(iter(about), every[0]))
    return tuple(first), Jointly(tuple(sets))


def targets_of(design: Design, asked: PosteriorQuestion) -> tuple[Question, ...]:
    """Questions that a rule's posterior table asks, by arm and then stratum."""
    arms, strata = design.arm_names, design.stratum_names
    kind = asked.kind
    other = None if kind.other is None else getattr(asked, kind.other)
    value = asked.above if asked.above is not None else asked.below
    assert asked.arm is not None
    about = asked.about
    endpoint, weights = design.endpoints.get(about), design.utility.get(about, {})
    by, lowest = design.order_of(about, asked)
    chosen = design.experimental if asked.arm == "each" else [arms.index(asked.arm)]
    if asked.stratum == "each":
        places = list(range(len(strata)))
    elif asked.stratum == "open":
        places = [OPEN]
    else:
        places = [ALL if asked.stratum is None else strata.index(asked.stratum)]
    return tuple(
        Question(
            endpoint=about,
            arm=arm,
            minus=None if other is None else design.compared_names.index(other),
            value=0.0 if value is None else value,
            above=asked.above is not None,
            kind=kind.name,
            stratum=stratum,
            month=kind.month(asked),
            category=None if endpoint is None else endpoint.category(kind.category(asked)),
            cut=None if endpoint is None else endpoint.cut(kind.cut(asked)),
            ordered_by=kind.always_by or by,
            lowest=lowest,
            places=kind.places(asked),
            first=min(design.experimental),
            weights=tuple(weights.items()),
            sign=design.told(about).sign,
        )
        for arm in chosen
        for stratum in places
    )
