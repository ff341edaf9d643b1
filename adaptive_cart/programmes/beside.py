"""A programme with published early series beside the same programme without them.

Both have the same seed, so that which candidates work, and what becomes of whom, follow from the
same uniforms: what differs is what working candidates draw.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

import numpy as np

from adaptive_cart.evidence.findings import Findings
from adaptive_cart.evidence.telling import cannot, counted
from adaptive_cart.programmes.law import CandidateLaw
from adaptive_cart.programmes.learned import RESPONSE, LawOfSeries
from adaptive_cart.programmes.measured import HOLD_UP
from adaptive_cart.programmes.result import ProgrammeResult
from adaptive_cart.programmes.telling import WIDTH, number, percent, points

WITH = "with_evidence"  # folder of the programme with the series, in that without
SHOWN = 2_000  # portfolios from which it is told what candidates draw
ROWS = (
    ("candidates that go on", ("number_go", "portfolio"), number),
    ("candidates that succeed", ("number_succeed", "portfolio"), number),
    ("candidates that hold up", (f"number_{HOLD_UP}", "portfolio"), number),
    ("P(go on | works)", ("P(go)", "work"), percent),
    ("P(succeed | goes on)", ("P(succeed)", "go"), percent),
    ("P(works | success)", ("P(work)", "succeed"), percent),
    ("P(works | stopped early)", ("P(work)", "no_go"), percent),
    ("early result overstates, who go on", ("early_overstated", "go"), points),
    ("early result overstates, all", ("early_overstated", "all"), points),
    ("participants of a portfolio", ("participants", "portfolio"), number),
)


def beside(without: ProgrammeResult, found: ProgrammeResult, findings: Findings) -> str:
    """Say what the series replaced, what that changes, and what they cannot say."""
    law = found.programme.law
    assert isinstance(law, LawOfSeries)
    lines = [*_paragraph(_replaced(law, findings)), "", *_drawn(law), ""]
    lines += [f"{'':38s}{'as the file says':>28s}{'with the series':>28s}"]
    for label, key, told in ROWS:
        if key in without.measures and not np.isnan(without.measures[key].estimate):
            pair = (told(run.measures[key]) for run in (without, found))
            lines.append(f"{label:38s}" + "".join(f"{text:>28s}" for text in pair))
    lines += ["", "What the series cannot say:"]
    for sentence in cannot(findings):
        lines += textwrap.wrap(
            sentence + ".", WIDTH, initial_indent="  - ", subsequent_indent="    "
        )
    return "\n".join(lines) + "\n"


def _paragraph(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def _replaced(law: LawOfSeries, findings: Findings) -> str:
    about = ".".join(law.about)
    known = [name for name in law.classes if name in law.draws.groups]
    new = [name for name in law.classes if name not in law.draws.groups]
    told = (
        f"With the series of {findings.record.source}. "
        f"{counted(findings.record, findings.found[RESPONSE])} A working candidate's {about}, and "
        "how far classes and products differ, are drawn from their posterior"
    )
    if law.selected:
        told += f", less the {law.selected:g} by which participants of early trials are selected"
    told += ". "
    if known:
        told += f"Series are of {', '.join(known)}. "
    if new:
        told += f"No series that counts is of {', '.join(new)}: drawn as a class not in the table. "
    return told + "How many candidates work is drawn as the file says."


def _drawn(law: LawOfSeries) -> Iterator[str]:
    """What a working candidate draws, by class: median and the middle 95%."""
    yield f"{'.'.join(law.about):38s}{'as the file says':>28s}{'with the series':>28s}"
    pair = [_quantiles(one, law) for one in (law.file, law)]
    for place, name in enumerate(law.classes):
        texts = (f"{middle:.2f} ({low:.2f} to {high:.2f})" for low, middle, high in
                 (one[place] for one in pair))  # fmt: skip
        yield f"  {name:36s}" + "".join(f"{text:>28s}" for text in texts)


def _quantiles(law: CandidateLaw, of: LawOfSeries) -> list[tuple[float, float, float]]:
    drawn = law.draw(0, 0, SHOWN)
    values = drawn.values[of.about]
    found = []
    for place in range(len(law.classes)):
        low, middle, high = np.quantile(values[drawn.of_class == place], (0.025, 0.5, 0.975))
        found.append((float(low), float(middle), float(high)))
    return found
