"""Which operator stands behind which documented module. They are rtml's own classes, as the registry has them."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from rtml_core import operators

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rtml_core import Operator

_PREPROCESSING: Final = "rtml_nodelibs.nodes.standard.preprocessing"
_ML: Final = "rtml_nodelibs.nodes.standard.ml"

#: documented class -> documented module
MODULES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "FieldOps": f"{_PREPROCESSING}.fieldops",
        "FieldTrans": f"{_PREPROCESSING}.fieldtrans",
        "JsonToDataframe": f"{_PREPROCESSING}.json_to_df",
        "ModelUpload": f"{_ML}.artifact_utils",
        "ONNXNode": f"{_ML}.onnx",
        "OneHotEncoder": f"{_PREPROCESSING}.one_hot_encoder",
        "Pandas": f"{_PREPROCESSING}.pandasnode",
        "Processor": f"{_PREPROCESSING}.processor",
        "Receiver": f"{_PREPROCESSING}.receiver",
        "ScikitLearn": f"{_ML}.scikitlearn",
        "Simulator": f"{_PREPROCESSING}.simulator",
        "Split": f"{_PREPROCESSING}.splitter",
    }
)


def discovered() -> dict[str, str]:
    """Class name -> dotted path of every operator that is installed; of the documented ones, the documented path."""
    found: dict[str, type[Operator]] = {name: getattr(operators, name) for name in dir(operators)}
    return {
        name: f"{MODULES[name]}.{name}" if name in MODULES else f"{cls.__module__}.{cls.__qualname__}"
        for name, cls in sorted(found.items())
    }
