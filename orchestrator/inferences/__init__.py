"""How a student is asked. One component a file; the file's name is the name used in recipes."""
