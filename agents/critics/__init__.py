"""What judges one draft by asking a model. One component a file; the file's name is the name used in recipes."""
