"""Findings of the papers as experiments that anyone can run again. One claim a file; the file's name is its id."""
