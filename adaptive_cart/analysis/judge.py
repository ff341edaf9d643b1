"""From the looks to what is said of them: numbers, each rule with its reason, and the decision.

The decision is the reference posterior's where it can be had. It is withheld where a rule that was
asked has no posterior, where it hangs on how participants are read who were last seen before the
cut, where the chains are not to be trusted, and where the two posteriors differ by more than Monte
Carlo error, since one of them is then wrong. Where they agree so far but lie on two sides of a
threshold, the threshold is nearer than Markov chains can tell; the fast posterior, which has no
Monte Carlo error and is what was simulated, then decides. Where the threshold lies within the fast
one's own error too, nobody can tell, and the decision is withheld.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from adaptive_cart.analysis.decisions import decided
from adaptive_cart.analysis.findings import Decision, EarlierLook, Group, RuleFinding
from adaptive_cart.analysis.flips import flip_words, smallest_flip
from adaptive_cart.analysis.real_trial import RealTrial, RecordedAnalysis
from adaptive_cart.analysis.reference import Answer, ReferencePosteriors
from adaptive_cart.analysis.replay import Held
from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.conduct.rules import ResolvedRule
from adaptive_cart.conduct.standing import RUNNING
from adaptive_cart.decisions import ENDINGS
from adaptive_cart.nouns.participant_set import ParticipantSet
from adaptive_cart.nouns.records import Booleans, Integers

ERRORS = 4.0  # Monte Carlo standard errors by which the two posteriors may differ
SLACK = 0.002  # and this, where a probability near 0 or 1 leaves no error to measure
GOES_ON = "goes_on"
WITHHELD = "withheld"


# ── numbers ───────────────────────────────────────────────────────────────────────────────────
def groups_of(trial: RealTrial, held: Held, analysis: RecordedAnalysis) -> tuple[Group, ...]:
    """Numbers of every arm and stratum at the look."""
    design, participants = trial.design, trial.participants
    population, snapshot = analysis.snapshot.population, analysis.snapshot
    enrolled = snapshot.enrolled.mask(population.participants)[0, : len(participants)]
    dead = participants.randomised + participants.months["death_month"] <= held.date
    left = participants.left(held.date)
    unseen = participants.unseen(held.date, trial.window)

    def tally(who: Booleans) -> Integers:
        wide = np.zeros((1, population.participants), dtype=np.bool_)
        wide[0, : len(participants)] = who & enrolled
        by_arm: Integers = population.tally(ParticipantSet.where(wide))[0]
        return by_arm

    died, gone, silent = tally(dead), tally(left), tally(unseen)
    groups = []
    for arm, arm_name in enumerate(design.arm_names):
        for stratum in range(len(design.shares)):
            endpoints = {
                name: {
                    column: float(values[0, arm, stratum])
                    for column, values in summary.columns().items()
                }
                for name, summary in held.record.summaries.items()
            }
            groups.append(
                Group(
                    arm=arm_name,
                    stratum=design.stratum_names[stratum] if design.stratum_names else None,
                    randomised=int(held.record.randomised[0, arm, stratum]),
                    infused=int(held.record.infused[0, arm, stratum]),
                    died=int(died[arm, stratum]),
                    lost=int(gone[arm, stratum]),
                    unseen=int(silent[arm, stratum]),
                    endpoints=endpoints,
                )
            )
    return tuple(groups)


# ── rules ─────────────────────────────────────────────────────────────────────────────────────
def rules_of(
    trial: RealTrial,
    fast: Held,
    by_reference: Held | None,
    analysis: RecordedAnalysis,
    reference: ReferencePosteriors | None,
) -> tuple[RuleFinding, ...]:
    """Every rule of the look, a finding for each of its targets."""
    found = []
    for rule in trial.plan.rules:
        if rule.parts[0].name not in fast.record.probabilities:
            continue
        for place in range(len(rule.targets)):
            parts = [
                _finding(trial, rule, number, place, fast, by_reference, analysis, reference)
                for number in range(len(rule.parts))
            ]
            found += _acting(rule, parts)
    return tuple(found)


def _acting(rule: ResolvedRule, parts: list[RuleFinding]) -> list[RuleFinding]:
    """The findings of a rule about one target, knowing whether the rule as a whole holds."""
    if len(parts) == 1:
        return parts
    acts = rule.condition.known_of_target([part.holds for part in parts])
    return [replace(part, acts=acts) for part in parts]


def _asked(held: Held | None, part: Comparison, place: int) -> float | None:
    if held is None or part.name not in held.record.probabilities:
        return None
    probability = float(held.record.probabilities[part.name][0, place])
    return None if np.isnan(probability) else probability


def _finding(
    trial: RealTrial,
    rule: ResolvedRule,
    number: int,
    whom: int,
    fast: Held,
    by_reference: Held | None,
    analysis: RecordedAnalysis,
    reference: ReferencePosteriors | None,
) -> RuleFinding:
    """One comparison of a rule (by its number) about one of the rule's targets."""
    part, place = rule.parts[number], rule.condition.whose(number, whom)
    design, target = trial.design, part.targets[place]
    threshold = fast.record.threshold(part, place)
    by_fast = _asked(fast, part, place)
    bayesian = trial.plan.bayesian(part)  # a test has no other face
    by_draws = _asked(by_reference, part, place) if bayesian else None

    def compared(probability: float | None) -> bool | None:
        if probability is None:
            return None
        return bool(part.compared(np.array([probability]), threshold)[0])

    answer = None
    if reference is not None and by_draws is not None:
        answer = reference.answer(analysis.as_when_asked(part, target), part, target)
    alone = answer is not None and answer.alone
    if alone:
        answer = by_draws = None
    why, changes, within_error = None, None, 0.0
    failed = False
    if by_fast is None:
        why = analysis.settled.get((rule.name, whom))
        failed = why is None
        why = why or f"the posterior of {target.endpoint} could not be computed"
    fast_holds, reference_holds = compared(by_fast), compared(by_draws)
    close = answer is not None and agree(answer) and fast_holds != reference_holds
    decides = by_fast if answer is None or close else by_draws
    if by_fast is not None:
        then = analysis.as_when_asked(part, target)
        if (
            part.asks.hangs_on(target) == 1 and not part.several
        ):  # of several things at once no one change is the smallest
            flip = smallest_flip(then, part, target, threshold)
            changes = flip_words(then, target, flip, bool(fast_holds))
        if then.undecided(part, target, np.array([by_fast]), threshold)[0]:
            within_error = trial.plan.part_errors[part.name].at(by_fast)
    if decides is None:
        reason = f"{part.words(design, place)}: not judged ({why})"
    else:
        reason = part.reason(design, decides, threshold, place) + _holding(trial, rule, fast)
    if within_error:
        reason += f"; {_near_words(within_error, fast_holds, reference_holds, alone)}"
    of_rule = rule.targets[whom]
    return RuleFinding(
        rule=rule.name,
        then=rule.decision.name,
        arm=design.arm_names[of_rule.arm],
        stratum=design.stratum_names[of_rule.stratum] if of_rule.stratum >= 0 else None,
        question=part.words(design, place),
        comparison=">=" if part.at_least else "<",
        threshold=threshold,
        fast=by_fast,
        reference=None if answer is None else answer.probability,
        mcse=None if answer is None else answer.mcse,
        holds=compared(decides),
        fast_holds=fast_holds,
        reference_holds=reference_holds,
        reason=reason,
        why=why,
        changes=changes,
        failed=failed,
        within_error=within_error,
        acts=compared(decides),
    )


