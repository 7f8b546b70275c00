"""The ``relayscope`` command."""
