"""The summary table: what a statistician opens first. Scenarios as rows, nulls first."""

from __future__ import annotations

import math
from typing import Any

from adaptive_cart.run import Result

ORDER = {"null": 0, "alternative": 1, "robustness": 2}


def summary(result: Result) -> str:
    """Lay out the main operating characteristics as plain text, a line a scenario.

    An empty cell is a measure that the engine does not give. The interval of success is the 95%
    Monte Carlo interval.
    """
    table = result.operating_characteristics
    roles = result.manifest["roles"]
    present = [name for name in roles if (table["scenario"] == name).any()]
    present.sort(key=lambda name: ORDER[roles[name]])
    trials = result.manifest["trials"]
    exact = result.manifest["engine"] == "exact"
    header = ["scenario", "role", "success", "" if exact else "95% MC interval", "futility"]
    header += ["safety", "no success"]
    header += ["mean analysed" if exact else "mean N"]
    header += [] if exact else ["mean months", "reversal"]
    header += ["true difference", "bias", "coverage"]
    if not exact:
        header.append("trials")
    rows = []
    for name in present:
        cell = _Cells(result, name)
        row = [name, roles[name], cell.probability("success")]
        row.append("" if exact else cell.interval("success"))
        row += [cell.probability(f"stop_{reason}") for reason in ("futility", "safety")]
        row.append(cell.probability("no_success"))
        row.append(cell.number("n_analysed_mean" if exact else "n_randomised_mean", 1))
        if not exact:
            row += [cell.number("months_mean", 1), cell.probability("reversal")]
        row += [cell.number("estimand", 3), cell.number("bias", 3, sign=True)]
        row.append(cell.probability("coverage"))
        if not exact:
            row.append(f"{trials[name]:,}")
        rows.append(row)
    return _laid_out(header, rows) + "\n" + _footnote(result, exact)


def _footnote(result: Result, exact: bool) -> str:
    manifest = result.manifest
    if exact:
        return "exact: no Monte Carlo error; what depends on calendar time needs --engine simulate"
    failed = result.operating_characteristics.query("measure == 'failed'")["estimate"].max()
    text = (
        f"seed {manifest['seed']}; probabilities to the digits that the Monte Carlo standard error "
        f"allows; MCSE of each number in {result.folder}/operating_characteristics.csv"
    )
    if failed and not math.isnan(failed):
        text += f"\nwarning: in up to {failed:.2%} of trials a posterior could not be computed"
    return text


class _Cells:
    """Figures of one scenario as text, no digit beyond what the Monte Carlo error allows."""

    def __init__(self, result: Result, scenario: str) -> None:
        self.result = result
        self.scenario = scenario

    def _row(self, measure: str) -> Any:
        try:
            return self.result.figure(self.scenario, measure)
        except KeyError:
            return None

    def probability(self, measure: str) -> str:
        row = self._row(measure)
        if row is None or math.isnan(row["estimate"]):
            return ""
        return f"{row['estimate']:.{_digits(row['mcse'])}f}"

    def interval(self, measure: str) -> str:
        row = self._row(measure)
        digits = _digits(row["mcse"])
        return f"{row['lower']:.{digits}f} – {row['upper']:.{digits}f}"

    def number(self, measure: str, digits: int, sign: bool = False) -> str:
        row = self._row(measure)
        if row is None or math.isnan(row["estimate"]):
            return ""
        value = row["estimate"] + 0.0
        return f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"


def _digits(mcse: float) -> int:
    """Decimals of a probability: the last one shown is about the size of a standard error."""
    if mcse == 0.0 or math.isnan(mcse):
        return 4
    return min(max(math.ceil(-math.log10(mcse)), 2), 5)


def _laid_out(header: list[str], rows: list[list[str]]) -> str:
    keep = [k for k in range(len(header)) if header[k] or any(row[k] for row in rows)]
    columns = [[header[k], *(row[k] for row in rows)] for k in keep]
    widths = [max(len(cell) for cell in column) for column in columns]

    def line(cells: list[str]) -> str:
        first = [cell.ljust(width) for cell, width in zip(cells[:2], widths[:2], strict=True)]
        rest = [cell.rjust(width) for cell, width in zip(cells[2:], widths[2:], strict=True)]
        return "  ".join([*first, *rest]).rstrip()

    lines = [line([column[k] for column in columns]) for k in range(len(rows) + 1)]
    rule = "─" * max(len(text) for text in lines)
    return "\n".join([lines[0], rule, *lines[1:], rule])
