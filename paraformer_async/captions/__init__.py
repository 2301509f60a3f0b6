"""Captions out of sentences: one format a file. Knows nothing of how sentences came about."""
