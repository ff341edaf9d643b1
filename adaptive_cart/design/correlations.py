"""The table ``correlation`` of a truth: how two scores of a participant correlate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from adaptive_cart.design.scenario_frame import Frame
from adaptive_cart.design.validation import meant, path_to, shown
from adaptive_cart.errors import one_of
from adaptive_cart.nouns.correlated import Correlated

CORRELATION: Final = "correlation"  # the key


def scores_of(frame: Frame) -> tuple[str, ...]:
    """Names of the scores of a design."""
    return tuple(name for name, e in frame.endpoints.items() if e is not None and e.taken_at())


def read_correlation(
    frame: Frame, where: str, own: Mapping[str, Any], base: Mapping[str, Any]
) -> dict[str, dict[str, float]]:
    """Read what a table says of pairs of scores, laid over another, and tell what is wrong."""
    found = {one: dict(others) for one, others in base.items()}
    before, scores = frame.reported, scores_of(frame)
    for one, others in own.items():
        if not _is_score(frame, path_to(where, one), one):
            continue
        if not isinstance(others, dict):
            wanted = "a table is expected: { OTHER_SCORE = 0.6 }"
            frame.fault(path_to(where, one), f"found {shown(others)}; {wanted}")
            continue
        for other, value in others.items():
            path = path_to(where, one, other)
            if not _is_score(frame, path, other):
                continue
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if one == other:
                frame.fault(path, "a score correlates with itself by 1; two scores are needed")
            elif _said_by(own, other, one) and scores.index(one) > scores.index(other):
                frame.fault(path, f"said twice, also of '{other}' and '{one}'; once is enough")
            elif not number or not -1.0 < value < 1.0:
                wanted = "a number between -1 and 1 is expected, neither of them"
                frame.fault(path, f"found {shown(value)}; {wanted}")
            else:
                found.get(other, {}).pop(one, None)
                found.setdefault(one, {})[other] = float(value)
    known = {one: others for one, others in found.items() if others}
    if frame.reported == before and not Correlated.of(known, scores).possible:
        frame.fault(where, "no scores can correlate like that: not positive definite")
    return known


def _said_by(own: Mapping[str, Any], one: str, other: str) -> bool:
    """Whether the table of one score names another; what is no table is told at its own place."""
    others = own.get(one)
    return isinstance(others, dict) and other in others


def _is_score(frame: Frame, path: str, name: str) -> bool:
    """Whether a name is that of a score; if not, it is told."""
    scores = scores_of(frame)
    if name in scores:
        return True
    if frame.endpoints.get(name, "") is not None:
        frame.fault(path, f"no score of this design{meant(name, scores)}; the scores are "
                    f"{one_of(scores) or 'none'}")  # fmt: skip
    return False
