"""``python -m adaptive_cart`` is the command ``adaptive-cart``."""

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
