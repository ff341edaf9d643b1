"""The protocol appendix of a run: one document model, written as Word, page and PDF.

    result ─► evidence ─► chapters (blocks, every number bound to a cell) ─► open or restricted
           ─► Word (.docx), one page (.html), .pdf

A statistician runs a design and gets the simulation report that ICH M11 asks for as an appendix to
the protocol: what the design is, on what it rests, how it behaves, how sure that is, and which of
the items that guidance asks for it holds. Sponsor, protocol number, rationale of priors and roles
come from a file of facts; while a mandatory item is missing, every page says DRAFT.
"""

from __future__ import annotations

from adaptive_cart.report.writing import FORMATS, Paper, write_report

__all__ = ["FORMATS", "Paper", "write_report"]
