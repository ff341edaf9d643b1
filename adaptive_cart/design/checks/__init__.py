"""Do the parts of a design fit together? Every fault between tables, found in one round.

One idea a file. The checks work on whatever tables could be read, mended if need be, so that one
broken table does not hide the faults of the others; and they are silent about what only follows
from a fault that has been told already.
"""

from __future__ import annotations

from adaptive_cart.design.checks import (
    alpha,
    calibration,
    claims,
    design_priors,
    enrolment,
    external,
    first_part,
    looks,
    periods,
    predictions,
    rules,
    tables,
    truths,
    utilities,
    visits,
)
from adaptive_cart.design.checks.pieces import Pieces
from adaptive_cart.design.checks.truths import frame_of
from adaptive_cart.design.column_names import doubled_columns
from adaptive_cart.design.validation import Faults
from adaptive_cart.errors import Problem

__all__ = ["Pieces", "frame_of", "problems_between"]


def problems_between(pieces: Pieces) -> list[Problem]:
    """Every fault between the tables of a design."""
    found: dict[Problem, None] = {}
    checks = (
        tables.names,
        tables.arms,
        tables.strata,
        tables.endpoints,
        tables.scores_read,
        tables.analyses,
        external.external,
        external.borrowing,
        utilities.utilities,
        enrolment.enrolment,
        visits.visits,
        periods.periods,
        periods.adjusted,
        first_part.first_part,
        looks.looks,
        rules.rules,
        claims.claims,
        alpha.shared,
        alpha.thresholds,
        predictions.early_months,
        predictions.beside_tests,
        looks.stopped_enrolment,
        tables.crossover,
        tables.skeptical,
        calibration.calibration,
        design_priors.design_priors,
        doubled_columns,
    )
    for check in checks:
        for path, message, *grounds in check(pieces):
            follows = any(pieces.faults.touch(ground) for ground in grounds)
            if not follows and not pieces.faults.cover(path):
                found[Problem(path, message)] = None
    between = Faults(problem.path for problem in found)
    found |= dict.fromkeys(truths.scenarios(pieces, between))
    return list(found)
