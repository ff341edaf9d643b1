"""A design file read, checked as a whole, and made one complete truth a scenario."""
