"""The named mechanisms: each makes the factors of Eq. 1."""
