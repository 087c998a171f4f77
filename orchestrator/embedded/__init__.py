"""The embedded student: a base checkpoint of a million parameters that ships with the project, and the script that made it."""
