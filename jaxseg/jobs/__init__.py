"""Whole commands, one per module: train, evaluate, inspect. Nothing is imported here; take the one that is meant."""
