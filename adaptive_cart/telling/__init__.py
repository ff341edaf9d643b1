"""A design in words, and one of its trials."""
