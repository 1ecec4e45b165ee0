"""Documented modules are found where the documents say, and are rtml's own."""

from __future__ import annotations

from importlib import import_module

import pytest
from rtml_aep.nodes import MODULES
from rtml_nodelibs.core.datamsg import DataMsg
from rtml_nodelibs.core.nodefactory import NodeFactory as nf

import rtml_core
from rtml_core import operators
from rtml_core.plugins import registry

#: what the documents print
DOCUMENTED = {
    "FieldOps": "rtml_nodelibs.nodes.standard.preprocessing.fieldops.FieldOps",
    "FieldTrans": "rtml_nodelibs.nodes.standard.preprocessing.fieldtrans.FieldTrans",
    "ModelUpload": "rtml_nodelibs.nodes.standard.ml.artifact_utils.ModelUpload",
    "ONNXNode": "rtml_nodelibs.nodes.standard.ml.onnx.ONNXNode",
    "Pandas": "rtml_nodelibs.nodes.standard.preprocessing.pandasnode.Pandas",
    "Processor": "rtml_nodelibs.nodes.standard.preprocessing.processor.Processor",
    "Receiver": "rtml_nodelibs.nodes.standard.preprocessing.receiver.Receiver",
    "ScikitLearn": "rtml_nodelibs.nodes.standard.ml.scikitlearn.ScikitLearn",
    "Simulator": "rtml_nodelibs.nodes.standard.preprocessing.simulator.Simulator",
    "Split": "rtml_nodelibs.nodes.standard.preprocessing.splitter.Split",
}


@pytest.mark.parametrize("name", MODULES)
def test_a_documented_class_is_the_operator_of_that_name(name: str) -> None:
    assert getattr(import_module(MODULES[name]), name) is getattr(operators, name)


def test_discover_nodes_gives_what_the_documents_print_and_what_else_is_installed() -> None:
    found = nf.discover_nodes()
    assert {name: found.get(name) for name in DOCUMENTED} == DOCUMENTED
    assert found["JsonToDataframe"] == "rtml_nodelibs.nodes.standard.preprocessing.json_to_df.JsonToDataframe"
    assert found["OneHotEncoder"] == "rtml_nodelibs.nodes.standard.preprocessing.one_hot_encoder.OneHotEncoder"
    assert list(found) == sorted(registry())


def test_every_node_can_be_imported_from_where_it_is_said_to_be() -> None:
    for name, path in nf.discover_nodes().items():
        module, _, attribute = path.rpartition(".")
        assert getattr(import_module(module), attribute) is registry()[name]


def test_a_message_has_data_and_model() -> None:
    message = DataMsg(data=[1], model={"model_id": "a"})
    assert (message.data, message.model, DataMsg is rtml_core.DataMsg) == ([1], {"model_id": "a"}, True)
    assert (DataMsg().data, DataMsg().model) == (None, None)
