"""A page a figure: for the folder that ``snakemake gallery`` makes, and for the site of the documentation."""
