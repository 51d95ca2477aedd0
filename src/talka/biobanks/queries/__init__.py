"""Reads: the directory and its search, the nodes and their numbers, what donors said and how far it has come."""
