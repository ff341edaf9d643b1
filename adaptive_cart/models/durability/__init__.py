"""Remissions that last: the Weibull model with a cured fraction."""
