"""What judges a set of drafts together. One component a file; the file's name is the name used in recipes."""
