"""What a command shows where no bar can move: how far it is, in a line at times; and the bar."""

from __future__ import annotations

import io
import sys
import threading

import click
import pytest
from click.testing import CliRunner

from adaptive_cart.commands import terminal
from adaptive_cart.commands.terminal import progress


def shown(monkeypatch: pytest.MonkeyPatch, steps: list[tuple[float, str, int, int]]) -> list[str]:
    """Lines of a command that has come so far at those seconds after its start."""
    clock = [1_000.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: clock[0])

    @click.command()
    def command() -> None:
        with progress() as bar:
            for second, what, done, total in steps:
                clock[0] = 1_000.0 + second
                bar.show(what, done, total)

    result = CliRunner().invoke(command)
    assert result.exception is None
    assert result.stdout == ""
    return result.stderr.splitlines()


def test_a_short_command_says_nothing_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, [(s, "trials", s, 60) for s in range(60)]) == []


def test_a_long_one_says_how_far_it_is_and_how_long_it_will_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps = [(float(second), "trials", 10 * second, 36_000) for second in range(3_601)]
    lines = shown(monkeypatch, steps)
    assert lines[0] == "trials: 600 of 36,000 after 60 seconds, about 59 minutes left"
    assert lines[1] == "trials: 900 of 36,000 after 90 seconds, about 58 minutes left"
    assert len(lines) == 11, "1.5 times as long each, up to an hour"


def test_what_is_left_goes_by_the_pace_of_its_own_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by that of the part before, nor by what had been done when it went on."""
    steps = [(0.0, "first", 0, 10), (50.0, "first", 10, 10), (55.0, "second", 400, 1_000)]
    lines = shown(monkeypatch, [*steps, (75.0, "second", 500, 1_000), (80.0, "second", 510, 1_000)])
    assert lines == ["second: 500 of 1,000 after 75 seconds, about 100 seconds left"]


def test_a_part_that_has_just_begun_or_has_ended_says_no_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps = [(70.0, "first", 3, 10), (200.0, "first", 10, 10), (9_000.0, "second", 0, 5)]
    assert shown(monkeypatch, steps) == [
        "first: 3 of 10 after 70 seconds",
        "first: 10 of 10 after 3 minutes",
        "second: 0 of 5 after 2.5 hours",
    ]


def test_the_bar_has_no_thread_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside one the command could not be copied for its workers."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    seen = Terminal()
    monkeypatch.setattr(sys, "stderr", seen)
    before = threading.enumerate()
    with progress() as bar:
        for done in range(0, 1_001):
            bar.show("trials", done, 1_000)
        bar.tell("a message")
        assert threading.enumerate() == before
    shown = seen.getvalue()
    assert "1000/1000" in shown
    assert "a message" in shown
    assert shown.count("trials") < 500, "drawn at times, not with every trial"
