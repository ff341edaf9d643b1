"""Whether a trial in two parts can be run as written, and what goes with it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from adaptive_cart.design.checks.pieces import Found, Pieces, unknown
from adaptive_cart.design.rule_tables import AlphaSpending
from adaptive_cart.design.validation import path_to, shown

PART = "first_part"


def first_part(pieces: Pieces) -> Found:
    """Whether the first part has participants, a look, and rules that can be asked of it."""
    part = pieces.first_part
    yield from _chosen(pieces)
    if part is None:
        return
    if part.control and pieces.control is None:
        yield (
            f"{PART}.control",
            "no arm is the control; leave it out, or write `control = true` for an arm",
            "arms",
        )
    if isinstance(part.counts, list):
        for place, name in enumerate(part.counts):
            if name not in pieces.endpoints:
                yield f"{PART}.counts[{place}]", unknown(name, "endpoints", [*pieces.endpoints])
    if pieces.enrolment is not None and part.participants >= pieces.enrolment.max_n:
        yield (
            f"{PART}.participants",
            f"found {part.participants}; nobody is left for the second part, since max_n is "
            f"{pieces.enrolment.max_n}",
            "enrolment.max_n",
        )
    yield from _first_look(pieces, part)
    yield from _blocks(pieces, part)
    yield from _together(pieces)


def _chosen(pieces: Pieces) -> Found:
    """Tell a rule that chooses where there is nothing to choose."""
    if len(pieces.experimental_names) > 1:
        return
    for path, rule in pieces.rules_read.items():
        if rule.decision.chooses:
            yield (
                f"{path}.then",
                f'found "{rule.then}"; there is one experimental arm, and nothing to choose',
                "arms",
            )


def _first_look(pieces: Pieces, part: Any) -> Found:
    looks, wanted = pieces.looks, f"looks.observed = [{part.participants}, …]"
    if looks is None or not looks.given:
        return
    if not looks.counts.when_followed or not looks.as_stated:
        yield (
            path_to("looks", looks.scale or "observed"),
            f"the second part waits until all of the first have been observed: write {wanted}, and "
            f"no month, stratum or minimum beside it",
            PART,
        )
    elif looks.at and looks.at[0] != part.participants:
        yield (
            "looks.observed",
            f"found {shown(list(looks.at))}; the first look is that of the first part, whose "
            f"participants are {part.participants}: write {wanted}",
            f"{PART}.participants",
        )


def _blocks(pieces: Pieces, part: Any) -> Found:
    """Whether blocks of a given size fit the arms of the first part too."""
    block = pieces.block
    names = pieces.arm_names if part.control else pieces.experimental_names
    arms: Sequence[Any] = [pieces.arms[name] for name in names]
    if block is None or None in arms or not arms:
        return
    ratio = [arm.allocation for arm in arms]
    least = sum(ratio) // math.gcd(*ratio)
    if block % least:
        yield (
            "randomisation.block",
            f"found {block}; in the first part {' : '.join(map(str, ratio))} needs a multiple of "
            f"{least}; leave it out for the smallest that fits each part",
            PART,
        )


def _together(pieces: Pieces) -> Found:
    """Tell what is not there beside a first part."""
    if pieces.by_shares is not None:
        yield (
            "randomisation.method",
            f'found "response_adaptive", and [{PART}] has arms of its own, with which shares '
            f'would begin anew: write method = "permuted_blocks"',
        )
    for name, arm in pieces.arms.items():
        for key, _ in () if arm is None else arm.moments():
            yield (
                path_to("arms", name, key),
                f"[{PART}] says when arms begin to enrol; leave one of the two out",
            )
    for name, analysis in pieces.analysis.items():
        if analysis is not None and analysis.over_time().by_period:
            yield (
                path_to("analysis", name, "time_trend"),
                f"[{PART}] has no periods that an analysis tells apart; write counts = false to "
                f"compare only who was randomised together, and leave it out",
            )
    for path, asked in pieces.rules_read.items():
        for part in asked.comparisons:
            if part.predictive is not None:
                yield (
                    f"{path}.predictive",
                    f"[{PART}] is there, and how many each arm will have at the last look is not "
                    f"predicted: ask a posterior",
                )
            if isinstance(part.threshold, AlphaSpending):
                yield (
                    path,
                    f"[{PART}] is there, and the numbers at which a type I error is spent are not "
                    f"planned for that; write the thresholds as numbers",
                )
