"""Converters from fitted scikit-learn estimators to ONNX; see registry."""
