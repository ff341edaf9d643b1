"""A prior of the design file: its words, mean and quantiles, worth and density, for every page.

Everything is the prior's own, by the special functions of SciPy; a page may draw less of it than
there is, and must not tell the mean of what it draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import numpy as np
from scipy import special

from adaptive_cart.models.binary.beta_mixture import BetaMixture
from adaptive_cart.models.binary.beta_quantile import quantile_of
from adaptive_cart.models.binary.effective_sample_size import effective_sample_sizes
from adaptive_cart.models.rates.gamma_mixture import GammaMixture
from adaptive_cart.nouns.records import Floats

POINTS: Final = 401  # of a density
LARGEST_EXPONENT, WIDEST = 709.0, 300.0  # of e: in a float, and on the axis of a density
TAIL: Final = 0.999  # of a prior without an upper end, as much is shown
EVENLY = 20_000  # quantiles whose mean is taken where there is no formula for a mean


BEYOND = 0.01  # probability of a mixture of gammas beyond what a figure shows


@dataclass(frozen=True)
class PriorNumbers:
    """One prior of one parameter.

    Attributes
    ----------
    words
        As a protocol writes it.
    quantile
        The value below which a share of it lies.
    """

    words: str
    mean: float
    quantile: Callable[[float], float]

    def seen_as(self, scale: Callable[[Any], Any]) -> PriorNumbers:
        """Return the same prior on another scale, which rises with this one."""
        evenly = (np.arange(EVENLY) + 0.5) / EVENLY
        mean = float(scale(np.array([self.quantile(float(share)) for share in evenly])).mean())
        return PriorNumbers(self.words, mean, lambda share: float(scale(self.quantile(share))))


def of_mixture(prior: BetaMixture) -> PriorNumbers:
    """A beta distribution, or a mixture of them."""
    nobody = np.zeros(1, dtype=np.int64)
    return PriorNumbers(
        prior.words,
        prior.mean(),
        lambda share: float(quantile_of((prior,), (nobody, nobody), share)[0]),
    )


def _exponential(x: float) -> float:
    """The exponential of a number, infinite where no float holds it: a prior may be that wide."""
    return math.exp(x) if x < LARGEST_EXPONENT else math.inf


def of_table(given: Mapping[str, Any]) -> PriorNumbers | None:
    """A prior from its table in the design; nothing where its kind is not known.

    A gamma prior is written by its shape ``a`` and rate ``b`` alone.
    """
    kind = given.get("dist", "gamma")
    if kind == "beta":
        return of_mixture(BetaMixture.single(given["a"], given["b"]))
    if kind == "normal":
        mean, sd = given["mean"], given["sd"]
        return PriorNumbers(
            f"Normal({mean:g}, SD {sd:g})".replace("-", "−"),
            mean,
            lambda share: mean + sd * float(special.ndtri(share)),
        )
    if kind == "half_normal":
        sd = given["sd"]
        return PriorNumbers(
            f"Half-normal(SD {sd:g})",
            sd * math.sqrt(2.0 / math.pi),
            lambda share: sd * float(special.ndtri((1.0 + share) / 2.0)),
        )
    if kind == "lognormal":
        median, sigma = given["median"], given["sigma"]
        return PriorNumbers(
            f"Lognormal(median {median:g}, sigma {sigma:g})",
            median * _exponential(sigma**2 / 2.0),
            lambda share: median * _exponential(sigma * float(special.ndtri(share))),
        )
    if kind == "gamma" and {"a", "b"} <= given.keys():
        a, b = given["a"], given["b"]
        return PriorNumbers(
            f"Gamma({a:g}, rate {b:g})",
            a / b,
            lambda share: float(special.gammaincinv(a, share)) / b,
        )
    return None


@dataclass(frozen=True)
class Curve:
    """A prior as it is drawn, and its own numbers, which the drawing does not limit.

    Attributes
    ----------
    density
        At ``x``; of the logarithm where the parameter is a ratio.
    components
        Of a mixture, by name.
    of_logarithm
        Whether the parameter is a ratio, shown on a logarithmic axis.
    """

    x: Floats
    density: Floats
    numbers: PriorNumbers
    effective_sample_size: float | None = None
    components: Mapping[str, Floats] = field(default_factory=dict)
    of_logarithm: bool = False

    @property
    def middle(self) -> str:
        """Which number of :attr:`summary` stands for the middle."""
        return "median" if self.of_logarithm else "mean"

    @property
    def summary(self) -> dict[str, float]:
        """Mean, median and central 95%."""
        low, middle, high = (self.numbers.quantile(p) for p in (0.025, 0.5, 0.975))
        return {"mean": self.numbers.mean, "lower": low, "median": middle, "upper": high}


@dataclass(frozen=True)
class Worth:
    """The data that a prior counts for: a number of participants or events, or events in a time.

    Attributes
    ----------
    digits
        Decimals that are told; nothing for two digits that count.
    time
        Time at risk of the events, with its unit: ``12 months``.
    """

    number: float
    unit: str
    digits: int | None = None
    time: str = ""


@dataclass(frozen=True)
class Prior:
    """A prior of one parameter.

    Attributes
    ----------
    part
        Key below the prior in the design file: an arm, a parameter, or nothing where it is one.
    of_arm
        Whether the part is an arm.
    name, scale
        What a figure calls the parameter and its axis.
    numbers
        Words, mean and quantiles, of the parameter as the model has it.
    curve
        Density and numbers on the scale that a figure shows.
    worth
        Nothing where it is not defined.
    of_planned
        Its worth by all definitions in words, for an arm with so many participants.
    """

    part: str
    name: str
    scale: str
    numbers: PriorNumbers
    curve: Curve
    worth: Worth | None = None
    of_arm: bool = False
    of_planned: Callable[[int], str] | None = None

    @property
    def axis(self) -> tuple[float, float]:
        """From where to where a figure shows it: from 0 on, but for what may lie below."""
        x = self.curve.x
        if self.scale == "probability":
            return 0.0, 1.0
        low = float(x.min())
        return (low if self.curve.of_logarithm or low < 0.0 else 0.0), float(x.max())


def of_arms(arms: Sequence[str], priors: Sequence[BetaMixture]) -> Iterator[Prior]:
    """Priors of probabilities, one of each arm."""
    known: dict[BetaMixture, tuple[PriorNumbers, Curve, Worth | None]] = {}
    for arm, prior in zip(arms, priors, strict=True):
        if prior not in known:
            curve = _mixture(prior)
            size = curve.effective_sample_size
            worth = None if size is None else Worth(size, "participants", 1)
            known[prior] = curve.numbers, curve, worth
        yield Prior(
            arm,
            arm,
            "probability",
            *known[prior],
            of_arm=True,
            of_planned=partial(_in_words, prior),
        )


def _in_words(prior: BetaMixture, planned: int) -> str:
    worth = effective_sample_sizes(prior.most, planned).words()
    return f"at most, as the arm's own data have it, {worth}" if prior.adapts else worth


def of_part(part: str, name: str, scale: str, given: Mapping[str, float]) -> Prior:
    """Prior of a parameter from its table in the design, on a scale that says something.

    Parameters
    ----------
    scale
        That of the figure: a ``probability`` where a logit is normal, a ``hazard ratio`` where its
        logarithm is.
    """
    kind = str(given.get("dist", "gamma"))
    numbers = of_table(given)
    assert numbers is not None
    if kind == "beta":
        curve = _mixture(BetaMixture.single(given["a"], given["b"]))
        return Prior(part, name, scale, numbers, curve, _worth(kind, given, scale))
    if kind == "gamma":
        a, b = given["a"], given["b"]
        x = np.linspace(0.0, 1.0, POINTS + 1)[1:] ** 2 * numbers.quantile(0.99)
        density = np.exp(a * np.log(b) + (a - 1.0) * np.log(x) - b * x - special.gammaln(a))
        curve = Curve(x, density, numbers)
    elif kind == "lognormal":
        median, sigma = given["median"], given["sigma"]
        z = float(special.ndtri(TAIL))
        x = np.linspace(0.0, median * _exponential(min(min(z, 2.6) * sigma, WIDEST)), POINTS + 1)[
            1:
        ]
        curve = Curve(x, _normal(np.log(x), np.log(median), sigma) / x, numbers)
    elif kind == "half_normal":
        x = np.linspace(0.0, 3.3 * given["sd"], POINTS)
        curve = Curve(x, 2 * _normal(x, 0.0, given["sd"]), numbers)
    else:
        curve = _of_normal(scale, given["mean"], given["sd"], numbers)
    return Prior(part, name, scale, numbers, curve, _worth(kind, given, scale))


def of_arm_rates(arms: Sequence[str], priors: Sequence[GammaMixture]) -> Iterator[Prior]:
    """Priors of yearly rates, one of each arm."""
    for arm, prior in zip(arms, priors, strict=True):
        yield replace(of_gammas(arm, prior, "events per year"), of_arm=True)


def of_gammas(part: str, prior: GammaMixture, scale: str) -> Prior:
    """Prior of a rate that is a mixture of gammas."""
    parts = list(zip(prior.weights, prior.a, prior.b, strict=True))
    mean = sum(weight * a / b for weight, a, b in parts)
    heavy = max(weight for weight, *_ in parts)
    most = max(special.gammainccinv(a, 0.01) / b for weight, a, b in parts if weight == heavy)
    while sum(weight * special.gammaincc(a, b * most) for weight, a, b in parts) > BEYOND:
        most *= 1.2
    x = np.linspace(0.0, 1.0, POINTS + 1)[1:] ** 2 * most
    below = np.zeros(POINTS)
    density = np.zeros(POINTS)
    for weight, a, b in parts:
        logs = a * np.log(b) + (a - 1.0) * np.log(x) - b * x - special.gammaln(a)
        density += weight * np.exp(logs)
        below += weight * special.gammainc(a, b * x)
    numbers = PriorNumbers(prior.words, mean, partial(_read_off, x, below))
    return Prior(part, part, scale, numbers, Curve(x, density, numbers))


def _read_off(x: Floats, below: Floats, share: float) -> float:
    return float(np.interp(share, below, x))


def of_draws(name: str, scale: str, words: str, drawn: Floats) -> Prior:
    """Prior that is no distribution of the design file, from draws of what it says of a level."""
    numbers = PriorNumbers(
        words, float(drawn.mean()), lambda share: float(np.quantile(drawn, share))
    )
    below = np.linspace(0.005, 0.995, 100)
    values = np.quantile(drawn, below)
    x = (values[1:] + values[:-1]) / 2.0
    return Prior("", name, scale, numbers, Curve(x, np.diff(below) / np.diff(values), numbers))


def in_order(value: Mapping[str, Any]) -> str:
    """A prior of another kind in words: its numbers as they are written."""
    numbers = [f"{name} {v:g}" for name, v in value.items() if isinstance(v, int | float)]
    return " ".join([str(value.get("dist", "")), *numbers]).strip() or "default"


def _of_normal(scale: str, mean: float, sd: float, numbers: PriorNumbers) -> Curve:
    """Density of a normal parameter, or of the probability or ratio that it is the logarithm of."""
    if scale == "probability":
        x = 0.5 - 0.5 * np.cos(np.linspace(0.05, np.pi - 0.05, POINTS))
        density = _normal(special.logit(x), mean, sd) / (x * (1.0 - x))
        return Curve(x, density, numbers.seen_as(special.expit))
    if scale == "hazard ratio":
        ratio = of_table(
            {"dist": "lognormal", "median": np.exp(min(mean, LARGEST_EXPONENT)), "sigma": sd}
        )
        assert ratio is not None
        reach = min(3.0 * sd, (LARGEST_EXPONENT - abs(mean)) / 2.0)
        x = np.exp(np.linspace(mean - reach, mean + reach, POINTS))
        return Curve(x, _normal(np.log(x), mean, sd), ratio, of_logarithm=True)
    x = np.linspace(mean - 3.3 * sd, mean + 3.3 * sd, POINTS)
    return Curve(x, _normal(x, mean, sd), numbers)


def _worth(kind: str, given: Mapping[str, float], scale: str) -> Worth | None:
    """The data that a prior of a parameter counts for.

    A gamma prior of a rate is worth its shape in events and its rate in time (conjugacy). A log
    hazard ratio has about the variance 4 / events when the arms are equally large (Spiegelhalter,
    Freedman and Parmar 1994, Journal of the Royal Statistical Society A 157:357).
    """
    if kind == "beta":
        return Worth(given["a"] + given["b"], "participants", 1)
    if kind == "gamma":
        unit = scale.rsplit(" ", 1)[-1] + ("" if given["b"] == 1.0 else "s")
        return Worth(given["a"], "events", time=f"{given['b']:g} {unit}")
    if kind == "normal" and scale == "hazard ratio":
        return Worth(4.0 / given["sd"] ** 2, "events")
    return None


def of_logit(prior: Prior, mean: float, sd: float) -> Prior:
    """Return the same with the participants that a normal prior of a control's logit is worth."""
    rate = 1.0 / (1.0 + _exponential(-mean))
    return replace(prior, worth=Worth(1.0 / (sd**2 * rate * (1.0 - rate)), "participants"))


def _mixture(prior: BetaMixture) -> Curve:
    """Density of a mixture of betas, and of its components."""
    # denser towards 0 and 1, where densities may rise without end
    x = 0.5 - 0.5 * np.cos(np.linspace(0.02, np.pi - 0.02, POINTS))
    parts = {
        f"{weight:g} Beta({a:g}, {b:g})": weight * _beta(x, a, b)
        for weight, a, b in zip(prior.weights, prior.a, prior.b, strict=True)
    }
    both = np.sum([*parts.values()], axis=0)
    quoted = None if prior.adapts else effective_sample_sizes(prior).quoted
    return Curve(x, both, of_mixture(prior), quoted, parts if len(parts) > 1 else {})


def _beta(x: Floats, a: float, b: float) -> Floats:
    density: Floats = np.exp(
        special.xlogy(a - 1.0, x) + special.xlog1py(b - 1.0, -x) - special.betaln(a, b)
    )
    return density


def _normal(x: Floats, mean: float, sd: float) -> Floats:
    density: Floats = np.exp(-0.5 * ((x - mean) / sd) ** 2) / (sd * np.sqrt(2.0 * np.pi))
    return density
