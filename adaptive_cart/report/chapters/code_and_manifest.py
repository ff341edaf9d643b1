"""Appendix: commands, checksums and the design file."""

from __future__ import annotations

from adaptive_cart.report.chapter import Chapter
from adaptive_cart.report.document import (
    Block,
    Heading,
    Listing,
    Table,
    cells,
    code,
    line,
    paragraph,
    row,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.numbers import given
from adaptive_cart.results.store import DESIGN


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
    blocks += [
        Heading(text="The design file", key="design-file", level=2, audience="restricted"),
        Listing(text=text.rstrip("\n"), audience="restricted"),
    ]
    return blocks


CHAPTER = Chapter(key="code", title="Code and manifest", sections=(_reproduced,), appendix=True)
