"""The engines, and what runs many trials with them."""
