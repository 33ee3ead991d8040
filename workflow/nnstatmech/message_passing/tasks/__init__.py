"""The tasks of the family, one module each."""
