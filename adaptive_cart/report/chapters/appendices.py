"""Verification, code and manifest, traceability, and all numbers."""

from __future__ import annotations

from adaptive_cart.report.chapters.examples import all_replayed
from adaptive_cart.report.document import (
    Block,
    Heading,
    Items,
    Line,
    Listing,
    Paragraph,
    Reference,
    Row,
    Table,
    cells,
    code,
    line,
    listed,
    prose,
    row,
)
from adaptive_cart.report.evidence import Evidence
from adaptive_cart.report.measure_words import measure_words
from adaptive_cart.report.numbers import Kind, given
from adaptive_cart.report.pictures import figures_of
from adaptive_cart.report.recount import recounted
from adaptive_cart.report.tracing import guidance
from adaptive_cart.results.store import DESIGN

ACCURACY = 40  # number of the item on how exactly posteriors are computed
SHOWN: dict[str, Kind] = {"bias": "difference", "estimand": "true", "true": "true"}


def verification(evidence: Evidence) -> list[Block]:
    """What was checked for this report."""
    found = recounted(evidence.result)
    good, told = all_replayed(evidence)
    lines: list[Line] = [
        prose(
            "Results folder: manifest, design, trials and looks agree with each other and with "
            "the checksums that the run wrote."
        )
    ]
    if found.counted:
        lines.append(
            prose(
                "Counted again: {counted} numbers of the table of measures were counted a second "
                "time from the stored trials by other code; {different}.",
                counted=given(found.counted, "recount"),
                different="none differs"
                if not found.different
                else line(given(len(found.different), "recount"), " DIFFER"),
            )
        )
    if told:
        lines.append(
            prose(
                "Replayed: {good} of {told} example trials, simulated again alone, gave the stored "
                "numbers to the last bit.",
                good=given(good, "examples"),
                told=given(told, "examples"),
            )
        )
        evidence.trace.reported(42, "verification")
    if any(f.item.number == ACCURACY and f.status == "reported" for f in evidence.trace.findings()):
        lines.append(
            prose(
                "Posterior probabilities: compared with another method of integration, see "
                "{section}.",
                section=Reference("computation"),
            )
        )
    if evidence.exact:
        evidence.trace.reported(42, "verification")
    return [
        Heading(text="Verification", key="verification", appendix=True),
        Paragraph(line=prose("Checked while this report was written:")),
        Items(lines=tuple(lines)),
    ]


def code_and_manifest(evidence: Evidence) -> list[Block]:
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
        Heading(text="Code and manifest", key="code", appendix=True),
        Paragraph(
            line=prose(
                "The program is adaptive_cart, version {version}, in Python; its source is text "
                "with comments. These commands make the results and this report again, to the "
                "last bit, on any number of processors:",
                version=given(manifest["version"], "manifest: version"),
            )
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


def traceability(evidence: Evidence) -> list[Block]:
    """Every item with its status and place."""
    documents = guidance()
    findings = evidence.trace.findings()
    rows: list[Row] = []
    for finding in findings:
        item = finding.item
        where: Line = listed([line(Reference(key)) for key in finding.where[:3]])
        said = where if finding.status == "reported" else line(
            given(finding.note or item.supply, "checklist"))  # fmt: skip
        rows.append(
            row(
                given(item.number, "checklist"),
                given(item.title, "checklist") if not item.mandatory
                else line(given(item.title, "checklist"), " *"),
                given("; ".join(documents[key].short for key in item.by), "guidance"),
                finding.status,
                said,
            )
        )  # fmt: skip
    statuses = [finding.status for finding in findings]
    cited = sorted({key for f in findings for key in f.item.by}, key=list(documents).index)
    return [
        Heading(text="Traceability", key="traceability", appendix=True),
        Paragraph(
            line=prose(
                "Of {all} items that guidance and reporting standards ask for, {reported} are "
                "reported, {not_applicable} do not apply and {missing} are missing.",
                all=given(len(findings), "checklist"),
                reported=given(statuses.count("reported"), "checklist"),
                not_applicable=given(statuses.count("not applicable"), "checklist"),
                missing=given(statuses.count("missing"), "checklist"),
            )
        ),
        Table(
            key="t-trace",
            title=line("Traceability of the items to their places in this report"),
            head=cells("Item", "What", "Asked for by", "Status", "Where, why, or what supplies it"),
            rows=tuple(rows),
            widths=(0.5, 2.6, 2.2, 0.9, 2.9),
            notes=(line("* mandatory: while one is missing, the report is a draft."),),
            wide=True,
        ),
        Table(
            key="t-guidance",
            title=line("Guidance and reporting standards, as they stood when they were looked up"),
            head=cells("Short", "Title", "Status", "Date", "Checked on", "Known from"),
            rows=tuple(
                row(
                    *(
                        given(value, "guidance")
                        for value in (
                            documents[key].short,
                            documents[key].title,
                            documents[key].status,
                            documents[key].date,
                            documents[key].checked,
                            {"primary": "the document", "secondary": "summaries of it"}[
                                documents[key].read
                            ],
                        )
                    )
                )
                for key in cited
            ),
            widths=(1.6, 3.0, 1.4, 1.0, 0.9, 1.0),
            notes=(
                line("Nothing is quoted from a document that is known from summaries only. Status "
                     "and date have to be looked up again before a submission."),
            ),
            wide=True,
        ),
    ]  # fmt: skip


def everything(evidence: Evidence) -> list[Block]:
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
            bound = evidence.cell(
                scenario, entry["measure"], SHOWN.get(entry["measure"].split("_")[0]), **where
            )
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
        Heading(text="All numbers", key="all", appendix=True),
        Paragraph(
            line=prose(
                "Every number of the run with its Monte Carlo standard error and interval. At "
                "full precision they are in {file}.",
                file=code("operating_characteristics.csv"),
            )
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
        *_more_figures(evidence),
    ]


def _place_words(evidence: Evidence, kind: str, value: object) -> str:
    """An arm by its label, a look by its number, a reason or a stratum by its name."""
    if kind == "look":
        return f"look {value}"
    if kind == "arm":
        return evidence.design.arm_label(str(value))
    return str(value).replace("_", " ") if kind == "reason" else str(value)


def _place(value: object) -> object:
    import pandas as pd

    if value is None or pd.isna(value):
        return None
    return int(value) if not isinstance(value, str) else value  # type: ignore[call-overload]


def _more_figures(evidence: Evidence) -> list[Block]:
    found = figures_of(evidence, "appendices")
    if not found:
        return []
    return [Heading(text="Further figures", key="more", level=2), *found]
