"""Judge drafts by how likely a student finds a text. One component a file; the file's name is the name used in recipes."""
