"""What is kept of a run, and what is read off it."""
