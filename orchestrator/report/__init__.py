"""The report of a run: one self-contained HTML file that a person wants to look at."""
