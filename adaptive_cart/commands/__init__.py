"""What can be typed: one command a file, loaded when it is asked for; no logic.

A command reads what was typed, calls the library and shows what comes back. Results go to files,
the summary table to standard output, everything else to standard error. Exit status 0 done, 1 the
run failed, 2 the input was wrong. To add one: imitate ``schema.py`` and name it in ``COMMANDS``.
"""

from __future__ import annotations

COMMANDS = {
    "init": "adaptive_cart.commands.init",
    "check": "adaptive_cart.commands.check",
    "schema": "adaptive_cart.commands.schema",
    "simulate": "adaptive_cart.commands.simulate",
    "merge": "adaptive_cart.commands.merge",
    "size": "adaptive_cart.commands.size",
    "sweep": "adaptive_cart.commands.sweep",
    "programme": "adaptive_cart.commands.programme",
    "optimise": "adaptive_cart.commands.optimise",
    "calibrate": "adaptive_cart.commands.calibrate",
    "worst-case": "adaptive_cart.commands.worst_case",
    "borrowing": "adaptive_cart.commands.borrowing",
    "example": "adaptive_cart.commands.example",
    "analyze": "adaptive_cart.commands.analyze",
    "prior": "adaptive_cart.commands.prior",
    "evidence": "adaptive_cart.commands.evidence",
    "verify": "adaptive_cart.commands.verify",
    "figures": "adaptive_cart.commands.figures",
    "report": "adaptive_cart.commands.report",
    "compare": "adaptive_cart.commands.compare",
}
