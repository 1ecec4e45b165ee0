"""The servers that rtml is measured beside. Each runs in an environment of its own, which has nothing of rtml."""
