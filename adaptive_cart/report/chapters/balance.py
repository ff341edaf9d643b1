"""How external participants of a table were weighted to those whom the trial expects."""

from __future__ import annotations

from collections.abc import Iterable

from adaptive_cart.nouns.balance_words import balance_rows
from adaptive_cart.report.document import (
    Block,
    Reference,
    Table,
    cells,
    code,
    line,
    paragraph,
    row,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import given, rounded

SHOWN = 3  # decimals of means and differences


def balance(evidence: Evidence, names: Iterable[str]) -> list[Block]:
    """A sentence and a table for each of the external data that are a table of participants."""
    blocks: list[Block] = []
    for name in names:
        data = evidence.design.external[name]
        found, rows = data.balance, balance_rows(data)
        if found is None:
            continue
        key, source = f"t-balance-{name}", f"design: external.{name}"
        blocks.append(
            paragraph(
                "The participants of {name} are weighted so that the means of their covariates are "
                "those that the trial expects, by the weights that differ least from equal ones "
                "(entropy balancing). Of {number} participants {effective} are "
                "left in effect (Kish), and so many count. {table} shows the balance; a "
                "standardised difference is that from the target, by the standard deviation of the "
                "participants as they are. That the weights are estimated enters no interval.",
                name=code(name),
                number=given(len(found.weights), f"{source}.rows"),
                effective=rounded(found.effective, 1, source),
                table=Reference(key),
            )
        )
        blocks.append(
            Table(
                key=key,
                title=line("Balance of the covariates of ", code(name)),
                head=cells("Covariate", "Mean", "Weighted", "Target", "Difference", "It leaves"),
                rows=tuple(
                    row(
                        code(one.covariate),
                        rounded(one.before, SHOWN, source),
                        rounded(one.after, SHOWN, source),
                        given(one.target, f"{source}.target"),
                        rounded(one.away, SHOWN, source),
                        rounded(abs(one.left), SHOWN, source),
                    )
                    for one in rows
                ),
                align=("left", "right", "right", "right", "right", "right"),
            )
        )
    return blocks
