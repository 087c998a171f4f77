"""What judges one draft by rule. One component a file; the file's name is the name used in recipes."""
