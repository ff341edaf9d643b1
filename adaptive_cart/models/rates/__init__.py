"""Events that come again: the gamma-Poisson model."""
