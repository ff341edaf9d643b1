"""Counts by stratum: the logistic and the hierarchical logistic model."""
