"""Input that is meant to hurt: strategies for designs and tables, and what must hold of any."""