def _holding(trial: RealTrial, rule: ResolvedRule, held: Held) -> str:
    """What a claim that shares the error held of it, and from whom; nothing where it does not."""
    passing = trial.plan.passing
    if passing is None or rule.name not in held.record.sets:
        return ""
    position = trial.plan.rules.index(rule)
    return f"; {passing.told(position, int(held.record.sets[rule.name][0]))}"


def _near_words(
    error: float, fast_holds: bool | None, reference_holds: bool | None, alone: bool
) -> str:
    """What it means that a probability lies within the model's error of its threshold."""
    near = f"the fast posterior lies within its error of {error:g} of the threshold"
    if alone:
        return f"{near}, and there is no other: the trial was completed from it alone"
    if reference_holds is None:
        return f"{near}: type the command without --fast, and PyMC is asked too"
    side = "the same side" if reference_holds == fast_holds else "the other side"
    return f"{near}, and PyMC on {side}"


def agree(answer: Answer) -> bool:
    """Whether the two posteriors differ by no more than Monte Carlo error."""
    return abs(answer.probability - answer.fast) <= ERRORS * answer.mcse + SLACK


# ── the decision ──────────────────────────────────────────────────────────────────────────────
def outcome_of(held: Held) -> str:
    """How the trial stands after the look: the way it ended, or that it goes on."""
    reason = int(held.after.reason[0])
    return GOES_ON if reason == RUNNING else ENDINGS[reason].name


