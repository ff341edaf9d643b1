"""The two trials of a stretch of portfolios: early ones, and controlled ones of those that go on.

All candidates of a stretch are one block of early trials. Of those that go, candidates with the
same early counts have the same prior, and so are one block of controlled trials of one design.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from adaptive_cart.conduct.block import Block
from adaptive_cart.conduct.plan import Plan
from adaptive_cart.conduct.trial import run_own
from adaptive_cart.decisions import REASONS, SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.design.own_truths import OwnTruths
from adaptive_cart.design.truth import Truth
from adaptive_cart.nouns.records import Booleans, Floats, Integers
from adaptive_cart.nouns.streams import Latents, fresh_seed
from adaptive_cart.nouns.summaries import Counts
from adaptive_cart.participants.population import latents_for
from adaptive_cart.priors.early_data import believed_prior
from adaptive_cart.programmes.accounts import at_once, starts_of
from adaptive_cart.programmes.common_control import CommonControl, opened_together
from adaptive_cart.programmes.known import BENEFIT, CLAIM, CONTROL, ESTIMAND, GAIN, LEVEL, Known
from adaptive_cart.programmes.programme import Programme
from adaptive_cart.programmes.signals import STOPPED, stopped_by_signals

Columns = dict[str, Any]  # (candidate,) by name
NOT_RUN = "not_run"  # why no controlled trial ended: there was none
CLASS_STOPPED = "class_stopped"  # it ended by a signal in another trial, or in its own


@dataclass(frozen=True)
class Truths:
    """What is known of the truth of candidates, in both trials."""

    early: Known | None
    confirm: Known


def stretch_of(
    programme: Programme, truths: Truths, seed: int, first: int, portfolios: int
) -> Columns:
    """Every candidate of some portfolios: what is true, and what became of it.

    Returns
    -------
    (portfolio and candidate,) by name of a column; a candidate after the other, portfolio by
    portfolio.
    """
    drawn = programme.law.draw(seed, first, portfolios)
    count = programme.law.count
    works = drawn.works.reshape(-1)
    values = {steps: of.reshape(-1) for steps, of in drawn.values.items()}
    columns: Columns = {
        "portfolio": np.repeat(np.arange(first, first + portfolios), count),
        "candidate": np.tile(np.arange(count), portfolios),
        "class": drawn.of_class.reshape(-1),
        "drawn_to_work": works,
        "works": truths.confirm.claim(works, values),
        "true_level": truths.confirm.of(LEVEL, works, values),
        "true_control": truths.confirm.of(CONTROL, works, values),
        "true_effect": truths.confirm.of(ESTIMAND, works, values),
    }
    if programme.confirm.benefit:
        columns["true_months_gained"] = truths.confirm.of(BENEFIT, works, values)
    for steps, of in values.items():
        columns[".".join(steps)] = np.where(works, of, np.nan)
    start = first * count
    go = np.ones(len(works), dtype=np.bool_)
    if programme.early is not None:
        assert truths.early is not None
        known = truths.early
        gain = known.of(GAIN, works, values) if GAIN in known.null else None
        own = programme.early.truths(works, values, gain)
        early = _early(programme.early.design, own, early_seed(seed), start)
        columns |= {"early_true": known.of(LEVEL, works, values), **early}
        go = columns["go"]
    else:
        columns["go"] = go
    columns |= _controlled(programme, works, values, columns, go, seed, start)
    return _on_the_calendar(programme, columns, seed, first, portfolios)


def _on_the_calendar(
    programme: Programme, columns: Columns, seed: int, first: int, portfolios: int
) -> Columns:
    """Let controlled trials start, and stop classes with a signal."""
    table = {name: of.reshape(portfolios, -1) for name, of in columns.items()}
    asked = programme.tables.candidates
    ready = table.get("early_months", np.zeros(table["go"].shape))
    if asked.control == "common":
        ready = opened_together(ready)
    slots = at_once(asked, programme.confirm.design)
    table["start"] = starts_of(ready, table["months"], table["go"], slots)
    if asked.class_signal is not None:
        classes = len(programme.law.classes)
        stopped_by_signals(asked.class_signal, table, classes, seed, first)
    return {name: of.reshape(-1) for name, of in table.items()}


def early_seed(seed: int) -> int:
    """Seed of early trials: their participants are others than those of controlled ones."""
    return fresh_seed(seed, "early trials of", bits=63)


# ── a block of trials, side by side or one by one ─────────────────────────────────────────────
def _blocks(plan: Plan, own: OwnTruths, latents: Latents) -> list[tuple[Block, Integers]]:
    """Blocks with the positions of their trials."""
    everybody = np.arange(len(own.of_trial))
    if own.together(plan.design):
        return [(run_own(plan, own, latents), everybody)]
    found = []
    for truth, rows in own.parts():
        alone = OwnTruths.alone(truth, len(rows))
        found.append((run_own(plan, alone, latents.rows(rows)), rows))
    return found


def _gathered(pieces: list[tuple[Columns, Integers]], trials: int) -> Columns:
    """Columns of blocks in the order of the trials; blank where no block has a trial."""
    found: Columns = {}
    for columns, rows in pieces:
        for name, values in columns.items():
            if name not in found:
                blank = np.nan if values.dtype.kind == "f" else 0
                found[name] = np.full(trials, blank, dtype=values.dtype)
            found[name][rows] = values
    return found


def _at_the_end(block: Block, design: Design) -> tuple[Integers, Integers]:
    """Those with the primary endpoint and those analysed, ``(trial, arm)``, where a trial ended.

    Nothing where the primary is no count.
    """
    arms = len(design.arm_names)
    responders = np.zeros((len(block.look), arms), dtype=np.int64)
    participants = np.zeros_like(responders)
    for record in block.looks if design.primary_endpoint.binary else ():
        summary = record.summaries[design.primary]
        assert isinstance(summary, Counts)
        here = (block.look == record.look) & (block.between == record.between) & record.held
        responders[here] = summary.successes.sum(axis=2)[here]
        participants[here] = summary.totals.sum(axis=2)[here]
    return responders, participants


def _costs(design: Design, block: Block) -> Floats:
    """What the participants of a trial cost, ``(trial,)``; nan where the design does not say."""
    asked = design.costs
    if asked is None:
        return np.full(len(block.look), np.nan)
    each = [asked.per_randomised.get(name, 0.0) for name in design.arm_names]
    infused = [asked.per_infused.get(name, 0.0) for name in design.arm_names]
    return block.randomised @ np.array(each) + block.infused @ np.array(infused)


def _treated(block: Block, truth: Truth, arm: int) -> Integers:
    """Participants infused, or where no course says who is, all that were randomised to the arm."""
    return (block.infused if truth.infused_arms[arm] else block.randomised)[:, arm]


# ── early trials ──────────────────────────────────────────────────────────────────────────────
def _early(design: Design, own: OwnTruths, seed: int, start: int) -> Columns:
    """Early trials of all candidates."""
    trials, arm = len(own.of_trial), design.experimental[0]
    pieces = []
    for block, rows in _blocks(Plan.of(design), own, latents_for(design, seed, start, trials)):
        responders, participants = _at_the_end(block, design)
        columns = {
            "go": block.standing.reason == SUCCESS,
            "early_responders": responders[:, arm],
            "early_participants": participants[:, arm],
            "early_mean": block.estimate[:, 0]
            if block.estimate.shape[1]
            else np.full(len(rows), np.nan),
            "early_months": block.months,
            "early_randomised": block.randomised.sum(axis=1),
            "early_exposed": block.randomised[:, arm],
            "early_treated": _treated(block, own.first, arm),
            "early_cost": _costs(design, block),
        }
        pieces.append((columns, rows))
    return _gathered(pieces, trials)


# ── controlled trials ─────────────────────────────────────────────────────────────────────────
def _controlled(
    programme: Programme,
    works: Booleans,
    values: Any,
    early: Columns,
    go: Booleans,
    seed: int,
    start: int,
) -> Columns:
    """Controlled trials of those that go."""
    trial, trials = programme.confirm, len(works)
    latents = latents_for(trial.design, seed, start, trials)
    if programme.tables.candidates.control == "common":
        latents = CommonControl(trial.design, latents, programme.law.count)
    pieces: list[tuple[Columns, Integers]] = []
    for design, rows in _by_prior(programme, early, np.flatnonzero(go)):
        own = trial.truths(works[rows], {steps: of[rows] for steps, of in values.items()})
        plan = Plan.of(design)
        for block, some in _blocks(plan, own, latents.rows(rows)):
            pieces.append((_of_controlled(plan, block, own.first, trial.arm), rows[some]))
    found = _gathered(pieces, trials)
    if not pieces:
        block = run_own(
            Plan.of(trial.design),
            OwnTruths.alone(trial.null, 1),
            latents.rows(np.zeros(1, dtype=np.int64)),
        )
        blank = _of_controlled(Plan.of(trial.design), block, trial.null, trial.arm)
        found = _gathered([({n: v[:0] for n, v in blank.items()}, np.zeros(0, int))], trials)
    found["reason"] = np.where(go, found["reason"], -1).astype(np.int8)
    found["success"] = go & (found["reason"] == SUCCESS)
    return found


def _by_prior(
    programme: Programme, early: Columns, going: Integers
) -> list[tuple[Design, Integers]]:
    """Designs of controlled trials with the positions of their candidates."""
    design, believe = programme.confirm.design, programme.believe
    if believe is None or not len(going):
        return [(design, going)] if len(going) else []
    counts = np.stack(
        [early["early_responders"][going], early["early_participants"][going]], axis=1
    )
    kinds, which = np.unique(counts, axis=0, return_inverse=True)
    return [
        (with_early(design, int(r), int(n), believe), going[which.reshape(-1) == kind])
        for kind, (r, n) in enumerate(kinds)
    ]


def with_early(design: Design, responders: int, participants: int, believe: float) -> Design:
    """A controlled design whose prior in the experimental arm is made of early counts."""
    arm = design.arm_names[design.experimental[0]]
    beta = believed_prior(responders, participants, believe)
    prior = {arm: {"a": beta.a[0], "b": beta.b[0]}}
    written = design.analysis.get(design.primary)
    if written is None:
        path = f"analysis.{design.primary}"
        return design.replace(path, {"model": "beta_binomial", "prior": prior})
    own = written.plain().get("prior", {})
    others = own if _by_arm(own, design) else {n: own for n in design.arm_names if own}
    return design.replace(f"analysis.{design.primary}.prior", {**others, **prior})


def _by_arm(prior: Any, design: Design) -> bool:
    """Whether a written prior is a table of arms, and not one for all of them."""
    return bool(prior) and set(prior) <= set(design.arm_names)


def _of_controlled(plan: Plan, block: Block, truth: Truth, arm: int) -> Columns:
    design, standing = plan.design, block.standing
    responders, participants = _at_the_end(block, design)
    estimates = block.estimate.shape[1]
    none = np.full(len(block.look), np.nan)
    columns: Columns = {
        "reason": standing.reason.astype(np.int8),
        "look": block.look.astype(np.int16),
        "months": block.months,
        "randomised": block.randomised.sum(axis=1),
        "exposed": block.randomised[:, arm],
        "infused": block.infused[:, arm],
        "treated": _treated(block, truth, arm),
        "later_responders": responders[:, arm],
        "later_participants": participants[:, arm],
        "later_control_responders": responders.sum(axis=1) - responders[:, arm],
        "later_control_participants": participants.sum(axis=1) - participants[:, arm],
        "later_estimate": block.estimate[:, 0] if estimates else none,
        "reversal": block.reversal,
        "failed": standing.failed,
        "cost": _costs(design, block),
    }
    for position in plan.claims:
        rule = plan.rules[position]
        columns[f"claimed_{rule.name}"] = (standing.noted[position] > 0).any(axis=1)
    return columns


def reason_word(code: int) -> str:
    """Why a controlled trial ended, in the word of the results."""
    without = {-1: NOT_RUN, STOPPED: CLASS_STOPPED}
    return without[code] if code < 0 else REASONS[code]


__all__ = ["CLAIM", "Columns", "Truths", "reason_word", "stretch_of", "with_early"]
