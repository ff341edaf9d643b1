"""Mean months: a normal model whose mean is what is asked about."""
