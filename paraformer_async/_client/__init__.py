"""Runs recognitions over connections; the only room of the client with tasks."""
