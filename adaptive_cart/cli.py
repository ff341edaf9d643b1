"""The command line: reads what was typed, calls the library, shows what comes back; no logic.

Results go to files, the summary table to standard output, everything else to standard error. Exit
status 0 done, 1 the run failed, 2 the input was wrong.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import LazyLoader, find_spec, module_from_spec
from pathlib import Path
from typing import Any, NoReturn

import click

from adaptive_cart.errors import CartError

WITHHELD = 3  # exit status of an analysis that decides nothing
PIPE = 140  # characters of a line where nobody says how wide the terminal is

# What the libraries of `check` load and never use there: half of the time it would take.
_POSTPONED = (
    "importlib.metadata",
    "numpy.char",
    "numpy.ctypeslib",
    "numpy.f2py",
    "numpy.ma",
    "numpy.polynomial",
    "numpy.random",
    "numpy.rec",
    "numpy.strings",
    "numpy.testing",
)


def _postpone_imports() -> None:
    """Let modules that `check` has no use for be loaded only when something looks into them."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # it would start some for matrices
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")  # it would search all packages for some
    for name in _POSTPONED:
        spec = None if name in sys.modules else find_spec(name)
        if spec is None or spec.loader is None:
            continue
        spec.loader = LazyLoader(spec.loader)
        module = module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        parent, _, child = name.rpartition(".")
        setattr(sys.modules[parent], child, module)