def actions_of(held: Held) -> tuple[str, ...]:
    """What the look decided besides ending the trial."""
    design, found = held.after.design, decided(held.before, held.after)
    if held.record.shares is not None and outcome_of(held) == GOES_ON:
        shares = zip(design.arm_names, held.record.shares[0], strict=True)
        found.append("allocation from now on: " + ", ".join(f"{n} {s:.3f}" for n, s in shares))
    return tuple(found)


def outcome_words(held: Held) -> str:
    """Say in a sentence what the rules decide."""
    outcome, actions = outcome_of(held), actions_of(held)
    when = f"before look {held.look}" if held.record.between else f"at look {held.look}"
    if outcome == GOES_ON and held.record.between:
        words = f"The trial goes on to look {held.look}."
    elif outcome == GOES_ON:
        words = f"The trial goes on after look {held.look}."
    else:
        words = f"The trial {ENDINGS[held.after.reason[0]].does} {when}."
    return " ".join([words, *(f"{a[0].upper()}{a[1:]}." for a in actions)])


def same_decision(one: Held, other: Held) -> bool:
    """Whether two ways to answer the rules decide the same; shares of the arms may differ."""
    mine, theirs = one.after, other.after
    return (
        mine.reason[0] == theirs.reason[0]
        and mine.rule[0] == theirs.rule[0]
        and all(
            np.array_equal(getattr(mine, name), getattr(theirs, name))
            for name in ("open_arms", "open_strata", "dropped", "closed", "enrolled")
        )
        and all(np.array_equal(mine.noted[k], theirs.noted[k]) for k in mine.noted)
    )


def decision_of(
    fast: Held,
    by_reference: Held | None,
    rules: tuple[RuleFinding, ...],
    reference: ReferencePosteriors | None,
    absence: tuple[str, ...] = (),
) -> Decision:
    """What is decided, by which posterior, and why.

    Parameters
    ----------
    absence
        Why the decision hangs on how those last seen before the cut are read; nothing if it does
        not.
    """
    holding = tuple(f"{r.rule}: {r.reason}" for r in rules if r.acts)
    holding += _earlier_successes(fast)
    if not holding:
        judged = [r for r in rules if r.holds is not None]
        holding = ("no rule holds",) if judged else ("no rule is judged at this look",)
    against = (*failures(rules), *absence, *too_near(rules))
    if reference is not None:
        against += withheld_because(reference)
    if against:
        return Decision(
            outcome=WITHHELD,
            words="The decision is withheld.",
            basis="withheld",
            actions=(),
            reasons=against,
            withheld=against,
            fast=outcome_of(fast),
            reference=None if by_reference is None else outcome_of(by_reference),
        )
    if by_reference is None:
        return Decision(
            outcome=outcome_of(fast),
            words=outcome_words(fast),
            basis="fast posterior only",
            actions=actions_of(fast),
            reasons=holding,
            fast=outcome_of(fast),
            reference=None,
        )
    same = same_decision(fast, by_reference)
    decides = by_reference if same else fast
    if not same:
        holding += (
            "a threshold is nearer than Markov chains can tell: the two posteriors agree within "
            "their Monte Carlo error and lie on its two sides; the fast one, which has none, "
            "decides",
        )
    return Decision(
        outcome=outcome_of(decides),
        words=outcome_words(fast),
        basis="reference posterior" if same else "fast posterior",
        actions=actions_of(fast),
        reasons=holding,
        fast=outcome_of(fast),
        reference=outcome_of(by_reference),
    )


