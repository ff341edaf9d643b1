"""Fits of PyMC to the looks that are verified, and what they took.

A model is compiled once a process. One fit to the data of a look answers all that is asked of them;
where an answer is not known well enough, what is missing is drawn and put behind what there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, TypeAlias

from adaptive_cart.models.base import Reference
from adaptive_cart.models.sampling import Compiled, Fit, fitted_carefully, lengthened

DRAWS: Final = 5_000  # of each of the chains, to begin with
MOST_DRAWS: Final = 125_000
LEAST_MORE: Final = 2_000  # draws of a chain that are worth a warm-up

# by endpoint and data: a fit, and why it is not to be trusted
Fits: TypeAlias = "dict[tuple[str, bytes], tuple[Fit, str | None]]"


@dataclass
class Took:
    """What the fits of a model took.

    Attributes
    ----------
    compiled, compiling
        How often it was compiled, and seconds of processor time of that.
    fits, sampling
        To how many tables of data it was fitted, and seconds of that, likewise.
    draws, effective
        Of all chains; effective are those of the parameter that has the fewest.
    """

    compiled: int = 0
    compiling: float = 0.0
    fits: int = 0
    sampling: float = 0.0
    draws: int = 0
    effective: float = 0.0

    def plus(self, other: Took) -> Took:
        """Both together."""
        return Took(
            **{each.name: getattr(self, each.name) + getattr(other, each.name)
               for each in fields(self)}
        )  # fmt: skip

    def words(self, model: str) -> str:
        """Say it in a line."""
        found = f"{model}: {self.fits} fits in {self.sampling:.0f} s of processor time"
        if self.compiled:
            found += f", compiled {self.compiled} times in {self.compiling:.0f} s"
        if not self.fits:
            return found
        return f"{found}; {self.draws / self.fits:,.0f} draws a fit, " + (
            f"{self.effective / self.fits:,.0f} effective"
        )


TookByModel: TypeAlias = "dict[str, Took]"


def in_all(parts: Iterable[Mapping[str, Took]]) -> TookByModel:
    """What several processes took."""
    found: TookByModel = {}
    for part in parts:
        for model, took in part.items():
            found[model] = found.get(model, Took()).plus(took)
    return found


def written(took: Mapping[str, Took]) -> dict[str, dict[str, float]]:
    """As a table of plain numbers."""
    return {
        model: {name: round(value, 1) for name, value in asdict(own).items()}
        for model, own in sorted(took.items())
    }


def read(table: Mapping[str, Mapping[str, Any]]) -> TookByModel:
    """From what ``written`` made."""
    return {model: Took(**own) for model, own in table.items()}


class Fitting:
    """Compiled models, by reference and form of the data, and what they have taken."""

    def __init__(self) -> None:
        self._compiled: dict[tuple[int, object], Compiled] = {}
        self._took: TookByModel = {}

    def taken(self) -> TookByModel:
        """What was taken since this was asked before."""
        found, self._took = self._took, {}
        return found

    def fit(
        self,
        fits: Fits,
        endpoint: str,
        model: str,
        reference: Reference,
        data: Mapping[str, Any],
        draws: int,
        seed: int,
    ) -> tuple[Fit, str | None]:
        """A fit with so many draws a chain at least: that which there is, lengthened if need be.

        Parameters
        ----------
        fits
            Those of the look so far.
        model
            Its name, by which is told what it took.
        """
        apart = reference.asked_with
        own = (data[name].tobytes() for name in sorted(data) if name not in apart)
        key = endpoint, b"|".join(own)
        took = self._took.setdefault(model, Took())
        before, trouble = fits.get(key, (None, None))
        if before is not None and (draws <= before.length or trouble is not None):
            return before.asked_with(data, apart), trouble
        compiled = self._of(reference, data, took)
        if before is None:
            fits[key] = fitted_carefully(compiled, data, seed=seed, draws=max(draws, DRAWS))
        else:
            length = max(draws, before.length + LEAST_MORE)
            anew = seed + before.length  # another stream of the same look
            as_asked = before.asked_with(data, apart)
            fits[key] = lengthened(compiled, data, as_asked, seed=anew, draws=length)
        _note(took, fits[key][0], before)
        return fits[key]

    def _of(self, reference: Reference, data: Mapping[str, Any], took: Took) -> Compiled:
        form = id(reference), reference.form(data)
        if form not in self._compiled:
            self._compiled[form] = Compiled(reference, data)
            took.compiled += 1
            took.compiling += self._compiled[form].seconds
        return self._compiled[form]


def _note(took: Took, fit: Fit, before: Fit | None) -> None:
    """Add what a fit took more than the one before."""
    chains = next(iter(fit.draws.values())).shape[0]
    took.fits += before is None
    took.sampling += fit.seconds - (0.0 if before is None else before.seconds)
    took.draws += chains * (fit.length - (0 if before is None else before.length))
    took.effective += fit.diagnostics().ess_bulk - (
        0.0 if before is None else before.diagnostics().ess_bulk
    )
