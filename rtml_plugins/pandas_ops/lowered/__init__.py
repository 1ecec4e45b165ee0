"""Lowerings of pandas methods by topic. Each takes a Call and gives one symbolic column for each of its columns."""
