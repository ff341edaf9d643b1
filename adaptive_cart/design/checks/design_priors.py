"""Whether a design prior weighs scenarios that there are, and draws values that there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from adaptive_cart.design.checks.pieces import Found, Pieces, unknown
from adaptive_cart.design.design_prior import DesignPrior, draws_of, weights_of, wrong_weights
from adaptive_cart.design.scenario_frame import role_of
from adaptive_cart.design.truth import merged
from adaptive_cart.design.validation import meant, path_to, shown
from adaptive_cart.errors import one_of


def design_priors(pieces: Pieces) -> Found:
    """Whether every weight is one of a scenario, whether they sum to 1, and what is drawn."""
    scenarios = pieces.scenarios if isinstance(pieces.scenarios, dict) else {}
    roles = {n: role_of(n, own) for n, own in scenarios.items() if isinstance(own, dict)}
    for name, prior in pieces.design_prior.items():
        path = path_to("design_prior", name)
        if prior is None:
            continue
        for scenario in prior.weights or {}:
            if scenario not in scenarios:
                own = path_to(path, "weights", scenario)
                yield own, unknown(scenario, "scenarios", scenarios), "scenarios"
        wrong = list(wrong_weights(name, prior, roles))
        for key, message in wrong:
            yield (path_to(path, key) if key else path), message, path_to(path, "weights")
        if not wrong and (prior.draw or prior.early_data):
            yield from _draws(pieces, path, prior, weights_of(name, prior, roles), roles)


def _draws(
    pieces: Pieces, path: str, prior: DesignPrior, weights: dict[str, float], roles: dict[str, str]
) -> Found:
    """Whether every draw is of a value, in some scenario that has a weight."""
    arms = pieces.experimental_names
    early = prior.early_data
    if early is not None and early.arm not in (None, *arms):
        yield path_to(path, "early_data", "arm"), unknown(str(early.arm), "experimental arms", arms)
        return
    if early is not None and early.arm is None and len(arms) != 1:
        message = f"missing; the experimental arms are {one_of(arms)}"
        yield path_to(path, "early_data", "arm"), message, "arms"
        return
    for draw in draws_of(prior, pieces.scenarios, pieces.primary, arms):
        where = path_to(path, *(["draw", draw.path] if draw.path in prior.draw else [draw.path]))
        concerned = [n for n in weights if draw.concerns(n, roles.get(n, ""))]
        if not concerned:
            message = (
                "is drawn in no scenario: those with a weight are of role null, unless the path "
                "begins with one of them"
            )
            yield where, message, path_to(path, "weights")
        for scenario in concerned:
            message = no_value(pieces, scenario, draw.steps)
            if message:
                yield where, f"{message} (scenario {scenario})", path_to("scenarios", scenario)
                break


def no_value(pieces: Pieces, scenario: str, steps: Sequence[str]) -> str:
    """Why there is no number at a path of a scenario; blank where there is one."""
    inner: Any = merged(pieces.truth, pieces.scenarios[scenario])
    for number, step in enumerate(steps):
        if not isinstance(inner, dict) or step not in inner:
            known = list(inner) if isinstance(inner, dict) else []
            there = f"; there are {one_of(known)}" if known else ""
            at = path_to("", *steps[: number + 1])
            return f"no value '{at}'{meant(step, known)}{there}"
        inner = inner[step]
    if isinstance(inner, bool) or not isinstance(inner, int | float):
        return f"found {shown(inner)} at '{path_to('', *steps)}'; a number is expected"
    return ""


def at_the_ends(pieces: Pieces) -> Iterator[tuple[str, tuple[str, ...], float]]:
    """Path of a draw, and where the smallest and the largest of its values stand in the file."""
    roles = {name: role_of(name, own) for name, own in pieces.scenarios.items()}
    for name, prior in pieces.design_prior.items():
        if prior is None:
            continue
        weights = weights_of(name, prior, roles)
        path = path_to("design_prior", name)
        for draw in draws_of(prior, pieces.scenarios, pieces.primary, pieces.experimental_names):
            where = path_to(
                path, *(["draw", draw.path] if draw.path in prior.draw else [draw.path])
            )
            concerned = [n for n in weights if draw.concerns(n, roles[n])]
            for end in draw.dist.reach:
                yield where, ("scenarios", concerned[0], *draw.steps), end
