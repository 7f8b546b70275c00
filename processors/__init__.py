"""Transforms on a batch; each is pure and keeps the neighbours of a bad span."""
