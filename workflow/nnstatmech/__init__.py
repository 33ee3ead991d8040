"""Statistical mechanics of deep networks: four families of experiments, computed from scratch.

The package holds all the science and nothing of Snakemake: every engine can be called from a
notebook and gives the same table as the workflow.
"""

__version__ = "0.1.0"
