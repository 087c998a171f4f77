"""Things at rest: the nouns, the store that holds them, and what leaves it. Imports nothing of ours."""
