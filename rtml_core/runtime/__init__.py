"""Loading and scoring packages. Imports numpy, onnxruntime, its extensions and msgspec; never pandas, scikit-learn, onnx."""

from rtml_core.runtime.runtime import Runtime

__all__ = ["Runtime"]
