"""The command line: what goes where, exit statuses, interruption, and what a terminal sees."""

from __future__ import annotations

import os
import pty
import re
import resource
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import adaptive_cart
from adaptive_cart.cli import main
from adaptive_cart.commands import options
from adaptive_cart.figures import FORMATS
from adaptive_cart.results.store import LOOKS, MEASURES, TRIALS
from adaptive_cart.running import run as run_module

PACKAGE = Path(adaptive_cart.__file__).parent.parent
TEXT = """
name = "small"
[arms.soc]
control = true
[arms.cart]
product = "autologous"
[endpoints.dfr]
type = "landmark"
label = "drug-free remission"
month = 3
[enrolment]
max_n = 30
per_month = 5
[looks]
observed = [16, 30]
[[rules]]
name = "efficacy"
then = "declare_success"
posterior = { endpoint = "dfr", arm = "cart", minus = "soc", above = 0.0 }
at_least = 0.95
[[rules]]
name = "futility"
then = "declare_futility"
predictive = { rule = "efficacy" }
below = 0.05
looks = [1]
[scenarios.expected]
dfr = { soc = 0.2, cart = 0.5 }
[scenarios.null]
dfr = { soc = 0.2, cart = 0.2 }
[scenarios.a_scenario_with_a_name_as_long_as_statisticians_like_them_number_1]
role = "robustness"
dfr = { soc = 0.1, cart = 0.5 }
[scenarios.a_scenario_with_a_name_as_long_as_statisticians_like_them_number_2]
role = "robustness"
dfr = { soc = 0.3, cart = 0.5 }
"""


@pytest.fixture
def design(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    path = tmp_path / "small.toml"
    path.write_text(TEXT)
    return path


def typed(*words: str | Path, **how: Any) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], **how)


def simulated(design: Path, *words: str | Path, **how: Any) -> Result:
    given = ["simulate", design, "--engine", "simulate", "--trials", "40", "--jobs", "1"]
    return typed(*given, *words, **how)


def command(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "adaptive_cart", *(str(word) for word in words)]


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    return kept | {"PYTHONPATH": str(PACKAGE), "TERM": "xterm", **more}


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in (TRIALS, LOOKS, MEASURES)}


# ── what goes where ───────────────────────────────────────────────────────────────────────────
def test_the_table_alone_goes_to_standard_output(design):
    found = simulated(design)
    assert found.exit_code == 0
    lines = found.stdout.splitlines()
    assert "success" in lines[0]
    assert lines[1].split()[:2] == ["scenario", "prob."]
    assert found.stdout.rstrip().endswith("at the look that ended the trial.")
    assert found.stderr.splitlines() == ["engine: simulate (asked for)", "results in results/small"]
    assert (design.parent / "results" / "small" / MEASURES).exists()


def test_again_says_what_was_there(design):
    simulated(design)
    found = simulated(design, "--trials", "50")
    assert "160 of 200 trials were there already" in found.stderr
    assert found.exit_code == 0


def test_the_table_has_nulls_first_and_what_a_statistician_asks_for(design):
    lines = simulated(design).stdout.splitlines()
    named = [line.split()[0] for line in lines[3:] if line and not line.startswith("─")]
    assert named[:5] == ["nulls", "null", "alternatives", "expected", "robustness"]
    for word in ("success", "ended otherwise", "drug-free remission: cart − soc"):
        assert word in lines[0]
    for word in ("95% MC interval", "futility", "no success", "N", "months", "bias", "coverage"):
        assert word in lines[1]
    assert "safety" not in lines[1]  # no rule stops for it
    null = next(line for line in lines if line.startswith(" null"))
    numbers = re.findall(r"[-+]?\d+\.\d+", null)
    rows = (design.parent / "results" / "small" / MEASURES).read_text().splitlines()
    success = next(row for row in rows if row.startswith("null,success,,,,")).split(",")
    assert [float(number) for number in numbers[:3]] == pytest.approx(
        [float(success[column]) for column in (5, 7, 8)], abs=0.005
    )
    assert "40 simulated trials a scenario, seed 0" in " ".join(lines)


def test_exact_results_have_no_interval(design):
    found = typed("simulate", design)
    assert "MC interval" not in found.stdout
    assert "Exact, without Monte Carlo error" in found.stdout


