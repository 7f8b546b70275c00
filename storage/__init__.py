"""Where traces are kept: protocols in ``storage.api``, the implementation in ``storage.postgres``."""
