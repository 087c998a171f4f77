"""How failures become the next plan. One component a file; the file's name is the name used in recipes."""
