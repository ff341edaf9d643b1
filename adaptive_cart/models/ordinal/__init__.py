"""Ordinal outcomes: independent Dirichlet arms, and a common odds ratio."""
