"""Tests that have no prior and no posterior: of two proportions, and of times to an event."""
