"""The group of commands: loads the one that was typed, and tells errors without a traceback."""

from __future__ import annotations

import atexit
import functools
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import click

from adaptive_cart.commands import COMMANDS
from adaptive_cart.commands.stopping import stoppable
from adaptive_cart.errors import CartError


@functools.cache
def _ending_at_once() -> None:
    """Let the process end without a last look for unreachable objects: a sixth of a short run."""
    atexit.register(gc.freeze)


@contextmanager
def _collecting_seldom() -> Iterator[None]:
    """Look for unreachable objects seldom: loading makes many objects, and hardly one of these."""
    usual = gc.get_threshold()
    gc.set_threshold(20_000, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


class Group(click.Group):
    """Commands whose errors are told in one line each, without a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order in which a design meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command; nothing where there is none of the name."""
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = import_module(COMMANDS[cmd_name]).command
        return found

    def invoke(self, ctx: click.Context) -> Any:
        """Run what was typed."""
        # Matrices are small here: threads would wait for each other, most of the processor's time.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        _ending_at_once()
        try:
            with stoppable(), _collecting_seldom():
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


def show_version(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    """Print the version and end."""
    if wanted:
        from adaptive_cart.results.store import version

        click.echo(f"adaptive-cart {version()}")
        ctx.exit()
