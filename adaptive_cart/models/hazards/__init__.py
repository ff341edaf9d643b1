"""Times to an event: the piecewise-exponential model."""
