"""Success of a simulated design, counted over the cores: how its trials end, and nothing else.

A search asks many designs how often they succeed. That needs no true values (of a course nearly
half of the time of a small run), no estimate, no pipeline and no file. The count is that of
``simulate`` of the same trials.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence

from adaptive_cart.decisions import SUCCESS
from adaptive_cart.design.design import Design
from adaptive_cart.running.memory import freed_memory_kept
from adaptive_cart.running.simulated_error import endings_in
from adaptive_cart.running.stretches import block_size
from adaptive_cart.running.workers import over_a_cluster, spread, worth_processes


@freed_memory_kept()
def successes(
    design: Design,
    scenarios: Sequence[str],
    seed: int,
    span: tuple[int, int],
    jobs: int | None,
) -> list[int]:
    """How many of some trials succeed, by scenario; the same participants meet all of them.

    Parameters
    ----------
    span
        Numbers of the first trial, and of the one after the last.
    jobs
        Processes; all cores if left out. None are started for what is soon done.
    """
    count = functools.partial(_of_span, design, tuple(scenarios), seed)
    (start, stop), size = span, block_size(design)
    spans = [(first, min(first + size, stop)) for first in range(start, stop, size)]
    found = []
    if not over_a_cluster() and spans:
        began = time.perf_counter()
        found.append(count(spans.pop(0)))
        if not worth_processes((time.perf_counter() - began) * len(spans)):
            jobs = 1
    found += spread(count, spans, jobs)
    return [sum(numbers) for numbers in zip(*found, strict=True)]


def _of_span(
    design: Design, scenarios: tuple[str, ...], seed: int, span: tuple[int, int]
) -> list[int]:
    truths = design.truths
    return endings_in(design, [truths[name] for name in scenarios], SUCCESS, seed, span)
