"""The model store: one file for one content, whole or not at all; and ModelUpload."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from rtml_core.errors import ParamError, RtmlError, UnknownNameError
from rtml_plugins.onnx_ops.model_upload import ModelUpload
from rtml_plugins.onnx_ops.store import ModelStore, StoreError, default_root, digest

from .models import scaled_sum  # type: ignore[import-not-found]


def test_the_same_bytes_are_kept_once(tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "deep" / "models")
    one, two = store.put(b"model"), store.put(b"model")
    assert one == two == digest(b"model")
    assert [path.name for path in store.root.iterdir()] == [f"{one}.onnx"]
    assert store.get(one) == b"model"
    assert one in store
    assert digest(b"other") not in store
    assert "../../etc/passwd" not in store


def test_nothing_half_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ModelStore(tmp_path)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.put(b"model")
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_there_or_damaged_is_said(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    with pytest.raises(UnknownNameError, match="upload it with ModelUpload"):
        store.get(digest(b"model"))
    with pytest.raises(UnknownNameError, match=r"a model id is the SHA-256 of the file.+got '../x'"):
        store.get("../x")
    model_id = store.put(b"model")
    store.path(model_id).write_bytes(b"modeX")
    with pytest.raises(StoreError, match="is damaged: delete it and upload the model again"):
        store.get(model_id)


def test_a_store_that_can_not_be_written_names_the_cure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"can't be written .+: set RTML_HOME to a folder of yours"):
        ModelStore(tmp_path / "file" / "models").put(b"model")


def test_the_folder_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTML_HOME", str(tmp_path))
    assert default_root() == tmp_path / "models"
    monkeypatch.delenv("RTML_HOME")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert default_root() == Path("/home/somebody/.rtml/models")


def test_model_upload_as_documented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTML_HOME", str(tmp_path / "home"))
    path = tmp_path / "model.onnx"
    path.write_bytes(scaled_sum(3).SerializeToString())
    model = ModelUpload(params={"model_path": str(path)}).process(None, 1).model
    assert model is not None
    assert model["model_id"] == digest(path.read_bytes())
    assert Path(model["location"]).read_bytes() == path.read_bytes()
    assert ModelUpload(model_path=str(path)).process(None, 1).model == model
    frame = pd.DataFrame({"a": [1]})
    assert ModelUpload(model_path=str(path)).process(frame).data is frame


def test_model_upload_refuses_what_is_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTML_HOME", str(tmp_path / "home"))
    with pytest.raises(RtmlError, match=r"'nowhere\.onnx' can't be read \(No such file or directory\); give the path"):
        ModelUpload(model_path="nowhere.onnx").process(None)
    path = tmp_path / "text.onnx"
    path.write_text("hello")
    with pytest.raises(RtmlError, match=r"text\.onnx' is not an ONNX model, .* has 5 bytes and begins with b'hello'; export"):
        ModelUpload(model_path=str(path)).process(None)
    with pytest.raises(ParamError, match="parameter 'model_path' is missing"):
        ModelUpload()
    assert not (tmp_path / "home").exists()


def test_an_upload_is_not_compiled() -> None:
    from rtml_core import Graph
    from rtml_core.errors import CompileError
    from rtml_plugins.flow.receiver import Receiver

    graph = Graph.start(Receiver(schema={"a": "float"})) >> ModelUpload(model_path="model.onnx")
    with pytest.raises(CompileError, match="is for authoring"):
        graph.compile()
