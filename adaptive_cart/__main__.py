"""``python -m adaptive_cart`` is the command ``adaptive-cart``."""

from adaptive_cart.cli import main

if __name__ == "__main__":
    main(prog_name="adaptive-cart")
