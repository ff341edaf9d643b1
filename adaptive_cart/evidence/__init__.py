"""Published early series, and what they say of the next product: facts to class-level priors.

=============  ====================================================================================
`series`       a row of the table as it was published, and what it counts for
`file`         the table from CSV, whole or refused
`outcomes`     response, relapse, grade 3 harm: the model of each, with its priors
`laws`         how counts arise from a value: binomial, Poisson
`groups`       counts in groups within groups: class, product, disease
`integrals`    the posterior without sampling
`draws`        draws of it, for programmes
`reference`    the same model in PyMC
`findings`     every outcome, after the series and before
`telling`      what they support and what they cannot, in words
=============  ====================================================================================

A table of rows ─► `Record` ─► `Grouped` (an outcome) ─► `Posterior` ─► `Findings` (told), `Draws`.
"""

from __future__ import annotations

from adaptive_cart.evidence.file import read_series
from adaptive_cart.evidence.findings import Findings, learn
from adaptive_cart.evidence.series import Record, Series

__all__ = ["Findings", "Record", "Series", "learn", "read_series"]
