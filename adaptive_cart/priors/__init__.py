"""Priors: what one is worth in participants, where one comes from, and what it claims beforehand.

=========================  ======================================================================
`effective_sample_size`    a beta or beta mixture as a number of participants, by four definitions
`claims`                   what the priors say about a design's rules before any data
`prior_numbers`            a prior in words, with its mean and quantiles
`drawn_trials`             the trials that follow from truths drawn from the priors
`drawn_truths`             what may be true of an endpoint, drawn from its analysis prior
`drawn_events`             events that come again, a few trials busier by far than the others
`wrong_claims`             whether the claim of a trial that succeeds is wrong
`historical`               the table of earlier controls, read from CSV
`robust_map`               the meta-analytic-predictive prior that follows from it, by quadrature
`map_reference`            the same meta-analysis in PyMC
`beta_mixture_fit`         a distribution as the mixture of betas that a design file can hold
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
    from adaptive_cart.priors.claims import prior_claims, prior_predictive
    from adaptive_cart.priors.controls import robust_map_prior
    from adaptive_cart.priors.early_data import early_priors
    from adaptive_cart.priors.effective_sample_size import borrowing, effective_sample_sizes
    from adaptive_cart.priors.robust_map import Heterogeneity

_HOME = {
    "Heterogeneity": "robust_map",
    "borrowing": "effective_sample_size",
    "early_priors": "early_data",
    "effective_sample_sizes": "effective_sample_size",
    "prior_claims": "claims",
    "prior_predictive": "claims",
    "robust_map_prior": "controls",
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
        return getattr(import_module(f"adaptive_cart.priors.{_HOME[name]}"), name)
    raise AttributeError(f"module 'adaptive_cart.priors' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
