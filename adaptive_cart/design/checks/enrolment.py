"""Whether everybody can be enrolled and randomised as written."""

from __future__ import annotations

import math

from adaptive_cart.design.checks.models import order_problems
from adaptive_cart.design.checks.pieces import Found, Pieces, without_control
from adaptive_cart.design.randomisation import ResponseAdaptive
from adaptive_cart.design.validation import path_to, shown

MOST_IN_A_BLOCK = 300  # a randomisation list is drawn by counting the orders of a block
MOST_PARTICIPANTS = 1_000_000  # everybody of the 32 trials of a block is held in memory at once


def enrolment(pieces: Pieces) -> Found:
    """Whether everybody can be enrolled and randomised as written."""
    sound = [arm for arm in pieces.arms.values() if arm is not None]
    if pieces.enrolment is not None and pieces.enrolment.max_n < len(pieces.arms):
        yield (
            "enrolment.max_n",
            f"found {pieces.enrolment.max_n}; at least one participant an arm is needed",
        )
    if pieces.enrolment is not None and pieces.enrolment.max_n > MOST_PARTICIPANTS:
        yield (
            "enrolment.max_n",
            f"found {pieces.enrolment.max_n:,}; at most {MOST_PARTICIPANTS:,}, since the "
            f"participants of many trials are held in memory at once",
        )
    if pieces.enrolment is not None:
        yield from ((f"enrolment.{key}", why) for key, why in pieces.enrolment.faults())
    block = pieces.block
    allocation = [arm.allocation for arm in sound]
    ratio = sum(allocation) // max(math.gcd(*allocation), 1)
    if ratio > MOST_IN_A_BLOCK and len(sound) == len(pieces.arms):
        largest = max(pieces.arms, key=lambda name: getattr(pieces.arms[name], "allocation", 0))
        yield (
            path_to("arms", largest, "allocation"),
            f"found {max(allocation)}; the allocation {' : '.join(map(str, allocation))} needs "
            f"blocks of {ratio} participants; at most {MOST_IN_A_BLOCK} are drawn at a time",
        )
    elif block is not None and block > MOST_IN_A_BLOCK:
        yield (
            "randomisation.block",
            f"found {block}; at most {MOST_IN_A_BLOCK} participants are drawn at a time",
        )
    if block is not None and len(sound) == len(pieces.arms) and ratio and block % ratio:
        yield (
            "randomisation.block",
            f"found {block}; the allocation {' : '.join(map(str, allocation))} "
            f"needs a multiple of {ratio}",
            *(path_to("arms", name, "allocation") for name in pieces.arms),
        )
    if pieces.by_shares is not None:
        yield from _adaptive(pieces, pieces.by_shares)


def _adaptive(pieces: Pieces, rule: ResponseAdaptive) -> Found:
    if without_control(pieces):
        if len(pieces.arms) == 1:
            yield (
                "randomisation.method",
                'found "response_adaptive", and there is one arm, to which everybody goes; leave '
                "[randomisation] out",
                "arms",
            )
            return
        if "control" in rule.model_fields_set:
            yield (
                "randomisation.control",
                f"found {shown(rule.control)}, and no arm is the control; leave it out",
                "arms",
            )
            return
    sharing = len(pieces.arms) - (rule.fixed is not None)
    room = 1.0 - (rule.fixed or 0.0)
    if rule.minimum * sharing > room + 1e-12:
        yield (
            "randomisation.minimum",
            f"found {shown(rule.minimum)}; {sharing} arms share {room:g}, so at most "
            f"{room / sharing:.4g} is expected",
        )
    yield from order_problems(pieces, rule)
