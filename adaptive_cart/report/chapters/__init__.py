"""The chapters of a report, each from evidence to blocks."""
