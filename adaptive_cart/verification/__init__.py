"""The fast posterior against PyMC at looks of simulated trials."""
