"""What writes drafts. One component a file; the file's name is the name used in recipes."""
