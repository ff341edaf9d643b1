"""Appendix: every number of the table of measures, and the figures that no chapter shows."""

from __future__ import annotations

from typing import Any

from adaptive_cart.report.chapter import Chapter
from adaptive_cart.report.document import (
    Block,
    Heading,
    Row,
    Table,
    cells,
    code,
    line,
    paragraph,
    row,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.measure_words import measure_words
from adaptive_cart.report.numbers import given
from adaptive_cart.report.pictures import figures_of


def _everything(evidence: Evidence) -> list[Block]:
    """Every number of the table of measures, and the figures that no chapter shows."""
    frame = evidence.result.operating_characteristics
    rows: list[Row] = []
    for scenario in evidence.scenarios:
        here = frame[frame["scenario"] == scenario]
        rows.append(row(code(scenario), *("",) * 6, heading=True))
        for _, entry in here.iterrows():
            where = {name: _place(entry[name]) for name in ("arm", "stratum", "look", "reason")}
            place = ", ".join(
                _place_words(evidence, name, value)
                for name, value in where.items()
                if value is not None
            )
            bound = evidence.cell(scenario, entry["measure"], **where)
            rows.append(
                row(
                    given(measure_words(evidence.design, entry["measure"]), bound.source),
                    code(entry["measure"]),
                    given(place, bound.source),
                    bound.beside_interval(),
                    bound.mcse() if bound.known else "–",
                    bound.interval() or "–",
                    given(bound.figure.n, bound.source) if bound.figure.n is not None else "–",
                )
            )
    return [
        paragraph(
            "Every number of the run with its Monte Carlo standard error and interval. At "
            "full precision they are in {file}.",
            file=code("operating_characteristics.csv"),
        ),
        Table(
            key="t-all",
            title=line("All operating characteristics"),
            head=cells(
                "Measure", "In the file", "Of what", "Estimate", "MCSE", "MC interval", "Trials"
            ),
            rows=tuple(rows),
            align=("left", "left", "left", *("right",) * 4),
            widths=(1.7, 1.3, 1.4, 0.8, 0.75, 1.2, 0.6),
        ),
    ]


def _place_words(evidence: Evidence, kind: str, value: object) -> str:
    """An arm by its label, a look by its number, a reason or a stratum by its name."""
    if kind == "look":
        return f"look {value}"
    if kind == "arm":
        return evidence.design.arm_label(str(value))
    return str(value).replace("_", " ") if kind == "reason" else str(value)


def _place(value: Any) -> Any:
    import pandas as pd

    if value is None or pd.isna(value):
        return None
    return int(value) if not isinstance(value, str) else value


def _more_figures(evidence: Evidence) -> list[Block]:
    found = figures_of(evidence, "all_numbers")
    if not found:
        return []
    return [Heading(text="Further figures", key="more", level=2), *found]


CHAPTER = Chapter(
    key="all", title="All numbers", sections=(_everything, _more_figures), appendix=True
)
