"""Operating characteristics: error, power, stopping, size, time, estimation, Bayesian measures."""

from __future__ import annotations

from adaptive_cart.report.chapters.bayesian import bayesian
from adaptive_cart.report.chapters.estimation import estimation
from adaptive_cart.report.chapters.main_results import main_results
from adaptive_cart.report.chapters.size_and_time import size_and_time
from adaptive_cart.report.chapters.stopping import stopping
from adaptive_cart.report.chapters.type_one_error import type_one_error
from adaptive_cart.report.document import Block, Heading
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.pictures import figures_of


def characteristics(evidence: Evidence) -> list[Block]:
    """All of it, the main table first."""
    return [
        Heading(text="Operating characteristics", key="characteristics"),
        *main_results(evidence),
        *type_one_error(evidence),
        *figures_of(evidence, "characteristics"),
        *stopping(evidence),
        *size_and_time(evidence),
        *estimation(evidence),
        *bayesian(evidence),
    ]