@pytest.mark.parametrize("width", [60, 80, 100, 140, 200])
def test_a_narrow_terminal_gets_more_blocks_and_no_wrapped_line(design, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    found = simulated(design)
    lines = found.stdout.splitlines()
    assert max(len(line) for line in lines) <= width
    blocks = sum(line.startswith("scenario") for line in lines)
    names = sum(line.startswith(" expected") for line in lines)
    assert blocks == names
    assert (blocks == 1) == (width >= 140)
    # long names that differ at their end can still be told apart
    long = {line.split()[0] for line in lines if line.startswith(" a_sc")}
    assert len(long) == 2


def test_a_pipe_is_no_wider_than_140(design):
    lines = simulated(design).stdout.splitlines()
    assert max(len(line) for line in lines) <= 140
    assert sum(line.startswith("scenario") for line in lines) == 1  # long names are cut for that
    assert len({line.split()[0] for line in lines if line.startswith(" a_sc")}) == 2


def test_scenarios_with_different_numbers_of_trials_show_them(design):
    simulated(design, "--scenario", "null")
    found = simulated(design, "--scenario", "expected", "--trials", "60")
    assert "trials" in found.stdout.splitlines()[1]
    rows = [line for line in found.stdout.splitlines() if line.startswith((" null", " expected"))]
    assert [row.split()[-1] for row in rows] == ["40", "60"]


def test_an_encoding_without_lines(design):
    found = subprocess.run(
        command("simulate", design, "--trials", "20", "--engine", "simulate", "--jobs", "1"),
        capture_output=True,
        env=environment(PYTHONIOENCODING="ascii"),
        check=False,
        timeout=60,
    )
    assert found.returncode == 0
    assert b"----" in found.stdout
    assert b" - " in found.stdout
    assert b"?" not in found.stdout


def test_a_reader_that_has_seen_enough(design):
    words = command("simulate", design, "--trials", "20", "--engine", "simulate", "--jobs", "1")
    writer = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    )
    assert writer.stdout is not None
    writer.stdout.close()
    _, told = writer.communicate(timeout=60)
    assert writer.returncode == 0
    assert b"Traceback" not in told
    assert b"BrokenPipe" not in told


def test_version_and_help():
    assert typed("--version").stdout.startswith("adaptive-cart ")
    for words in (["--help"], ["-h"], ["simulate", "-h"]):
        assert "Usage" in typed(*words).stdout


# ── what is wrong is told in a sentence ───────────────────────────────────────────────────────
def complaint(found: Result, status: int) -> str:
    assert found.exit_code == status, found.output
    assert found.stdout == ""
    assert "Traceback" not in found.stderr
    return found.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--trials", "0"], "--trials: found 0"),
        (["--scenario", "nul"], "did you mean 'null'"),
        (["--mcse", "2"], "--mcse: found 2"),
        (["--jobs", "0"], "--jobs: found 0"),
        (["--scheduler", "tcp://x:1"], "add --backend dask"),
        (["--out", "small.toml"], "small.toml"),
        (["--out", "small.toml/below"], "small.toml: is a file; choose another --out"),
        (["--engine", "quick"], "quick"),
    ],
)
def test_wrong_words(design, words, told):
    assert told in complaint(simulated(design, *words), 2)
    assert os.listdir(design.parent) == ["small.toml"]


def test_another_run_in_the_folder(design):
    simulated(design)
    told = complaint(simulated(design, "--seed", "9"), 2)
    assert told.splitlines()[-1].startswith(
        "adaptive-cart: results/small: holds results of another"
    )
    assert "seed 0 there, 9 now" in told
    assert simulated(design, "--seed", "9", "--restart").exit_code == 0


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_full_disk(design):
    simulated(design)
    before = contents(design.parent / "results" / "small")

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    words = command("simulate", design, "--engine", "simulate", "--trials", "2000", "--jobs", "1")
    found = subprocess.run(
        words,
        capture_output=True,
        text=True,
        env=environment(),
        preexec_fn=small_files,
        check=False,
        timeout=60,
    )
    assert found.returncode == 1
    assert found.stdout == ""
    last = found.stderr.splitlines()[-1]
    assert re.match(r"adaptive-cart: \S+\.parquet: cannot be written: File too large\. What", last)
    assert "Traceback" not in found.stderr
    assert contents(design.parent / "results" / "small") == before
    assert simulated(design, "--trials", "2000").exit_code == 0


