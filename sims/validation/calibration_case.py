"""What a study of calibration is made of: a model with a prior, and how its data are drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from adaptive_cart.models import ANALYSES
from adaptive_cart.nouns.external import External
from adaptive_cart.nouns.questions import Question
from adaptive_cart.nouns.summaries import Summary

Floats = npt.NDArray[np.float64]
Truth = dict[str, Floats]  # by parameter, (dataset, ...)
Generator = np.random.Generator


@dataclass(frozen=True)
class Case:
    """A model with a prior, a way to draw its parameters and data, and questions.

    Attributes
    ----------
    parameters, data
        Draw from the prior, ``(dataset, ...)`` by parameter; and data given them.
    questions
        By label.
    beside
        Names of what is drawn with the parameters and is none of PyMC's.
    true
        True value of what a question is about, ``(dataset,)``, where it is not the parameters' own.
    early
        What each state of a row is worth beforehand, where earlier months count.
    external
        External data by name, where an arm borrows.
    compared
        External data by name that stand behind the arms, where one is compared with them.
    """

    table: dict[str, Any]
    arms: tuple[str, ...]
    strata: tuple[str, ...]
    shares: tuple[float, ...]
    parameters: Callable[[Generator, int], Truth]
    data: Callable[[Generator, Truth], Summary]
    questions: dict[str, Question]
    beside: tuple[str, ...] = ()
    true: Callable[[Question, Truth], Floats] | None = None
    early: float | None = None
    external: dict[str, External] = field(default_factory=dict)
    compared: dict[str, External] = field(default_factory=dict)

    def asked(self, truth: Truth) -> list[str]:
        """Names of the parameters."""
        return [name for name in truth if name not in self.beside]


def faces(case: Case, name: str) -> tuple[Any, Any, Any]:
    """The analysis, its priors, and the model in PyMC."""
    analysis = ANALYSES[case.table.get("model", name)].model_validate({"model": name, **case.table})
    analysis = analysis.told_external(case.external)
    if case.compared:
        analysis = analysis.beside(case.compared, controlled=False)
    analysis = analysis.over_time()
    if case.early is not None:
        analysis = analysis.counting_early(case.early)
    face = analysis.reference(case.arms, case.strata, case.shares)
    return analysis, analysis.fitted(case.arms, case.shares), face
