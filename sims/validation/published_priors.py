"""Priors against published numbers: effective sample sizes and a meta-analytic-predictive prior.

    python sims/validation/published_priors.py             # integrals, some seconds
    python sims/validation/published_priors.py --pymc      # the meta-analysis by PyMC beside them

Writes ``published_priors.csv`` beside this file: what was published, what this package finds, and
the difference that is allowed, stated here and not after the fact.

Published numbers are those that the documentation of the R package RBesT prints (version 1.8;
Weber, Li, Seaman, Kakizume and Schmidli 2021, J Stat Softw 100(19), doi:10.18637/jss.v100.i19): the
examples of ``ess``, and the vignette "Getting started with RBesT (binary)", whose data are the
placebo arms of eight trials in ankylosing spondylitis (ASAS20 at week 6; Baeten et al. 2013, Lancet
382:1705).

Allowed: half of the last printed digit where the published number is computed from printed input;
four Monte Carlo standard errors of the published number where it comes from draws (4,000 of them,
thinned, taken to be worth 2,000); for the effective sample size of a mixture that was itself fitted
to draws, 1.5.
"""

from __future__ import annotations

import csv
import math
import sys
from pathlib import Path

import numpy as np

from adaptive_cart.models.binary.beta_binomial import BetaMixture
from adaptive_cart.models.binary.beta_mixture_fit import fitted_mixture
from adaptive_cart.models.binary.effective_sample_size import (
    by_curvature,
    by_moments,
    expected_local_information_ratio,
)
from adaptive_cart.models.binary.robust_map import Heterogeneity, map_predictive, robustified
from adaptive_cart.nouns.historical import Historical

DRAWS = 2000.0
SPONDYLITIS = Historical(
    tuple(f"Study {number}" for number in range(1, 9)),
    (23, 12, 19, 9, 39, 6, 9, 10),
    (107, 44, 51, 39, 139, 20, 78, 35),
)
EXAMPLE = BetaMixture((0.2, 0.8), (1.0, 10.0), (1.0, 2.0))
WEIGHTS = (0.4612914, 0.1917812, 0.1893896, 0.1575378)
PRINTED = BetaMixture(
    tuple(weight / math.fsum(WEIGHTS) for weight in WEIGHTS),
    (33.9513487, 19.4400089, 12.2692310, 2.2521243),
    (103.0146367, 41.5205219, 55.9202833, 5.4812202),
)
MAP = {  # by standard deviation of the half-normal: mean, sd, quantiles; mean and sd of tau
    1.0: (0.255, 0.0864, (0.106, 0.247, 0.461), 0.387, 0.215),
    0.5: (0.259, 0.0776, (0.129, 0.250, 0.442), 0.335, 0.172),
}
QUANTILES = (0.025, 0.5, 0.975)

Row = tuple[str, float, float, float]  # quantity, published, found, allowed


def worth() -> list[Row]:
    """Effective sample sizes of printed mixtures."""
    elir = expected_local_information_ratio
    robust = robustified(PRINTED, 0.2)
    return [
        ("ELIR of Beta(5, 15)", 20.0, elir(BetaMixture.single(5.0, 15.0)), 1e-12),
        ("ELIR of 0.2 Beta(1, 1) + 0.8 Beta(10, 2)", 7.65152, elir(EXAMPLE), 5e-6),
        ("moments of 0.2 Beta(1, 1) + 0.8 Beta(10, 2)", 3.161034, by_moments(EXAMPLE), 5e-7),
        # published with the mode to about eight digits
        ("curvature of 0.2 Beta(1, 1) + 0.8 Beta(10, 2)", 8.487603, by_curvature(EXAMPLE), 2e-6),
        ("ELIR of the printed MAP mixture", 38.0, elir(PRINTED), 0.5),
        ("moments of the printed MAP mixture", 24.0, by_moments(PRINTED), 0.5),
        ("curvature of the printed MAP mixture", 95.0, by_curvature(PRINTED), 0.5),
        ("ELIR of it with 20% Beta(1, 1)", 27.0, elir(robust), 0.5),
    ]


