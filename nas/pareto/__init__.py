"""Frontiers of studies: what is on them, how good they are, how sure that is, and how to show it."""
