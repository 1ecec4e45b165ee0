"""Lowering: turning nodes into ONNX."""
