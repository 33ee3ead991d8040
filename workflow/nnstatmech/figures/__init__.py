"""Drawing functions: tables in, matplotlib figures out."""
