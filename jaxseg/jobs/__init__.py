"""Whole commands, one per module. Nothing is imported here; take the one that is meant."""
