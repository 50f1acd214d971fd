"""The facts of the field: what was found, what was searched, what was struck, and a programme's standard."""
