"""Fixtures for the tests of operator authors; pytest finds them by itself where rtml is installed."""
