"""``beta_binomial`` where ``[prediction.ENDPOINT]`` has ``counts = "all"``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from adaptive_cart.models.base import AnalysisBase, Posterior, Reference, Statement
from adaptive_cart.models.binary.beta_binomial_analysis import BetaBinomialAnalysis
from adaptive_cart.models.binary.early_counts import EarlyCountsPosterior
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.records import Booleans
from adaptive_cart.nouns.summaries import EarlyCounts, Summary

if TYPE_CHECKING:
    from adaptive_cart.models.binary.beta_binomial import BetaBinomial


class EarlyBetaBinomialAnalysis(BetaBinomialAnalysis):
    """Independent binomial arms in which who has not reached the month counts by a state.

    ``early_prior`` is what each state of a row of the chain is worth beforehand.
    """

    early_prior: float

    title: ClassVar[str] = "Independent binomial arms, with those who have not reached the month"
    statements: ClassVar[tuple[Statement, ...]] = (
        *BetaBinomialAnalysis.statements,
        Statement(
            r"y_k = x_k + r_k",
            "Responders y in arm k are those seen, x, and those who will respond among the "
            "participants who wait, r, by their states w at the last month reached. The chain's "
            "rows are Dirichlet, learned in the arm from those seen at two neighbouring months, "
            "and know nothing of theta: the posterior of theta is averaged over the law of r.",
        ),
    )
    answers: ClassVar[tuple[str, ...]] = EarlyCountsPosterior.closed
    answered_by: ClassVar[type[Posterior]] = EarlyCountsPosterior
    of_tables: ClassVar[bool] = False
    of_two_counts: ClassVar[bool] = False

    def counting_early(self, prior: float) -> AnalysisBase:
        return self

    def error(
        self, fitted: BetaBinomial, question: Question, participants: tuple[int, ...]
    ) -> float:
        return self.answered_by.error(question)

    def posterior(
        self, fitted: BetaBinomial, summary: Summary, open_strata: Booleans | None
    ) -> Posterior:
        if not isinstance(summary, EarlyCounts):  # a table in which nobody waits
            return super().posterior(fitted, summary, open_strata)
        return EarlyCountsPosterior(
            fitted, np.asarray(summary.successes), np.asarray(summary.totals), open_strata,
            summary.early, self.early_prior,
        )  # fmt: skip

    def reference(
        self, arms: tuple[str, ...], strata: tuple[str, ...], shares: tuple[float, ...]
    ) -> Reference:
        from adaptive_cart.models.binary.early_counts_reference import EarlyBetaBinomialReference

        return EarlyBetaBinomialReference(self.fitted(arms, shares), arms, self.early_prior)
