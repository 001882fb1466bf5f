"""Other optimizers on a recorded table, one file each; those in side environments run as scripts."""
