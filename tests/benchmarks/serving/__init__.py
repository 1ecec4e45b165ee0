"""The bars of serving: rtml and its peers behind HTTP, measured side by side in one run."""
