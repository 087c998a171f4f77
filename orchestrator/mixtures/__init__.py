"""How much of each draft a dataset holds. One component a file; the file's name is the name used in recipes."""
