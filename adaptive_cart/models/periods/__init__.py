"""Comparisons where arms enter and leave: only those randomised together, or adjusted by period."""
