"""What was typed, read all at once, with every problem of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from adaptive_cart.errors import DesignError, InputError, Problem
from adaptive_cart.optimising.freeing import freed_of
from adaptive_cart.optimising.wanted import numbers_of
from adaptive_cart.sweeps.moving_looks import looks_of


def typed(
    free: Iterable[str],
    looks: str | None,
    weights: Iterable[str],
    power: Iterable[str],
    front: str | None,
) -> dict[str, Any]:
    """Arguments of :func:`adaptive_cart.optimising.optimise.optimise`, by name.

    Raises
    ------
    DesignError
        With every text that is not as expected.
    """
    problems: list[Problem] = []

    def read(what: Callable[[], Any]) -> Any:
        try:
            return what()
        except DesignError as error:
            problems.extend(error.problems)
        except InputError as error:
            problems.append(Problem("", str(error)))
        return None

    found = {
        "free": read(lambda: freed_of(free)),
        "looks": read(lambda: None if looks is None else looks_of(looks)),
        "weights": read(lambda: numbers_of(weights, "--weight")),
        "power": read(lambda: numbers_of(power, "--power")),
        "front": read(lambda: _powers(front)),
    }
    if problems:
        raise DesignError(problems)
    return found


def _powers(text: str | None) -> list[float]:
    try:
        return [float(part) for part in (text or "").split(",") if part.strip()]
    except ValueError:
        raise InputError(
            f"--front: found '{text}'; powers with commas between are expected, such as 0.7,0.8"
        ) from None
