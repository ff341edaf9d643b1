"""Appendix: commands, checksums and the design file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from adaptive_cart.design.replacing import Change
from adaptive_cart.report.chapter import Chapter
from adaptive_cart.report.document import (
    Block,
    Heading,
    Listing,
    Paragraph,
    Table,
    cells,
    code,
    line,
    paragraph,
    prose,
    row,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import given
from adaptive_cart.results.store import DESIGN


def _set(changes: Mapping[str, Any]) -> Iterator[str]:
    """What was set otherwise, a line a key."""
    for key, change in changes.items():
        yield Change(change["before"], change["after"]).words(key)


def _reproduced(evidence: Evidence) -> list[Block]:
    """Commands, checksums and the design file."""
    manifest = evidence.manifest
    trials = [] if evidence.exact else [f" --trials {max(manifest['trials'].values())}"]
    seed = "" if evidence.exact else f" --seed {manifest['seed']}"
    command = f"adaptive-cart simulate design.toml{''.join(trials)}{seed}"
    text = (evidence.result.folder / DESIGN).read_text(encoding="utf-8")
    sums = [
        row(code(name), given(value, "manifest: checksums"))
        for name, value in manifest.get("checksums", {}).items()
    ]
    evidence.trace.reported(43, "code")
    evidence.trace.reported(44, "code", "random")
    blocks: list[Block] = [
        paragraph(
            "The program is adaptive_cart, version {version}, in Python; its source is text "
            "with comments. These commands make the results and this report again, to the "
            "last bit, on any number of processors:",
            version=given(manifest["version"], "manifest: version"),
        ),
        Listing(text=f"{command} --out results\nadaptive-cart report results"),
    ]
    if sums:
        blocks.append(
            Table(
                key="t-checksums",
                title=line("Checksums (", given("SHA-256", "manifest"), ") of the stored tables"),
                head=cells("File", "Checksum"),
                rows=tuple(sums),
                widths=(1.4, 4.6),
            )
        )
    if manifest.get("set"):
        blocks += [
            Paragraph(
                line=prose(
                    "For this run keys were set otherwise than the design had been written; the "
                    "design file below has them as they were run."
                ),
                audience="restricted",
            ),
            Listing(text="\n".join(_set(manifest["set"])), audience="restricted"),
        ]
    blocks += [
        Heading(text="The design file", key="design-file", level=2, audience="restricted"),
        Listing(text=text.rstrip("\n"), audience="restricted"),
    ]
    return blocks


CHAPTER = Chapter(key="code", title="Code and manifest", sections=(_reproduced,), appendix=True)
