"""Priors: what one is worth in participants, where one comes from, and what it claims beforehand.

=========================  ======================================================================
`claims`                   what the priors say about a design's rules before any data
`drawn_trials`             the trials that follow from truths drawn from the priors
`drawn_events`             events that come again, a few trials busier by far than the others
`wrong_claims`             whether the claim of a trial that succeeds is wrong
`historical`               the table of earlier controls, read from CSV
`map_reference`            the same meta-analysis in PyMC
`controls`                 all of it in one step: earlier controls to the lines of a design file
`durability_prior`         relapse times of an early trial to the priors of ``weibull_cure``
`early_data`               participants of an early trial to the lines of a design file
`texts`                    priors as those lines
=========================  ======================================================================
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adaptive_cart.models.binary.effective_sample_size import borrowing, effective_sample_sizes
    from adaptive_cart.models.binary.robust_map import Heterogeneity
    from adaptive_cart.priors.claims import prior_claims, prior_predictive
    from adaptive_cart.priors.controls import robust_map_prior
    from adaptive_cart.priors.early_data import early_priors

_HOME = {
    "Heterogeneity": "adaptive_cart.models.binary.robust_map",
    "borrowing": "adaptive_cart.models.binary.effective_sample_size",
    "early_priors": "adaptive_cart.priors.early_data",
    "effective_sample_sizes": "adaptive_cart.models.binary.effective_sample_size",
    "prior_claims": "adaptive_cart.priors.claims",
    "prior_predictive": "adaptive_cart.priors.claims",
    "robust_map_prior": "adaptive_cart.priors.controls",
}

__all__ = [
    "Heterogeneity",
    "borrowing",
    "early_priors",
    "effective_sample_sizes",
    "prior_claims",
    "prior_predictive",
    "robust_map_prior",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'adaptive_cart.priors' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
