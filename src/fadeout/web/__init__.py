"""The server of a programme's staff: pages, maps and interfaces over the same jobs that the commands call."""
