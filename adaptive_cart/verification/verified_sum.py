"""What the rows of a verification say in sum, and how it is told.

A difference larger than 0.01 (or the error that a model states) and larger than 4 Monte Carlo
standard errors fails it, and so do chains not to be trusted in more than one fit in twenty.
Tests are compared with other code, and may differ by a millionth. Estimates are compared beside
(:mod:`adaptive_cart.verification.verified_estimates`), and fail it likewise.
What is not verified is named, and so is what was compared fewer than :data:`LEAST` times.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from adaptive_cart.conduct.plan import Plan
from adaptive_cart.models.base import Posterior
from adaptive_cart.results.figure import proportion
from adaptive_cart.verification.verified_estimates import (
    LARGEST_OF_MEAN,
    MEAN,
    beside_labels,
)
from adaptive_cart.verification.verified_fits import read
from adaptive_cart.verification.verified_looks import not_verified
from adaptive_cart.verification.verified_row import (
    ERRORS,
    LARGEST_DIFFERENCE,
    LARGEST_OF_TEST,
    PYMC,
    Row,
    label_of,
)

LEAST_ERROR: Final = 1e-4
MOST_UNTRUSTED: Final = 0.05  # of the fits
LEAST: Final = 5  # comparisons of a rule; fewer verify nothing


def labels_of(plan: Plan) -> list[str]:
    """Everything that is to be compared, a rule's last looks of completed trials among it."""
    found = []
    for part in plan.parts:
        if not_verified(plan, part) is not None:
            continue
        found.append(label_of(part.name, False))
        if part.prediction is not None:
            rule = next(rule for rule in plan.rules if rule.name == part.prediction.rule)
            found += [label_of(to_come.name, True) for to_come in rule.parts]
    return list(dict.fromkeys([*found, *beside_labels(plan)]))


