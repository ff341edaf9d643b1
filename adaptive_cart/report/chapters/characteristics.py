"""Operating characteristics: error, power, stopping, size, time, estimation, Bayesian measures."""

from __future__ import annotations

from adaptive_cart.report.chapter import Chapter
from adaptive_cart.report.chapters.adjusted import adjusted
from adaptive_cart.report.chapters.ahead import ahead
from adaptive_cart.report.chapters.as_observed import as_observed
from adaptive_cart.report.chapters.averages import averages
from adaptive_cart.report.chapters.bayesian import bayesian
from adaptive_cart.report.chapters.borrowing import borrowing
from adaptive_cart.report.chapters.costs import costs
from adaptive_cart.report.chapters.estimation import estimation
from adaptive_cart.report.chapters.main_results import main_results
from adaptive_cart.report.chapters.size_and_time import size_and_time
from adaptive_cart.report.chapters.stopping import stopping
from adaptive_cart.report.chapters.type_one_error import type_one_error
from adaptive_cart.report.document import Block
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.pictures import figures_of


def _figures(evidence: Evidence) -> list[Block]:
    return figures_of(evidence, "characteristics")


CHAPTER = Chapter(
    key="characteristics",
    title="Operating characteristics",
    sections=(
        main_results,
        type_one_error,
        as_observed,
        _figures,
        stopping,
        size_and_time,
        costs,
        borrowing,
        estimation,
        adjusted,
        bayesian,
        averages,
        ahead,
    ),
)
