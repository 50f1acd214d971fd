"""The only room that opens foreign files."""