def summarised(
    rows: Sequence[Row],
    labels: Sequence[str] = (),
    unreached: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """What the rows say in sum; differences are of fits that are to be trusted.

    A number that neither side has is none, and nothing of it has been compared.

    Parameters
    ----------
    labels
        All that is to be compared.
    unreached
        What PyMC has no answer to, and why.
    """
    rows = [row for row in rows if row.had]
    by_chains = [row for row in rows if row.by == PYMC]
    every = [row for row in rows if row.trusted and not math.isnan(row.difference)]
    trusted = [row for row in every if row.asked]
    away = np.array([row.away for row in trusted])
    differing = [row for row in trusted if row.differs]
    share = proportion(len(differing), len(trusted)) if trusted else None
    untrusted = [row for row in rows if not row.trusted]
    beyond = [row for row in rows if row.failed]
    # in standard errors, where there is one to speak of; 1 is what draws alone would give
    errors = [row.difference / row.mcse for row in every if row.mcse / row.unit > LEAST_ERROR]
    too_few = len(untrusted) > MOST_UNTRUSTED * len(by_chains)
    largest = trusted[int(away.argmax())] if trusted else None
    compared = Counter(row.label for row in every)
    left = dict(unreached) | {
        name: _too_few(compared[name]) for name in labels if compared[name] < LEAST
    }
    failed = bool(beyond) or too_few or not trusted
    return {
        "looks_verified": len({row.key for row in rows}),
        "probabilities": sum(row.asked for row in rows),
        "beside": sum(not row.asked for row in rows),
        "by_other_code": len(rows) - len(by_chains),
        "largest_difference": None if largest is None else float(away.max()),
        "largest_at": None
        if largest is None
        else {
            name: getattr(largest, name)
            for name in ("scenario", "trial", "look", "between", "rule")
        },
        "centile_99_of_difference": float(np.quantile(away, 0.99)) if trusted else None,
        "median_mcse": _median([row.mcse for row in trusted if row.by == PYMC]),
        "rms_difference_in_mcse": float(np.sqrt(np.mean(np.square(errors)))) if errors else None,
        "mean_difference_in_mcse": float(np.mean(errors)) if errors else None,
        "by_rule": {
            name: max(row.away for row in every if row.label == name)
            for name in dict.fromkeys(row.label for row in every)
        },
        "compared": dict(compared),
        "not_verified": left,
        "decisions_differing": len(differing),
        "share_differing": None if share is None else share.estimate,
        "share_differing_lower": None if share is None else share.lower,
        "share_differing_upper": None if share is None else share.upper,
        "differing_within_4_mcse_of_threshold": sum(row.near for row in differing),
        "largest_r_hat": max((row.r_hat for row in by_chains), default=None),
        "smallest_ess_bulk": min((row.ess_bulk for row in by_chains), default=None),
        "probabilities_not_trusted": len(untrusted),
        "fast_posterior_failed": sum(math.isnan(row.fast) for row in rows),
        "differences_too_large": len(beyond),
        "failed": failed,
        "verdict": "failed" if failed else "passed in part" if left else "passed",
    }


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None


def _what(summary: Mapping[str, Any]) -> str:
    """What was compared with what, in words."""
    tests = summary["by_other_code"]
    found = []
    if summary["probabilities"] + summary["beside"] > tests:
        found.append("fast posterior against PyMC")
    if tests:
        found.append(f"{tests} of them tests against other code")
    return ", ".join(found)


def _too_few(number: int) -> str:
    return f"compared {number} times, {LEAST} are the least" if number else "never compared"


def told(summary: Mapping[str, Any]) -> Iterator[str]:
    """Lines of the summary in words."""
    yield (
        f"{summary['probabilities']} probabilities and {summary['beside']} estimates at "
        f"{summary['looks_verified']} looks, {_what(summary)}"
    )
    if summary["largest_difference"] is not None:
        at, error = summary["largest_at"], summary["median_mcse"]
        yield (
            f"  difference    largest {_said(summary['largest_difference'])}, 99% below "
            f"{_said(summary['centile_99_of_difference'])}"
            + ("" if error is None else f"; standard error of PyMC {error:.4f} (median)")
        )
        yield (
            f"                the largest: {at['rule']}, look {at['look']} of trial {at['trial']} "
            f"of {at['scenario']}"
        )
        if summary["rms_difference_in_mcse"] is not None:
            yield (
                f"                in standard errors: root mean square "
                f"{summary['rms_difference_in_mcse']:.2f}, mean "
                f"{summary['mean_difference_in_mcse']:+.2f} (chance alone: 1 and 0)"
            )
        yield (
            f"  decisions     {summary['decisions_differing']} differ "
            f"({100 * summary['share_differing']:.1f}%, 95% interval "
            f"{100 * summary['share_differing_lower']:.1f}% to "
            f"{100 * summary['share_differing_upper']:.1f}%), "
            f"{summary['differing_within_4_mcse_of_threshold']} of them within "
            f"{ERRORS:g} standard errors of the threshold"
        )
    if summary["largest_r_hat"] is not None:
        yield from _chains(summary)
    for model, took in read(summary.get("fits_of_pymc", {})).items():
        yield f"  PyMC          {took.words(model)}"
    if summary["fast_posterior_failed"]:
        yield f"  fast          failed: {summary['fast_posterior_failed']}"
    for name, number in summary["compared"].items():
        unit = " posterior standard deviations" if name.endswith(f", {MEAN}") else ""
        largest = _said(summary["by_rule"][name])
        yield f"  {name}: {number} compared, largest difference {largest}{unit}"
    for name, why in summary["not_verified"].items():
        yield f"  NOT VERIFIED  {name}: {why}"
    yield _verdict(summary)


def _said(difference: float) -> str:
    """A difference as it is printed: of tests there are but last digits."""
    return f"{difference:.4f}" if difference >= 0.5e-4 or difference == 0.0 else f"{difference:.0e}"


def _chains(summary: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"  chains        largest R-hat {summary['largest_r_hat']:.4f}, smallest bulk ESS "
        f"{summary['smallest_ess_bulk']:.0f}, not to be trusted: "
        f"{summary['probabilities_not_trusted']}"
    )


def _verdict(summary: Mapping[str, Any]) -> str:
    allowed = (
        f"beyond {LARGEST_DIFFERENCE} (or the model's stated error, where larger) and beyond "
        f"{ERRORS:g} standard errors"
    )
    if summary["by_other_code"]:
        allowed += f", of tests beyond {LARGEST_OF_TEST:g}"
    if summary["beside"] and summary["largest_r_hat"] is not None:
        allowed += (
            f";\nof posterior means beyond {LARGEST_OF_MEAN:g} posterior standard deviations, of "
            f"the probability beyond a limit {Posterior.limit_error:g} (or what the model states)"
        )
    if summary["differences_too_large"]:
        return f"FAILED: {summary['differences_too_large']} differences {allowed}"
    if summary["failed"]:
        return "FAILED: too many fits are not to be trusted"
    if summary["not_verified"]:
        left = summary["not_verified"]
        every = len({*summary["compared"], *left})
        return (
            f"passed in part, {len(left)} of {every} NOT VERIFIED; of the others no difference "
            f"{allowed}"
        )
    return f"passed: no difference {allowed}"
