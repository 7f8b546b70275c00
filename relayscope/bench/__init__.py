"""Measurements of this program on this machine, always beside what the machine could do at best."""
