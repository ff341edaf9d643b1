"""``python -m adaptive_cart`` is the command ``adaptive-cart``."""

from adaptive_cart.commands.first import is_typed, listen

if is_typed(__name__):
    listen()  # before anything else is loaded

from adaptive_cart.commands.stopping import end_at_once


def start() -> None:
    """What a shell calls."""
    end_at_once()  # Ctrl-C while this is loaded
    try:
        from adaptive_cart.cli import main

        main(prog_name="adaptive-cart")
    finally:
        end_at_once()  # or while it ends


if __name__ == "__main__":
    start()
