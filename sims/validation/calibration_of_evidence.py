"""Simulation-based calibration of the model of early series, both faces.

    python sims/validation/calibration_of_evidence.py [OUTCOME ...] [--face PyMC] [--tables 300]

The groups and sizes are those of ``designs/early_series.csv``; parameters are drawn from the priors
and events given them, here and by NumPy, from the statement in ``adaptive_cart/evidence/outcomes``.
The integrals answer with the probability that a quantity lies below its true value, PyMC with the
rank of the true value among thinned draws; both are uniform where the posterior is right (see
``calibration_of_posteriors.py``). Writes a CSV and a figure an outcome and face into ``--out``.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
import numpy.typing as npt
import uniformity

from adaptive_cart.evidence.file import read_series
from adaptive_cart.evidence.groups import Grouped, grouped
from adaptive_cart.evidence.integrals import posterior
from adaptive_cart.evidence.outcomes import OUTCOMES

TABLE = Path(__file__).parents[2] / "designs" / "early_series.csv"
THIN = 10
Floats = npt.NDArray[np.float64]
Ranks = dict[str, list[float]]


def drawn(shape: Grouped, generator: np.random.Generator) -> tuple[dict[str, float], Grouped]:
    """Parameters from the prior, by name, and series given them."""
    outcome = shape.outcome
    value: Any = generator.normal(*outcome.centre)
    true = {"centre": float(value)}
    ahead = float(value)
    for level, part in enumerate(outcome.levels):
        sd = abs(generator.normal(0.0, part.scale))
        true[f"sd of {part.name}"] = sd
        effects = generator.normal(0.0, sd, len(shape.names[level]))
        if level == 0:
            for group, name in enumerate(shape.names[0]):
                true[name] = float(value + effects[group])
        value = value + effects[shape.member[:, level]]
        ahead += float(generator.normal(0.0, sd))
    true["new"] = ahead
    events = outcome.law.drawn(generator, shape.size, np.asarray(value))
    return true, replace(shape, events=events)


def fast(shape: Grouped, number: int, seed: int) -> tuple[Ranks, int]:
    """Probability that a quantity lies below its true value."""
    generator, found = np.random.default_rng(seed), {}
    for _ in range(number):
        true, data = drawn(shape, generator)
        after = posterior(data)
        curves = {"centre": after.centre, **after.groups, "new": after.new}
        spreads = {
            f"sd of {part.name}": spread
            for part, spread in zip(shape.outcome.levels, after.spreads, strict=True)
        }
        for name, curve in {**curves, **spreads}.items():
            found.setdefault(name, []).append(curve.below(true[name]))
    return found, 0


def pymc(shape: Grouped, number: int, seed: int) -> tuple[Ranks, int]:
    """Rank of the true value among thinned draws, and how many fits are not to be trusted."""
    from typing import cast

    from adaptive_cart.evidence.reference import SeriesReference
    from adaptive_cart.models.base import Reference
    from adaptive_cart.models.sampling import Compiled, fitted_carefully

    generator, found, failed = np.random.default_rng(seed), {}, 0
    reference = SeriesReference(shape.outcome)
    compiled = Compiled(cast(Reference, reference), reference.data(shape))
    for place in range(number):
        true, data = drawn(shape, generator)
        fit, trouble = fitted_carefully(compiled, reference.data(data), seed=seed + place)
        failed += trouble is not None
        draws = {"centre": fit.draws["centre"], "new": fit.draws["new"]}
        for level, part in enumerate(shape.outcome.levels):
            draws[f"sd of {part.name}"] = fit.draws["sd"][..., level]
        for group, name in enumerate(shape.names[0]):
            draws[name] = fit.draws["group"][..., group]
        for name, values in draws.items():
            thinned = values[:, ::THIN]
            below = (thinned < true[name]).sum() + generator.random()
            found.setdefault(name, []).append(float(below / (thinned.size + 1)))
    return found, failed


FACES = {"fast": fast, "PyMC": pymc}


def figure(title: str, ranks: Ranks, path: Path) -> None:
    """Distribution functions of the ranks, less the uniform one, within their 95% bands."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    fig, axis = plt.subplots(figsize=(5.6, 4.4), layout="constrained")
    number = len(ranks["centre"])
    at, lower, upper = uniformity.bands(number)
    axis.fill_between(at, lower - at, upper - at, color="0.88", lw=0, label="95%, simultaneous")
    axis.axhline(0.0, color="0.5", lw=0.8)
    for label, values in ranks.items():
        away = np.searchsorted(np.sort(values), at, side="right") / number - at
        axis.plot(at, away, lw=1.0, label=label)
    axis.set_title(f"{title}: {number:,} tables", fontsize=10)
    axis.set_xlabel("posterior probability below the true value")
    axis.set_ylabel("distribution function − uniform")
    axis.legend(fontsize=6, frameon=False, loc="upper right", ncols=2)
    top = 2.2 * float((upper - at).max())
    axis.set_ylim(-top, top)
    axis.spines[["top", "right"]].set_visible(False)
    fig.savefig(path, dpi=110)
    plt.close(fig)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("outcomes", nargs="*", default=list(OUTCOMES))
    parser.add_argument("--face", choices=list(FACES), default="fast")
    parser.add_argument("--tables", type=int, default=300)
    parser.add_argument("--seed", type=int, default=20261129)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    record = read_series(TABLE)
    for name in options.outcomes:
        began, shape = time.perf_counter(), grouped(record, OUTCOMES[name])
        ranks, failed = FACES[options.face](shape, options.tables, options.seed)
        rows = []
        for quantity, values in ranks.items():
            p = uniformity.p_value(np.array(values))
            rows.append(
                {
                    "outcome": name,
                    "face": options.face,
                    "quantity": quantity,
                    "tables": len(values),
                    "p_uniform": f"{p:.4f}",
                    "inside_bands": str(p >= 0.05).lower(),
                    "failed": failed,
                }
            )
        path = options.out / f"calibration_evidence_{name}_{options.face.lower()}.csv"
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        figure(f"{name}, {options.face}", ranks, path.with_suffix(".png"))
        for row in rows:
            print(" ".join(f"{value!s:>24s}" for value in row.values()))
        print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