def failures(rules: tuple[RuleFinding, ...]) -> tuple[str, ...]:
    """Rules that were asked and whose posterior could not be computed."""
    return tuple(
        f"{rule.rule}, {rule.question}: {rule.why}; whether the rule holds is not known"
        for rule in rules
        if rule.failed
    )


def too_near(rules: tuple[RuleFinding, ...]) -> tuple[str, ...]:
    """Rules whose threshold is nearer than any posterior that was asked can tell."""
    return tuple(
        f"{rule.rule}: {rule.reason}; on which side it lies is not known"
        for rule in rules
        if rule.undecided
    )


def _earlier_successes(held: Held) -> tuple[str, ...]:
    """Targets that succeeded at an earlier look; they make the end of the trial a success."""
    standing = held.before
    return tuple(
        f"{standing.design.arm_names[target.arm]} succeeded at look {int(looks[0, place])} "
        f"({standing.rules[position].name})"
        for position, looks in standing.won.items()
        for place, target in enumerate(standing.rules[position].targets)
        if looks[0, place] > 0
    )


def withheld_because(reference: ReferencePosteriors) -> tuple[str, ...]:
    """Why no decision can be taken from these posteriors; nothing where it can."""
    found = []
    for (rule, target, _), answer in reference.answers.items():
        if answer.trouble is not None:
            found.append(f"the chains are not to be trusted ({answer.trouble})")
        elif not np.isnan(answer.fast) and not agree(answer):
            found.append(
                f"{rule}, arm {reference.plan.design.arm_names[target.arm]}: the two posteriors "
                f"differ by more than Monte Carlo error (fast {answer.fast:.4f}, reference "
                f"{answer.probability:.4f} with a standard error of {answer.mcse:.4f})"
            )
    return tuple(dict.fromkeys(found))


def earlier_looks(held: list[Held]) -> tuple[EarlierLook, ...]:
    """The looks before the one that is analysed, as they came out when held anew."""
    found = []
    for look in held:
        rules = [
            f"{name}: {rule.decision.done}"
            for rule in look.after.rules
            for name in [rule.name]
            if rule.parts[0].name in look.record.probabilities and _held(look, rule)
        ]
        words = outcome_words(look) + (f" ({', '.join(rules)})" if rules else "")
        near = _within_error(look)
        words += f" Within the error of its threshold: {', '.join(near)}." if near else ""
        found.append(EarlierLook(look.look, look.date, look.record.between, words))
    return tuple(found)


def _within_error(look: Held) -> list[str]:
    """Rules that an earlier look judged by a probability within its error of the threshold."""
    return [
        rule.name
        for position, rule in enumerate(look.after.rules)
        if look.after.judged_within_error(position)[0]
        and not look.before.judged_within_error(position)[0]
    ]


def _held(look: Held, rule: ResolvedRule) -> bool:
    held = []
    for part in rule.parts:
        probability = look.record.probabilities[part.name][0]
        thresholds = [look.record.threshold(part, place) for place in range(len(probability))]
        held.append(part.compared(probability, np.array(thresholds))[None])
    return bool(rule.condition.of_targets(held).any())  # never where it is nan
