"""The fast posterior against PyMC: how many times faster an answer is, on one core.

    python sims/benchmarks/reference.py [MODEL ...] [--tables 1000] [--fresh 2]

For each model, three ways to a rule's probability for a table of data, in one run on one core:

- fast: a block of new tables, as in a simulation, by the fast face (`beta_binomial` remembers
  tables of counts, and among so many some recur, as they do there)
- refit: the PyMC face compiled once by nutpie and fitted to one table after another, four chains of
  1000 draws after 1000 of warm-up, diagnostics left out
- fresh: `pm.sample` on a new model of each table, the same chains, PyMC's own sampler

Processor time of this process and its children, so that what else the machine does disturbs little.
Ratios travel between machines; seconds do not. The imports and the one compilation are told apart.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
import warnings
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from adaptive_cart.models import ANALYSES
from adaptive_cart.models.base import holds
from adaptive_cart.models.sampling import Compiled
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.summaries import Counts, Durations, Exposure

NORMAL = {"dist": "normal", "mean": 0.0, "sd": 1.5}
PRIORS: dict[str, dict[str, Any]] = {
    "beta_binomial": {"prior": {"a": 1.0, "b": 1.0}},
    "logistic": {
        "prior": {
            "intercept": {"dist": "normal", "mean": -2.0, "sd": 1.0},
            "treatment": NORMAL,
            "stratum": {"dist": "normal", "mean": 0.0, "sd": 0.7},
            "interaction": {"dist": "normal", "mean": 0.0, "sd": 0.7},
        }
    },
    "hierarchical_logistic": {
        "prior": {
            "control_logit": {"dist": "normal", "mean": -2.0, "sd": 1.0},
            "effect_mean": NORMAL,
            "effect_sd": {"dist": "half_normal", "sd": 0.5},
        }
    },
    "piecewise_exponential": {
        "cuts": [6.0, 12.0, 24.0],
        "prior": {
            "baseline": {"a": 0.1, "b": 1.0},
            "log_hazard_ratio": {"dist": "normal", "mean": 0.0, "sd": 2.0},
        },
    },
    "weibull_cure": {
        "prior": {
            "cured": {"dist": "beta", "a": 2.0, "b": 2.0},
            "median_months": {"dist": "lognormal", "median": 12.0, "sigma": 0.7},
            "shape": {"dist": "lognormal", "median": 1.2, "sigma": 0.3},
        }
    },
    "gamma_poisson": {"prior": {"a": 0.5, "b": 5.0}},
}
QUESTIONS = {
    "piecewise_exponential": Question("e", 1, 0, value=1.0, above=False, kind="hazard_ratio"),
    "weibull_cure": Question("e", 1, value=0.5, kind="remaining", month=24.0),
    "gamma_poisson": Question("e", 1, 0, value=0.05),
}
STRATA = {"logistic": 2, "hierarchical_logistic": 3}
PARTICIPANTS = 90


def tables(name: str, number: int) -> Any:
    """As many different tables of 90 participants, two to one."""
    generator = np.random.default_rng(1)
    strata = STRATA.get(name, 1)
    shape = (number, 2, strata)
    if name in ("piecewise_exponential", "weibull_cure"):
        wide = (number, PARTICIPANTS)
        time_to = generator.weibull(1.2, wide) * 14.0
        seen = generator.uniform(3.0, 40.0, wide)
        event = (time_to < seen) & (generator.random(wide) < 0.6)
        arm = np.tile((np.arange(PARTICIPANTS) % 3 > 0).astype(np.int8), (number, 1))
        nothing = np.zeros(shape, dtype=np.int64)
        months = np.where(event, time_to, seen)
        inside, stratum = np.ones(wide, bool), np.zeros_like(arm)
        return Durations(months, event, inside, arm, stratum, nothing, nothing, 1.0 * nothing)
    if name == "gamma_poisson":
        years = generator.uniform(10.0, 60.0, shape)
        return Exposure(generator.poisson(0.2 * years), years, np.full(shape, 40))
    totals = np.empty(shape, dtype=np.int64)
    totals[:, 0] = generator.binomial(PARTICIPANTS // 3, 1.0 / strata, (number, strata))
    totals[:, 1] = generator.binomial(2 * PARTICIPANTS // 3, 1.0 / strata, (number, strata))
    chance = np.array([0.1, 0.4])[None, :, None] * generator.uniform(0.5, 1.5, shape)
    return Counts(generator.binomial(totals, chance), totals, 0 * totals, totals)


def processor_time() -> float:
    """Seconds of this process, its threads and its finished children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def seconds(work: Callable[[], Any]) -> float:
    began = processor_time()
    work()
    return processor_time() - began


def measure(name: str, number: int, fresh: int) -> None:
    arms, strata = ("soc", "cart"), tuple(f"s{s}" for s in range(STRATA.get(name, 0)))
    shares = (1.0 / len(strata),) * len(strata) if strata else (1.0,)
    analysis = ANALYSES[name].model_validate({"model": name, **PRIORS[name]})
    fitted, face = analysis.fitted(arms, shares), analysis.reference(arms, strata, shares)
    question = QUESTIONS.get(name, Question("e", 1, 0, value=0.1))
    summary = tables(name, 2 * number)
    first, second = (summary.rows(np.arange(number) + start) for start in (0, number))
    analysis.posterior(fitted, first, None).probability(question)  # imports, tables of nodes
    fast = seconds(lambda: analysis.posterior(fitted, second, None).probability(question)) / number

    def refit(trial: int) -> None:
        fit = compiled.fit(face.data(second, trial, None, question), seed=trial)
        holds(question, face.quantity(fit.draws, question)).mean()

    began = time.perf_counter()
    compiled = Compiled(face, face.data(first, 0, None, question))
    refit(0)
    compilation = time.perf_counter() - began
    refits = min(number, 20)
    again = seconds(lambda: [refit(trial) for trial in range(refits)]) / refits

    def sample(trial: int) -> None:
        import pymc as pm

        with warnings.catch_warnings(), face.model(face.data(second, trial, None, question)):
            warnings.simplefilter("ignore")
            pm.sample(
                1000, tune=1000, chains=4, cores=1, nuts_sampler="pymc", random_seed=trial,
                target_accept=0.9, progressbar=False, quiet=True, compute_convergence_checks=False,
            )  # fmt: skip

    sample(0)  # its compiled code is then in the cache on disk, which is to its favour
    anew = seconds(lambda: [sample(trial) for trial in range(1, fresh + 1)]) / fresh
    print(
        f"| `{name}` | {1e3 * fast:.3f} | {1e3 * again:.0f} | {1e3 * anew:.0f} | "
        f"{again / fast:,.0f} x | {anew / again:.0f} x | {compilation:.0f} s |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="*", default=list(PRIORS))
    parser.add_argument("--tables", type=int, default=1_000, help="in the block")
    parser.add_argument("--fresh", type=int, default=2, help="fits by pm.sample")
    options = parser.parse_args()
    print(
        "| model | fast, ms | refit, ms | `pm.sample`, ms | refit / fast | `pm.sample` / refit | "
        "to compile |\n|---|---|---|---|---|---|---|"
    )
    for name in options.models:
        measure(name, options.tables, options.fresh)


if __name__ == "__main__":
    main()
