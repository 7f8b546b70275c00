"""Finds and replaces personal data in strings and attribute maps; a pure library without I/O."""
