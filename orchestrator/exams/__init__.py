"""How a student is asked and graded. One component a file; the file's name is the name used in recipes."""
