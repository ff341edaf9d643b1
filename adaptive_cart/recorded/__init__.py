"""The participants of a real trial: their table, and what is known of them at a date."""
