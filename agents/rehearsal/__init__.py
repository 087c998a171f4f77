"""The rehearsal: a procedural world with an exact oracle, and a teacher that is a program and says so."""
