"""A design of twelve truths: six nulls, four benefits, and two that differ in nothing but harm.

Arms and endpoints have labels, and a safety rule is judged between looks.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import adaptive_cart as ac

HEAD = """
name = "Twelve scenarios"

[arms.usual]
control = true
label = "Usual immunosuppression"
[arms.cells]
product = "allogeneic"
allocation = 2
label = "Donor CAR-T cells"

[endpoints.free]
type = "landmark"
month = 6
label = "Drug-free remission without glucocorticoids"

[endpoints.icans]
type = "adverse_event"
within_months = 1.0
label = "ICANS grade 3 or higher"

[endpoints.infection]
type = "event_rate"
label = "Serious infection"

[analysis.infection]
model = "gamma_poisson"
prior = { a = 0.5, b = 5.0 }

[enrolment]
max_n = 60
per_month = 5

[looks]
observed = [30, 60]
"""
HARM = """
[[rules]]
name = "icans"
then = "stop_for_safety"
posterior = { endpoint = "icans", arm = "cells", above = 0.10 }
at_least = 0.90
every = 5
"""
RULES = """
[[rules]]
name = "infection"
then = "stop_for_safety"
posterior = { endpoint = "infection", arm = "cells", minus = "usual", above = 0.20 }
at_least = 0.90

[[rules]]
name = "efficacy"
then = "declare_success"
posterior = { endpoint = "free", arm = "cells", minus = "usual", above = 0.0 }
at_least = 0.90

[truth.usual]
remission = { probability = 0.20, onset = { dist = "exponential", median = 2.0 } }
durability = { cured = 1.0 }
rates = { infection = 0.10 }
[truth.cells]
remission = { probability = 0.50, onset = { dist = "exponential", median = 2.0 } }
durability = { cured = 1.0 }
events = { icans = 0.03 }
rates = { infection = 0.12 }
"""
NULLS, BENEFITS, HARMS = (5, 40, 10, 20, 30, 60), (30, 40, 50, 60), (15, 35)


def _scenarios() -> str:
    nulls = [
        f'[scenarios.null_{p:02d}]\nrole = "null"\nusual.remission.probability = {p / 100}\n'
        f"cells.remission.probability = {p / 100}\n"
        for p in NULLS
    ]
    benefits = [
        f"[scenarios.{'expected' if p == 50 else f'better_{p}'}]\n"
        f"cells.remission.probability = {p / 100}\n"
        for p in BENEFITS
    ]
    harms = [
        f'[scenarios.toxic_{p}]\nrole = "robustness"\ncells.events.icans = {p / 100}\n'
        for p in HARMS
    ]
    return "".join([*nulls, *benefits, *harms])


def run(folder: Path, text: str | None = None, trials: int = 60) -> Any:
    """Simulate it."""
    file = folder / "design.toml"
    file.write_text(text or HEAD + HARM + RULES + _scenarios(), encoding="utf-8")
    design = ac.load_design(file)
    return ac.simulate(design, trials=trials, seed=1, jobs=1, out=folder / "out")
