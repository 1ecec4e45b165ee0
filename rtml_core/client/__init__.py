"""Talking to hubs and edges from Python: publishing, steering, scoring."""
