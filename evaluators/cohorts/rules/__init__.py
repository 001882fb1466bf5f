"""How operators are computed for many candidates at once: one file a family of operators, named by the operator table."""
