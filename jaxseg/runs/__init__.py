"""A run on disk: its folder, its log, its checkpoints, the programs that were compiled for it, and locks.

Nothing is imported here: a module of this room brings its own library (Orbax, TensorBoard) and no other.
"""
