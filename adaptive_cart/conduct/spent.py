"""What rules that spend a type I error have seen so far, and what they are compared with now."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from adaptive_cart.conduct.comparison import Comparison
from adaptive_cart.design.spending import of_comparison, spending_on
from adaptive_cart.nouns.records import Booleans, Floats, Integers

Numbers = Integers | Floats

if TYPE_CHECKING:
    from adaptive_cart.conduct.look_analysis import LookAnalysis
    from adaptive_cart.models.classical.classical_analysis import Tested


class Spent:
    """One comparison's looks in a block of trials.

    Attributes
    ----------
    at
        By look at which it was judged: ``(trial, target)`` what it was compared with.
    """

    def __init__(self, part: Comparison, trials: int) -> None:
        self.part = part
        self.at: dict[int, Floats] = {}
        self._none: Numbers = np.zeros((trials, len(part.targets)), dtype=np.int64)
        self._seen: dict[int, tuple[Numbers, Numbers]] = {}

    def threshold(
        self, analysis: LookAnalysis, look: int, judged: Booleans, last: Booleans
    ) -> Floats:
        """What the rule is compared with at a look, from the numbers of this look and before.

        A look that is held again, as the analysis of a real trial does, takes its own place.

        Parameters
        ----------
        judged, last
            ``(trial,)`` where the rule is judged, and where that is the trial's last look.

        Returns
        -------
        ``(trial, target)``; never reached where there is nothing new to look at.
        """
        design = analysis.plan.design
        spending = self.part.spending
        assert spending is not None
        if design.stays is not None:
            self._none = self._none.astype(np.float64)
        before = [self._seen[at] for at in sorted(self._seen) if at < look]
        self._seen[look] = self._now(analysis, judged, before[-1] if before else None)
        information, reached = (
            np.stack(part) for part in zip(*before, self._seen[look], strict=True)
        )
        threshold = np.full(self._none.shape, np.inf)
        for place, target in enumerate(self.part.targets):
            own = spending if design.stays is None else spending_on(spending, design, target)
            threshold[judged, place] = own.thresholds(
                information[:, judged, place], reached[:, judged, place], last[judged]
            )
        self.at[look] = threshold
        return threshold

    def _now(
        self,
        analysis: LookAnalysis,
        judged: Booleans,
        before: tuple[Numbers, Numbers] | None,
    ) -> tuple[Numbers, Numbers]:
        """Information and what the trial has reached; as before where the rule is not judged.

        Where arms enter or leave, both are the information of the comparison.
        """
        information, reached = (part.copy() for part in before or (self._none, self._none))
        # checked with the design: only a test spends an error
        test = cast("Tested", analysis.posterior(self.part.question.endpoint))
        here = judged[analysis.trials]
        rows = analysis.trials[here]
        for place, target in enumerate(self.part.targets):
            mine: Numbers
            everybody: Numbers
            if analysis.plan.design.stays is None:
                mine, everybody = test.information(target)
            else:
                mine = everybody = of_comparison(test.participants(target))
            information[rows, place], reached[rows, place] = mine[here], everybody[here]
        return information, reached
