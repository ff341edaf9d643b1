"""Earlier controls to the robust prior of the next control arm: from their table to the TOML."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from adaptive_cart.errors import DesignError, Problem
from adaptive_cart.models.binary.beta_binomial import BetaMixture
from adaptive_cart.models.binary.beta_mixture_fit import Fit, fitted_mixture, rounded
from adaptive_cart.models.binary.effective_sample_size import (
    EffectiveSampleSizes,
    effective_sample_sizes,
)
from adaptive_cart.models.binary.robust_map import (
    Heterogeneity,
    Predictive,
    map_predictive,
    robustified,
)
from adaptive_cart.models.mixture_fit import ACCURACY
from adaptive_cart.nouns.historical import Historical
from adaptive_cart.priors.historical import read_historical
from adaptive_cart.priors.texts import beta_lines, comment

WEIGHT = 0.2


@dataclass(frozen=True)
class RobustMap:
    """A robust meta-analytic-predictive prior, and what it was made of.

    Attributes
    ----------
    predictive
        Distribution of the new control arm's rate before it is approximated.
    fit
        The mixture of betas nearest to it.
    prior
        The mixture with the vague component, as it is written to the design file, rounded.
    weight
        Of the vague component.
    accuracy
        Largest difference in any probability that the fit was allowed.
    sizes
        Participants that `prior` is worth, by every definition.
    """

    source: str
    historical: Historical
    heterogeneity: Heterogeneity
    predictive: Predictive
    fit: Fit
    prior: BetaMixture
    weight: float
    accuracy: float
    sizes: EffectiveSampleSizes

    def toml(self, endpoint: str = "ENDPOINT", arm: str = "CONTROL") -> str:
        """The lines for a design file, as text; comments say what they rest on."""
        return "\n".join(self._lines(endpoint, arm)) + "\n"

    def __str__(self) -> str:
        return self.toml()

    def _lines(self, endpoint: str, arm: str) -> list[str]:
        data, rates = self.historical, self.predictive
        between = float(rates.between @ rates.between_weights)
        count = len(data.studies)
        studies = "1 study" if count == 1 else f"{count} studies"
        seen = (
            f"Robust prior of a control's rate from {self.source}: {studies}, "
            f"{sum(data.responders)} responders in {sum(data.participants)} participants."
        )
        priors = self.heterogeneity
        model = (
            f"Meta-analytic-predictive: mean {rates.mean():.3f}, 95% interval "
            f"{rates.quantile(0.025):.3f} to {rates.quantile(0.975):.3f}; standard deviation "
            f"between studies on the logit {between:.2f} "
            f"(prior half-normal({priors.between_sd:g}); "
            f"centre normal({priors.centre_mean:g}, {priors.centre_sd:g}))."
        )
        fitted = (
            f"{len(self.fit.mixture.weights)} components; no probability is off by more than "
            f"{self.fit.distance:.3f}. Vague component of weight {self.weight:g}."
        )
        sizes = self.sizes
        plain = not (sizes.open_edge or math.isnan(sizes.information))
        definitions = [
            ("ELIR", sizes.information if plain else math.nan),
            ("ELIR of the log odds", math.nan if plain else sizes.information_on_log_odds),
            ("moments", sizes.moments),
            ("curvature at the mode", sizes.curvature),
        ]
        quoted, *others = [
            f"{value:.1f} by {name}" for name, value in definitions if not math.isnan(value)
        ]
        # the only one that is predictively consistent; see the definitions
        worth = (
            f"Worth, in participants: {quoted}, the one to quote, since it alone grows by one with "
            f"every participant; {' and '.join(others)}, where the vague part counts too much or "
            f"too little"
        )
        if sizes.borrowing is not None:
            added = sizes.borrowing
            worth += (
                f"; {added.borrowed:+.1f} borrowed by {added.participants} participants of whom "
                f"{added.rate:.3f} respond (V1/V2)"
            )
        lines = [*comment(seen), *comment(model), *comment(fitted), *comment(worth + ".")]
        if sizes.borrowing is not None and sizes.borrowing.too_informative:
            lines += comment("Warning: more is borrowed than the arm has participants of its own.")
        return [
            *lines,
            f"[analysis.{endpoint}]",
            'model = "beta_binomial"',
            *beta_lines(self.prior, f"prior.{arm}"),
        ]


def robust_map_prior(
    source: Path | str | Historical,
    *,
    weight: float = WEIGHT,
    vague_mean: float = 0.5,
    heterogeneity: Heterogeneity | None = None,
    accuracy: float = ACCURACY,
    participants: int | None = None,
) -> RobustMap:
    """Robust meta-analytic-predictive prior of a control arm from earlier controls.

    Parameters
    ----------
    source
        A CSV file with the columns study, responders and participants, or the table itself.
    weight
        Of the vague component: the prior probability that earlier trials say nothing about this
        one.
    vague_mean
        Mean of the vague component, which is worth two participants.
    heterogeneity
        Priors of the meta-analysis.
    accuracy
        Largest difference in any probability that the mixture of betas may make.
    participants
        Planned in the control arm, for what is borrowed.

    Raises
    ------
    DesignError
        With every problem of the table and of the numbers, or if no mixture comes as near as was
        asked.
    """
    problems = []
    if not 0.0 <= weight < 1.0:
        problems.append(Problem("--weight", f"found {weight:g}; from 0 to less than 1 is expected"))
    if not 0.0 < vague_mean < 1.0:
        problems.append(
            Problem("--vague-mean", f"found {vague_mean:g}; between 0 and 1 is expected")
        )
    if not 0.0 < accuracy < 1.0:
        problems.append(Problem("--accuracy", f"found {accuracy:g}; between 0 and 1 is expected"))
    if problems:
        raise DesignError(problems)
    historical = source if isinstance(source, Historical) else read_historical(Path(source))
    name = "earlier controls" if isinstance(source, Historical) else str(source)
    used = heterogeneity or Heterogeneity()
    predictive = map_predictive(historical, used)
    fit = fitted_mixture(predictive.rates, predictive.weights, accuracy, cells=predictive.cells)
    prior = rounded(robustified(fit.mixture, weight, vague_mean))
    sizes = effective_sample_sizes(prior, participants)
    _refuse_what_contradicts_itself(fit, accuracy, sizes)
    return RobustMap(name, historical, used, predictive, fit, prior, weight, accuracy, sizes)


def _refuse_what_contradicts_itself(fit: Fit, accuracy: float, sizes: EffectiveSampleSizes) -> None:
    """Print no prior of which its own checks say that it is not what it claims to be."""
    problems = []
    if not fit.distance <= accuracy:
        enough = math.ceil(100.0 * fit.distance) / 100.0
        message = (
            f"found {accuracy:g}; with {len(fit.mixture.weights)} betas some probability is still "
            f"off by {fit.distance:.3f}"
        )
        if enough < 1.0:
            message += f"; type --accuracy {enough:g} to have that prior all the same"
        problems.append(Problem("--accuracy", message))
    found = (sizes.information, sizes.information_on_log_odds, sizes.moments, sizes.curvature)
    shown = found[1:] if sizes.open_edge else found
    if any(value < 0.0 or math.isinf(value) for value in shown):
        message = (
            "the prior is so sharp that what it is worth in participants cannot be worked out; are "
            "the numbers of participants right?"
        )
        problems.append(Problem("", message))
    if problems:
        raise DesignError(problems)
