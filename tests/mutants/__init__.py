"""Mutants: engines with one mistake each, and the claims that notice them.

``catalogue/<family>.yaml`` names the mistakes, ``twins/<family>.yaml`` the small experiments that claims are judged on.
``python -m tests.mutants.matrix`` prints mutants times claims. A mutant is caught by a claim that refutes it and that
the engine without the mistake reproduces, at the same sizes, on three other sets of seeds.
"""