class _Stopped(KeyboardInterrupt):
    """Ctrl-C. Where Python sees its own KeyboardInterrupt pass, it may end with another status."""


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let Ctrl-C end a command with exit status 1, whatever it was doing."""
    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not usual or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise _Stopped

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class _Group(click.Group):
    """Commands whose errors are told in one line each, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with _stoppable():
                return super().invoke(ctx)
        except CartError as error:
            click.echo(f"adaptive-cart: {error}" if _one_line(error) else str(error), err=True)
            ctx.exit(error.exit_status)
        except MemoryError:
            click.echo("adaptive-cart: out of memory; try fewer --jobs", err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("\nadaptive-cart: stopped", err=True)
            ctx.exit(1)
        except BrokenPipeError:
            # whoever read the output has seen enough; what is left in the buffer goes nowhere
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(0)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            click.echo(f"adaptive-cart: {where}{error.strerror or error}", err=True)
            ctx.exit(1)


def _one_line(error: CartError) -> bool:
    return not hasattr(error, "problems")


def _show_version(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        from adaptive_cart.results.store import version

        click.echo(f"adaptive-cart {version()}")
        ctx.exit()


# What several commands take.
_design = click.argument("design", type=click.Path(path_type=Path))
_jobs = click.option(
    "--jobs", type=int, help="Processes; all cores if left out. Changes no result."
)
_resume = click.option(
    "--resume/--restart",
    default=True,
    show_default=True,
    help="Go on from what the folder holds, or replace it.",
)


def _out(words: str) -> Callable[[Any], Any]:
    """Where a command writes to."""
    return click.option("--out", type=click.Path(file_okay=False, path_type=Path), help=words)


class _Templates(click.Option):
    """An option whose help lists the starting designs that there are."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        from adaptive_cart.design.file import templates

        self.help = f"Which starting design: {', '.join(templates())}."
        return super().get_help_record(ctx)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
def main() -> None:
    """Simulate adaptive trials of CAR-T cells against standard of care."""


@main.command()
@click.option("--template", cls=_Templates, default="hello", help="Which starting design:")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def init(template: str, file: Path) -> None:
    """Write a commented starting design to FILE."""
    from adaptive_cart.design.file import template as text_of
    from adaptive_cart.errors import InputError
    from adaptive_cart.nouns.whole_files import write_text

    text = text_of(template)
    if file.exists():
        raise InputError(f"{file}: is there already; choose another name")
    write_text(file, text)
    click.echo(f"{file} written; next: adaptive-cart check {file}", err=True)


@main.command()
@_design
def check(design: Path) -> None:
    """Read DESIGN, report every problem, and show what it means."""
    _postpone_imports()
    from adaptive_cart.design.file import load_design
    from adaptive_cart.telling.check import described

    click.echo(described(load_design(design)))


@main.command()
def schema() -> None:
    """Print the JSON Schema of a design file, for editors."""
    import json

    from adaptive_cart.design.file import schema as document

    click.echo(json.dumps(document(), indent=2))


@main.command()
@_design
@click.option("--trials", type=int, help="Simulated trials a scenario; else the design's number.")
@click.option("--seed", type=int, help="Seed of the random numbers; else the design's.")
@click.option("--scenario", "scenarios", multiple=True, help="Run only this one; may be repeated.")
@_jobs
@click.option(
    "--engine",
    type=click.Choice(["auto", "exact", "simulate"]),
    default="auto",
    show_default=True,
    help="Enumerate, simulate, or enumerate where that is valid.",
)
@click.option(
    "--backend",
    type=click.Choice(["loky", "dask"]),
    default="loky",
    show_default=True,
    help="Processes here, or a dask cluster that shares the results folder.",
)
@click.option("--scheduler", help="Address of the dask scheduler.")
@click.option("--mcse", type=float, help="Go on until every success probability is this sure.")
@_out("Results folder; else results/<name of the design file>.")
@_resume
def simulate(
    design: Path,
    trials: int | None,
    seed: int | None,
    scenarios: tuple[str, ...],
    jobs: int | None,
    engine: Any,
    backend: str,
    scheduler: str | None,
    mcse: float | None,
    out: Path | None,
    resume: bool,
) -> None:
    """Find the operating characteristics of DESIGN."""
    from adaptive_cart.design.file import load_design
    from adaptive_cart.results.calibration import log_beside, read_log
    from adaptive_cart.results.tables import failure_warning, summary
    from adaptive_cart.running.run import simulate as run

    loaded = load_design(design)
    folder = out or Path("results") / design.stem
    try:
        with _progress() as bar:
            result = run(
                loaded,
                trials=trials,
                seed=seed,
                scenarios=scenarios or None,
                jobs=jobs,
                engine=engine,
                mcse=mcse,
                out=folder,
                restart=not resume,
                backend=backend,
                scheduler=scheduler,
                design_text=design.read_text(encoding="utf-8"),
                calibration=read_log(log_beside(design)),
                progress=bar.show,
                tell=bar.tell,
            )
    except KeyboardInterrupt:
        _say_goes_on(resume)
    click.echo(_encodable(summary(result, _width())))
    warning = failure_warning(result)
    if warning:
        click.echo(f"warning: {warning}", err=True)
    click.echo(f"results in {folder}", err=True)


@main.command(name="calibrate")
@_design
@click.option(
    "--trials",
    type=int,
    help="Simulated trials at each null point  [10000]; none where the error is enumerated.",
)
@click.option("--seed", type=int, help="Seed of the random numbers; else the design's.")
@_jobs
@click.option(
    "--engine",
    type=click.Choice(["auto", "exact", "simulate"]),
    default="auto",
    show_default=True,
    help="Enumerate the error, simulate, or enumerate where that is valid and quick.",
)
def calibrate_thresholds(
    design: Path, trials: int | None, seed: int | None, jobs: int | None, engine: Any
) -> None:
    """Find every "calibrate" threshold of DESIGN and write it into the file, comments kept.

    What was found, and what it rests on, is kept beside it as NAME.calibration.json.
    """
    from adaptive_cart.design.file import load_design, text_to_edit, write_back
    from adaptive_cart.nouns.whole_files import write_text
    from adaptive_cart.results.calibration import log_beside, log_text, require_own
    from adaptive_cart.running.calibrate import calibrate, calibrated_text

    loaded = load_design(design)
    before, log = text_to_edit(design), log_beside(design)
    require_own(log)
    with _progress() as bar:
        found = calibrate(
            loaded, trials=trials, seed=seed, jobs=jobs, progress=bar.show, engine=engine
        )
    write_text(log, log_text(found))
    write_back(design, before, calibrated_text(before, found))
    for point in found.points:
        worst = "  (worst)" if point.name == found.worst else ""
        click.echo(_encodable(f"{point.name:32s} type I error {point.error:.4f}{worst}"))
    click.echo(_encodable(found.words()))
    if found.method == "exact" and trials is not None:
        click.echo("the error was enumerated, so that --trials changed nothing", err=True)
    click.echo(f"{design} written; what it rests on is in {log}", err=True)


@main.command()
@_design
@click.option("--scenario", help="Which truth; the first alternative if left out.")
@click.option("--trial", type=int, default=0, show_default=True, help="Number of the trial.")
@click.option("--seed", type=int, help="Seed of the random numbers; else the design's.")
@click.option(
    "--participants",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write the participants table to this CSV file ('-' for standard output).",
)
def example(
    design: Path, scenario: str | None, trial: int, seed: int | None, participants: Path | None
) -> None:
    """Tell one simulated trial of DESIGN, look by look."""
    from adaptive_cart.design.file import load_design
    from adaptive_cart.nouns.whole_files import write_text
    from adaptive_cart.telling.walkthrough import example as walk

    story = walk(load_design(design), scenario=scenario, trial=trial, seed=seed)
    if participants is None:
        click.echo(story.text)
    elif str(participants) == "-":
        click.echo(story.text, err=True)
        click.echo(story.participants_csv(), nl=False)
    else:
        click.echo(story.text)
        write_text(participants, story.participants_csv())
        click.echo(f"participants in {participants}", err=True)


@main.command()
@_design
@click.argument("data", type=click.Path(path_type=Path), required=False)
@click.option(
    "--template",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write an empty table for DESIGN, its columns explained, to this CSV file instead ('-' "
    "for standard output).",
)
@click.option("--look", type=int, help="Number of the look; else the last one due by the data.")
@click.option("--as-of", type=float, help="Calendar month of the data; else that of the look.")
@click.option(
    "--window",
    type=float,
    default=0.5,
    show_default=True,
    help="Months by which a visit may come before the day for which it stands.",
)
@click.option("--fast", is_flag=True, help="Leave the reference posterior (PyMC) out.")
@click.option("--seed", type=int, help="Seed of chains and imputations; else the design's.")
@_out("Folder; else analysis/<name of the data file>.")
def analyze(
    design: Path,
    data: Path | None,
    template: Path | None,
    look: int | None,
    as_of: float | None,
    window: float,
    fast: bool,
    seed: int | None,
    out: Path | None,
) -> None:
    """Judge the participants in DATA, a real trial, at a look of DESIGN.

    Exit status 3 says that the decision is withheld.
    """
    from adaptive_cart.analysis import analyze as judge
    from adaptive_cart.errors import InputError

    if template is not None:
        _write_template(design, template)
        return
    if data is None:
        raise InputError(
            "DATA is missing: the name of the participants table (a CSV file); --template FILE "
            "writes an empty one for the design"
        )
    folder = out or Path("analysis") / data.stem
    found = judge(
        design,
        data,
        look,
        as_of=as_of,
        window=window,
        fast=fast,
        seed=seed,
        out=folder,
        tell=lambda message: click.echo(message, err=True),
    )
    click.echo(_encodable(found.text))
    click.echo(f"analysis in {folder}", err=True)
    if found.decision.withheld:
        sys.exit(WITHHELD)


def _write_template(design: Path, file: Path) -> None:
    from adaptive_cart.design.file import load_design
    from adaptive_cart.errors import InputError
    from adaptive_cart.nouns.whole_files import write_text
    from adaptive_cart.recorded.template import template

    text = template(load_design(design))
    if str(file) == "-":
        click.echo(text, nl=False)
        return
    if file.exists() or file.is_symlink():
        raise InputError(f"{file}: is there already; choose another name")
    write_text(file, text)
    click.echo(f"{file} written; next: adaptive-cart analyze {design} {file}", err=True)


@main.command(name="prior")
@click.argument("design", required=False, type=click.Path(path_type=Path))
@click.argument("data", required=False, type=click.Path(path_type=Path))
@click.option(
    "--historical",
    type=click.Path(path_type=Path),
    help="Earlier controls (CSV: study, responders, participants) instead of DATA.",
)
@click.option("--weight", type=float, help="Of the vague component of a robust prior  [0.2].")
@click.option("--vague-mean", type=float, help="Mean of the vague component  [0.5].")
@click.option("--between-sd", type=float, help="Of the half-normal prior between studies  [1].")
@click.option("--accuracy", type=float, help="Of the mixture of betas, in any probability  [0.01].")
@click.option("--endpoint", help="Name to write; else the design's primary endpoint.")
@click.option("--arm", help="Arm that the prior is for; else the control, or the arm of DATA.")
@click.option(
    "--as-of", type=float, help="Calendar month at which DATA is looked at; else its end."
)
@click.option("--skeptical", type=float, help="Share of DATA that is not believed, 0 to 1  [0].")
def prior_lines(
    design: Path | None,
    data: Path | None,
    historical: Path | None,
    weight: float | None,
    vague_mean: float | None,
    between_sd: float | None,
    accuracy: float | None,
    endpoint: str | None,
    arm: str | None,
    as_of: float | None,
    skeptical: float | None,
) -> None:
    """Print the priors that follow from earlier data, as lines for a design file.

    Either from the participants of an early trial, DATA, for an arm of DESIGN; or, with
    --historical, a robust prior of the control's rate from earlier control arms.
    """
    from adaptive_cart.priors.command import prior_text

    text = prior_text(
        design,
        data,
        historical,
        weight=weight,
        vague_mean=vague_mean,
        between_sd=between_sd,
        accuracy=accuracy,
        endpoint=endpoint,
        arm=arm,
        date=as_of,
        skeptical=skeptical,
    )
    click.echo(text, nl=False)


@main.command()
@_design
@click.option(
    "--looks",
    type=int,
    default=200,
    show_default=True,
    help="Looks of simulated trials; half of them those closest to a threshold.",
)
@click.option("--seed", type=int, help="Seed of the trials and draws; else the design's.")
@_jobs
@_out("Folder of the rows; else verification/<name of the design file>.")
@_resume
def verify(
    design: Path, looks: int, seed: int | None, jobs: int | None, out: Path | None, resume: bool
) -> None:
    """Compare the fast posterior of DESIGN with PyMC, at looks of simulated trials."""
    from adaptive_cart.design.file import load_design
    from adaptive_cart.verification.verify import verify as run

    loaded = load_design(design)
    folder = out or Path("verification") / design.stem
    try:
        with _progress() as bar:
            found = run(
                loaded,
                looks=looks,
                seed=seed,
                jobs=jobs,
                out=folder,
                restart=not resume,
                progress=bar.show,
                tell=bar.tell,
            )
    except KeyboardInterrupt:
        _say_goes_on(resume)
    click.echo(_encodable(found.text()))
    click.echo(f"rows in {folder}", err=True)
    if found.failed:
        sys.exit(1)


@main.command(name="figures")
@click.argument("result", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "formats",
    default="pdf,svg,png",
    show_default=True,
    help="Some of pdf, svg and png, with commas between.",
)
@click.option("--only", multiple=True, help="Only this figure (F4, C1, …); may be repeated.")
@_out("Folder; else figures in the results folder.")
def draw_figures(result: Path, formats: str, only: tuple[str, ...], out: Path | None) -> None:
    """Draw the figures of a report from the results folder RESULT."""
    from adaptive_cart.figures import write_figures
    from adaptive_cart.results.result import open_result

    opened = open_result(result)
    chosen = [name.strip() for name in formats.split(",") if name.strip()]
    with _progress() as bar:
        written = write_figures(opened, out, chosen, only or None, bar.show)
    click.echo(_encodable(written.words()))
    click.echo(f"figures in {written.folder}", err=True)


@main.command()
@click.argument("result", required=False, type=click.Path(path_type=Path))
@click.option(
    "--format", "formats", default="docx,html,pdf", show_default=True, help="Which files."
)
@click.option(
    "--audience",
    type=click.Choice(["open", "restricted", "both"]),
    default="both",
    show_default=True,
    help="The protocol appendix, the annex with thresholds and boundaries, or both.",
)
@click.option("--paper", type=click.Choice(["letter", "a4"]), default="letter", show_default=True)
@click.option(
    "--reference-docx",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A Word document whose styles, header and footer are taken over.",
)
@click.option(
    "--facts",
    type=click.Path(dir_okay=False, path_type=Path),
    help="TOML file with what only the sponsor knows; without it the report is a draft.",
)
@click.option("--facts-template", is_flag=True, help="Print a file of facts to start from.")
@click.option(
    "--sensitivity-trials",
    type=int,
    help="Trials of each variant of the design simulated beside the run; 0 for none.",
)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Else the results folder."
)
def report(
    result: Path | None,
    formats: str,
    audience: Any,
    paper: Any,
    reference_docx: Path | None,
    facts: Path | None,
    facts_template: bool,
    sensitivity_trials: int | None,
    out: Path | None,
) -> None:
    """Write the protocol appendix of RESULT: Word, one page, PDF."""
    if facts_template:
        from adaptive_cart.report.facts import facts_template as text

        click.echo(text(), nl=False)
        return
    if result is None:
        raise click.UsageError("Missing argument 'RESULT'.")
    from adaptive_cart.report import write_report
    from adaptive_cart.results.result import open_result

    with _progress() as bar:
        written = write_report(
            open_result(result),
            out,
            formats=[name.strip() for name in formats.split(",")],
            audiences=("open", "restricted") if audience == "both" else (audience,),
            paper=paper,
            reference_docx=reference_docx,
            facts=facts,
            sensitivity_trials=sensitivity_trials,
            progress=bar.show,
        )
    for warning in written.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(written.words())


@main.command()
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--with-fixed", is_flag=True, help="Also a fixed-size design, made from the first.")
@click.option(
    "--with-group-sequential",
    is_flag=True,
    help="Also a classical group-sequential design with the looks of the first.",
)
@click.option(
    "--calibrate-fixed",
    is_flag=True,
    help="Calibrate the fixed-size design's threshold; else it is that of the last look.",
)
@click.option(
    "--group-sequential-futility",
    type=float,
    metavar="Z",
    help="The classical design gives up below this z before the last look, non-binding; usually 0.",
)
@click.option("--scenario", "scenarios", multiple=True, help="Only this one; may be repeated.")
@_jobs
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(["pdf", "svg", "png"]),
    help="Of the figures; may be repeated; all if left out.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("comparison"),
    show_default=True,
    help="Folder.",
)
def compare(
    results: tuple[Path, ...],
    with_fixed: bool,
    with_group_sequential: bool,
    calibrate_fixed: bool,
    group_sequential_futility: float | None,
    scenarios: tuple[str, ...],
    jobs: int | None,
    formats: tuple[str, ...],
    out: Path,
) -> None:
    """Lay designs side by side: their RESULTS folders, the others compared with the first."""
    from adaptive_cart.comparison import compare as side_by_side

    with _progress() as bar:
        comparison = side_by_side(
            results,
            with_fixed=with_fixed,
            with_group_sequential=with_group_sequential,
            calibrate_fixed=calibrate_fixed,
            group_sequential_futility=group_sequential_futility,
            scenarios=scenarios or None,
            jobs=jobs,
            out=out,
            progress=bar.show,
            tell=bar.tell,
        )
    comparison.write(out, formats or ("pdf", "svg", "png"))
    click.echo(_encodable(comparison.text(_width())))
    changed = comparison.changes_text()
    if changed:
        click.echo(_encodable(f"\n{changed}"))
    click.echo(f"table, changes and figures in {out}", err=True)


def _say_goes_on(resume: bool) -> NoReturn:
    """End a command that was interrupted and can go on."""
    again = "the same command" if resume else "the same command without --restart"
    click.echo(f"\nadaptive-cart: stopped; {again} goes on from here", err=True)
    sys.exit(1)


def _width() -> int:
    """Characters in a line of the terminal; in a pipe a fixed number, unless COLUMNS says one."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit():
        import shutil

        return shutil.get_terminal_size().columns or PIPE
    return PIPE


def _encodable(text: str) -> str:
    """Replace what the terminal's encoding does not have."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        plain = text.replace("→", "->").translate(str.maketrans("─–−…", "---~"))
        return plain.encode(encoding, "replace").decode(encoding)
    return text


@dataclass(frozen=True)
class _Bar:
    """What a command shows while it runs: how far it is, and messages that keep clear of that."""

    show: Callable[[str, int, int], None]
    tell: Callable[[str], None]


@contextmanager
def _progress() -> Iterator[_Bar]:
    """Show a bar with rate and time left on a terminal; elsewhere messages only."""
    if not sys.stderr.isatty():
        yield _Bar(lambda what, done, total: None, lambda message: click.echo(message, err=True))
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    tasks: dict[str, tuple[TaskID, int, float]] = {}
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True) as bar:

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                for task, _, _ in tasks.values():
                    bar.update(task, visible=False)
                task = bar.add_task(what, total=total, completed=done, rate="")
                tasks[what] = task, done, time.monotonic()
            task, first, began = tasks[what]
            elapsed = time.monotonic() - began
            rate = (done - first) / elapsed if elapsed > 0 else 0.0
            shown = f"{rate:,.0f}/s" if rate >= 1.0 else ""
            bar.update(task, completed=done, total=total, rate=shown)

        def tell(message: str) -> None:
            # through the bar's own console, which moves the bar below it
            console.print(_encodable(message), markup=False, highlight=False, soft_wrap=True)

        yield _Bar(show, tell)


if __name__ == "__main__":
    main()
