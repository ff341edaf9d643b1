"""Changes of a score from baseline: the normal model."""
