"""Nodes on pandas, scikit-learn and ONNX."""
