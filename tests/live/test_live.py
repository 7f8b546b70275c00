"""Real SDKs with real instrumentation against a running system. Only `make test-live` runs this, in its environment.

What they send goes through a recorder, so it can be kept; tests/e2e/test_recordings.py proves the same of what was kept.
"""