def test_out_of_memory(design, monkeypatch):
    def hungry(*arguments: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(run_module, "run_stretches", hungry)
    assert "out of memory; try fewer --jobs" in complaint(simulated(design), 1)


# ── stopped ───────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(("words", "again"), [([], "same command"), (["--restart"], "without")])
def test_ctrl_c_in_this_process(design, monkeypatch, words, again):
    def interrupted(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module, "run_stretches", interrupted)
    told = complaint(simulated(design, *words), 1)
    assert told.splitlines()[-1].startswith("adaptive-cart: stopped; the same command")
    assert again in told


def running(design: Path, out: Path, jobs: int) -> subprocess.Popen[bytes]:
    """Start a run that would take long, in a process group of its own, and wait for its parts."""
    process = subprocess.Popen(
        command(
            "simulate", design, "--engine", "simulate", "--trials", "400000", "--out", out,
            "--jobs", str(jobs), "--scenario", "null", "--scenario", "expected",
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        start_new_session=True,
        # these tests may themselves run in the background, where Ctrl-C is ignored and inherited so
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    end = time.monotonic() + 60
    while not list(out.glob("parts/*/*.looks.parquet")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)
    return process


def members(group: int) -> list[int]:
    """Processes of a process group that are still there."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(status.parent.name))
    return found


def gone(group: int, seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while members(group) and time.monotonic() < end:
        time.sleep(0.05)
    return not members(group)


def goes_on(design: Path, out: Path) -> None:
    """Run the killed folder again, for fewer trials, and compare with a run that was not killed."""
    words = ["--scenario", "null", "--scenario", "expected", "--trials", "3000"]
    found = simulated(design, *words, "--out", out)
    assert found.exit_code == 0, found.output
    assert "trials were there already" in found.stderr
    assert simulated(design, *words, "--out", out.parent / "straight").exit_code == 0
    assert contents(out) == contents(out.parent / "straight")
    assert not list(out.rglob("*.tmp"))
    assert not (out / "parts").exists()


@pytest.mark.parametrize("wait", [2.0, pytest.param(0.0, marks=pytest.mark.slow)])
def test_killed_and_gone_on_with(design, tmp_path, wait):
    out = tmp_path / "killed"
    process = running(design, out, jobs=2)
    time.sleep(wait)
    process.kill()
    process.wait()
    for stream in (process.stdout, process.stderr):
        assert stream is not None
        stream.close()  # without reading to its end: a worker that is left would keep it open
    goes_on(design, out)
    if sys.platform == "linux":
        assert gone(process.pid)  # no worker is left that would write on


@pytest.mark.parametrize(
    "wait", [0.7, *(pytest.param(wait, marks=pytest.mark.slow) for wait in (0.0, 0.3, 1.2, 2.0))]
)
def test_ctrl_c_reaches_the_run_and_its_workers(design, tmp_path, wait):
    out = tmp_path / "stopped"
    process = running(design, out, jobs=2)
    time.sleep(wait)
    os.killpg(process.pid, signal.SIGINT)
    output, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert output == b""
    lines = told.decode().splitlines()
    first_trials = [line for line in lines if ", first 250 of " in line]  # if it came as far
    assert [line for line in lines if line not in first_trials] == [
        "engine: simulate (asked for)",
        "",
        "adaptive-cart: stopped; the same command goes on from here",
    ]
    if sys.platform == "linux":
        assert gone(process.pid)
    if wait == 0.0:
        goes_on(design, out)


# ── what a terminal sees ──────────────────────────────────────────────────────────────────────
def on_a_terminal(words: list[str], width: int) -> str:
    """Run a command on a terminal of its own and return all that it showed."""
    process, terminal = pty.fork()
    if process == 0:
        os.execvpe(words[0], words, environment(COLUMNS=str(width)))
    shown = b""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                more = os.read(terminal, 65_536)
            except OSError:
                break
            if not more:
                break
            shown += more
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    return shown.decode()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_progress_on_a_terminal(design, tmp_path):
    words = ["simulate", design, "--engine", "simulate", "--trials", "8000", "--jobs", "1"]
    shown = on_a_terminal(command(*words), 90)
    assert re.search(r"trials .*\d+/32000", shown)
    assert re.search(r"\d,\d{3}/s", shown)
    assert re.search(r"0:00:\d\d", shown)
    after = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).replace("\r", "")
    table = after[after.index("success  ") if "success  " in after else 0 :].splitlines()
    assert any(line.startswith("scenario") for line in table)
    assert max(len(line) for line in table if "─" in line) <= 90


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_check_folds_its_lines_to_the_terminal_and_in_no_pipe(design):
    whole = subprocess.run(
        command("check", design), capture_output=True, text=True, env=environment(), check=True
    ).stdout
    assert max(map(len, whole.splitlines())) > 80
    shown = on_a_terminal(command("check", design), 80).replace("\r", "")
    assert max(map(len, shown.splitlines())) <= 80
    assert shown.split() == whole.split()


def test_silent_in_a_pipe(design):
    found = subprocess.run(
        command("simulate", design, "--trials", "500", "--engine", "simulate", "--jobs", "1"),
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
        timeout=60,
    )
    assert found.returncode == 0
    told = [line for line in found.stderr.splitlines() if ", first 250 of" not in line]
    assert told == ["engine: simulate (asked for)", "results in results/small"]  # less what is slow
    assert "\x1b" not in found.stdout + found.stderr
    assert found.stdout == simulated(design, "--trials", "500").stdout


# ── the other commands ────────────────────────────────────────────────────────────────────────
def test_init_writes_a_design_that_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = typed("init", "mine.toml")
    assert found.exit_code == 0
    assert found.stdout == ""
    assert "next: adaptive-cart check mine.toml" in found.stderr
    assert "is there already" in complaint(typed("init", "mine.toml"), 2)
    assert "no template 'none'" in complaint(typed("init", "--template", "none", "x.toml"), 2)
    told = complaint(typed("init", "no/such/folder/x.toml"), 1)
    assert "cannot be written: No such file or directory\n" in told
    assert typed("simulate", "mine.toml").exit_code == 0


def test_example_tells_a_trial(design):
    found = typed("example", design, "--trial", "3", "--participants", "-")
    assert found.exit_code == 0
    assert "trial 3 of scenario 'expected'" in found.stderr
    assert found.stdout.splitlines()[0].startswith("participant,arm,")
    file = design.parent / "people.csv"
    for _ in range(2):  # what the same command wrote may be written again
        assert typed("example", design, "--participants", file).exit_code == 0
    file.write_text(file.read_text() + "my own row\n")
    assert "is there already" in complaint(typed("example", design, "--participants", file), 2)
    assert file.read_text().endswith("my own row\n")
    shutil.rmtree(design.parent / "results", ignore_errors=True)
    told = complaint(typed("example", design, "--trial", "-1"), 2)
    assert "--trial: found -1" in told


def test_a_design_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("simulate", "check", "example"):
        assert "none.toml: no such file" in complaint(typed(name, "none.toml"), 2)
    assert os.listdir(tmp_path) == []


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_message_does_not_run_into_the_progress_bar() -> None:
    """On a terminal of 100 columns, of which the lines are read as a person sees them."""
    code = (
        "import time, click\n"
        "from adaptive_cart.commands import terminal\n"
        "with terminal.progress() as bar:\n"
        "    bar.show('trials', 3, 10); time.sleep(0.15)\n"
        "    bar.tell('a [message] at 50%'); time.sleep(0.15)\n"
        "    bar.show('trials', 10, 10)\n"
        "click.echo('results in here', err=True)\n"
    )
    seen = on_a_terminal([sys.executable, "-c", code], 100)
    lines = [line.split("\x1b[2K")[-1] for line in seen.replace("\r", "").split("\n")]
    assert any("a [message] at 50%" in line for line in lines)
    for line in lines:
        for words in ("a [message] at 50%", "results in here"):
            if words in line:
                assert re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", line) == words


def test_options_without_effect_are_told(tmp_path):
    design = str(Path(__file__).parents[1] / "designs" / "hello.toml")
    words = ["--trials", "7", "--seed", "1", "--out", str(tmp_path / "run")]
    done = CliRunner().invoke(main, ["simulate", design, *words])
    assert done.exit_code == 0
    assert "--trials, --seed: without effect, since nothing is drawn" in done.stderr


def test_commands_offer_every_format_that_figures_are_written_in() -> None:
    assert options.FORMATS == FORMATS
