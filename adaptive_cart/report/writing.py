"""The report as files beside the results it tells of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, get_args

from adaptive_cart.errors import InputError, one_of
from adaptive_cart.figures.writing import asked_of
from adaptive_cart.nouns.owned_folder import OwnedFolder
from adaptive_cart.nouns.progress import Progress, silent
from adaptive_cart.report.document import AUDIENCES, Audience, Report
from adaptive_cart.report.exhibit import Exhibit
from adaptive_cart.report.facts import Facts, load_facts, refuse_unread
from adaptive_cart.results.result import Result

Paper = Literal["letter", "a4"]
FORMATS = ("docx", "html", "pdf")


@dataclass
class Written:
    """What was written.

    Attributes
    ----------
    files
        The files, in order.
    draft
        Why the report is a draft; nothing where it is none.
    warnings
        What of a template could not be honoured, which variants cannot be run, and the like.
    """

    files: list[Path] = field(default_factory=list)
    draft: str = ""
    warnings: list[str] = field(default_factory=list)
    items: int = 0
    reported: int = 0
    missing: int = 0

    def words(self) -> str:
        """Say it."""
        lines = [str(path) for path in self.files]
        lines.append(
            f"{self.reported} of {self.items} items are reported, {self.missing} are missing"
        )
        if self.draft:
            lines.append(self.draft)
        return "\n".join(lines)


def write_report(
    result: Result,
    folder: str | Path | None = None,
    *,
    formats: Iterable[str] = FORMATS,
    audiences: Iterable[Audience] = AUDIENCES,
    paper: Paper = "letter",
    reference_docx: str | Path | None = None,
    facts: str | Path | None = None,
    sensitivity_trials: int | None = None,
    exhibits: Sequence[Exhibit] = (),
    progress: Progress = silent,
) -> Written:
    """Write the protocol appendix of a run.

    Parameters
    ----------
    folder
        Where to; the results folder if left out.
    formats
        Some of ``docx``, ``html`` and ``pdf``.
    audiences
        ``open`` writes ``report.*``, ``restricted`` the annex ``report_restricted.*``.
    reference_docx
        A Word document whose styles and page are taken over.
    facts
        A TOML file with what only the sponsor knows.
    sensitivity_trials
        Trials of each variant that is simulated beside the run; 0 for none.
    exhibits
        What was found about the design beside the run: ``ac.exhibit(FOLDER)`` reads a worst case
        or a sweep of the same design.

    Raises
    ------
    InputError
        If something asked for does not exist, or the folder's files are not those of the run;
        nothing is written then.
    """
    from adaptive_cart.report.build import SENSITIVITY_TRIALS, Source
    from adaptive_cart.report.recount import require_untouched

    wanted = asked_of("--format", formats, FORMATS)
    readers = asked_of("--audience", audiences, AUDIENCES)
    if paper not in get_args(Paper):
        raise InputError(f"--paper: found '{paper}'; {one_of(get_args(Paper))} are allowed")
    _require_libraries(wanted)
    _require_same_design(result, exhibits)
    template = None if reference_docx is None else Path(reference_docx)
    if template is not None and "docx" in wanted:
        from adaptive_cart.report.word import require_template

        require_template(template)
    known = None if facts is None else _facts(result, facts)
    progress("report", 0, 1 + len(wanted) * len(readers))
    require_untouched(result)
    number = SENSITIVITY_TRIALS if sensitivity_trials is None else sensitivity_trials
    if number < 0:
        raise InputError(f"--sensitivity-trials: found {number}; 0 or more is expected")
    out = Path(folder) if folder is not None else result.folder
    owned = OwnedFolder(out)
    owned.require_free(f"{_stem(reader)}.{suffix}" for reader in readers for suffix in wanted)
    source = Source(result, known, number, exhibits)
    written = Written(warnings=list(source.evidence.warnings))
    contents: list[tuple[str, bytes]] = []
    for audience in readers:
        report = source.report(audience)  # type: ignore[arg-type]
        written.draft = report.draft
        for suffix in wanted:
            progress("report", 1 + len(contents), 1 + len(wanted) * len(readers))
            content = rendered(report, suffix, paper, template, written.warnings)
            contents.append((f"{_stem(audience)}.{suffix}", content))
    for name, content in contents:  # all of them, or none
        owned.write(name, content)
        written.files.append(out / name)
    findings = source.evidence.trace.findings()
    written.items = len(findings)
    written.reported = sum(f.status == "reported" for f in findings)
    written.missing = sum(f.status == "missing" for f in findings)
    return written


def _stem(audience: str) -> str:
    return "report" if audience == "open" else "report_restricted"


def _facts(result: Result, path: str | Path) -> Facts:
    """Read a file of facts, each of them about something that the report of this run has."""
    from adaptive_cart.report.chapters.assumptions import register_names
    from adaptive_cart.report.chapters.prior_rows import prior_rows
    from adaptive_cart.report.evidence import Evidence

    facts = load_facts(path)
    evidence = Evidence(result, facts, 0)
    priors = [name for name, _ in prior_rows(evidence)]
    refuse_unread(facts, priors, register_names(evidence), path)
    return facts


def _require_same_design(result: Result, exhibits: Sequence[Exhibit]) -> None:
    """Raise an :class:`InputError` where something is told twice, or is of another design."""
    digest = result.manifest["digest"]
    keys = [one.key for one in exhibits]
    wrong = []
    for one in exhibits:
        if keys.count(one.key) > 1:
            wrong.append(f"{one.name}: another of its kind and name is to be told; name one")
        if not one.belongs_to(digest):
            wrong.append(
                f"{one.name}: is of another design than the run, whose fingerprint is {digest}; "
                f"run that command for the design in the results folder (design.toml)"
            )
    if wrong:
        raise InputError("\n".join(dict.fromkeys(wrong)))


def _require_libraries(formats: Iterable[str]) -> None:
    """Raise an :class:`InputError` if a library that a format needs is not installed."""
    needed = {"matplotlib": "matplotlib"}
    if "docx" in formats:
        needed["docx"] = "python-docx"
    if "pdf" in formats:
        needed["typst"] = "typst"
    missing = [package for module, package in needed.items() if find_spec(module) is None]
    if missing:
        raise InputError(
            f"the report needs {', '.join(missing)}: pip install -c constraints.txt -e ."
        )


def rendered(
    report: Report,
    suffix: str,
    paper: Paper = "letter",
    template: Path | None = None,
    warnings: list[str] | None = None,
) -> bytes:
    """A report as the bytes of a file."""
    if suffix == "html":
        from adaptive_cart.report.page import page

        return page(report).encode("utf-8")
    if suffix == "docx":
        from adaptive_cart.report.word import word

        return word(report, paper, template, warnings)
    from adaptive_cart.report.pdf import pdf

    return pdf(report, paper, warnings)