def meta_analysis(between_sd: float) -> list[Row]:
    """The meta-analytic-predictive prior by integrals."""
    found = map_predictive(SPONDYLITIS, Heterogeneity(between_sd=between_sd))
    mean, sd, quantiles, tau, tau_sd = MAP[between_sd]
    name = f"tau ~ half-normal({between_sd:g}): "
    rows = [
        (name + "mean of the MAP prior", mean, found.mean(), 4.0 * found.sd() / DRAWS**0.5),
        (name + "sd of the MAP prior", sd, found.sd(), 4.0 * found.sd() / DRAWS**0.5),
    ]
    for probability, published in zip(QUANTILES, quantiles, strict=True):
        near = found.quantile(probability + 0.005) - found.quantile(probability - 0.005)
        error = math.sqrt(probability * (1.0 - probability) / DRAWS) * near / 0.01
        quantity = f"{name}{100 * probability:g}% quantile of the MAP prior"
        rows.append((quantity, published, found.quantile(probability), 4.0 * error))
    centre = float(found.between @ found.between_weights)
    spread = math.sqrt(float(found.between_weights @ (found.between - centre) ** 2))
    rows.append((name + "mean of tau", tau, centre, 4.0 * spread / DRAWS**0.5))
    rows.append((name + "sd of tau", tau_sd, spread, 4.0 * spread / DRAWS**0.5))
    return rows


def fitted() -> list[Row]:
    """Worth of the mixture fitted here, against that of the one fitted to draws."""
    predictive = map_predictive(SPONDYLITIS)
    fit = fitted_mixture(predictive.rates, predictive.weights)
    elir = expected_local_information_ratio
    return [
        ("ELIR of the mixture fitted here", 38.0, elir(fit.mixture), 1.5),
        ("moments of the mixture fitted here", 24.0, by_moments(fit.mixture), 1.5),
        ("ELIR of it with 20% Beta(1, 1)", 27.0, elir(robustified(fit.mixture, 0.2)), 1.5),
    ]


def by_pymc() -> None:
    """Print the meta-analysis by PyMC beside the integrals."""
    from adaptive_cart.models.sampling import Compiled, fitted_carefully
    from adaptive_cart.priors.map_reference import MapReference

    for between_sd in MAP:
        prior = Heterogeneity(between_sd=between_sd)
        face = MapReference(prior)
        data = face.data(SPONDYLITIS)
        fit, why = fitted_carefully(Compiled(face, data), data, seed=1, draws=2000)
        found = map_predictive(SPONDYLITIS, prior)
        rates = fit.draws["rate"]
        print(f"tau ~ half-normal({between_sd:g}); trouble: {why}")
        print(f"  mean {rates.mean():.4f} (integrals {found.mean():.4f})")
        print(f"  sd   {rates.std():.4f} (integrals {found.sd():.4f})")
        sampled = np.quantile(rates.ravel(), QUANTILES)
        for probability, value in zip(QUANTILES, sampled, strict=True):
            exact = found.quantile(probability)
            print(f"  {100 * probability:g}% {value:.4f} (integrals {exact:.4f})")


def main() -> int:
    """Compare, write the table, and say whether everything is as near as was allowed."""
    rows = [*worth(), *meta_analysis(1.0), *meta_analysis(0.5), *fitted()]
    file = Path(__file__).with_suffix(".csv")
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["quantity", "published", "found", "difference", "allowed", "within"])
        for quantity, published, found, allowed in rows:
            difference = found - published
            within = "yes" if abs(difference) <= allowed else "no"
            # no more digits than are the same on every machine
            numbers = (f"{published:.7g}", f"{found:.6g}", f"{difference:.2g}", f"{allowed:.2g}")
            writer.writerow([quantity, *numbers, within])
    failed = [row for row in rows if abs(row[2] - row[1]) > row[3]]
    for quantity, published, found, allowed in rows:
        mark = " " if abs(found - published) <= allowed else "!"
        print(f"{mark} {quantity:58s} {published:10.6g} {found:10.6g}  allowed {allowed:.2g}")
    if "--pymc" in sys.argv:
        by_pymc()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
