"""Counts of two outcomes: the beta-binomial model."""
