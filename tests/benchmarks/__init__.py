"""Benchmarks: how fast the standard pipeline answers, authored, by scikit-learn, by hand and compiled."""
