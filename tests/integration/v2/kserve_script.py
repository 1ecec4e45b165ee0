"""Runs in the environment of the kserve client: asks an edge over HTTP and gRPC, prints as JSON what it was answered.

python kserve_script.py HTTP_ADDRESS GRPC_ADDRESS < inputs.json; inputs: {"name": [datatype, values, missing], ...}.
"""

import asyncio
import json
import sys

import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig

NUMPY = {"FP64": np.float64, "INT64": np.int64, "BOOL": np.bool_, "BYTES": np.object_}


def request(inputs, form, names=None):
    found = []
    for name, (datatype, values, missing) in inputs.items():
        parameters = {"missing": missing} if missing else {}
        tensor = InferInput(name, [len(values), 1], datatype, parameters=parameters)
        if form == "list":
            tensor.data = values
        else:
            filled = [float("nan") if value is None else value for value in values]
            tensor.set_data_from_numpy(np.array(filled, NUMPY[datatype]).reshape(-1, 1), binary_data=form == "binary")
        found.append(tensor)
    parameters = {"binary_data_output": True} if form == "binary" else {}
    return InferRequest("visits", found, request_id="k-1", parameters=parameters)


def outputs(response):
    found = {}
    for output in response.outputs:
        values = [v.decode() if isinstance(v, bytes) else v for v in np.array(output.as_numpy()).reshape(-1).tolist()]
        parameters = output.parameters or {}
        missing = {**parameters}.get("missing", "")
        missing = missing if isinstance(missing, str) else missing.string_param
        found[output.name] = [values, missing]
    return {"id": response.id, "outputs": found}


async def main(http, rpc):
    inputs = json.load(sys.stdin)
    filled = {n: [k, [0 if v is None and k == "FP64" else v for v in values], m] for n, (k, values, m) in inputs.items()}
    answers = {}
    rest = InferenceRESTClient(RESTConfig(protocol="v2", retries=1, timeout=60))
    base = f"http://{http}"
    answers["ready"] = [
        await rest.is_server_live(base),
        await rest.is_server_ready(base),
        await rest.is_model_ready(base, "visits"),
        await rest.is_model_ready(base, "nobody"),
    ]
    key = {"X-Rtml-Key": "visitor-0"}
    for form in ("json", "binary"):
        answer = await rest.infer(base, request(inputs if form == "binary" else filled, form), "visits", headers=dict(key))
        answers[f"rest {form}"] = outputs(answer)
    try:
        await rest.infer(base, request({"age": ["FP64", [1.0], ""]}, "json"), "visits", headers=dict(key))
    except Exception as error:
        answers["rest error"] = str(error)
    await rest.close()
    client = InferenceGRPCClient(rpc, timeout=60)
    answers["grpc ready"] = [
        await client.is_server_live(),
        await client.is_server_ready(),
        await client.is_model_ready("visits"),
    ]
    metadata = (("x-rtml-key", "visitor-0"),)
    for form in ("list", "binary"):
        answer = await client.infer(request(filled if form == "list" else inputs, form), headers=metadata)
        answers[f"grpc {form}"] = outputs(answer)
    try:
        await client.infer(request({"age": ["FP64", [1.0], ""]}, "binary"), headers=metadata)
    except Exception as error:
        answers["grpc error"] = error.details()
    await client.close()
    print(json.dumps(answers))


asyncio.run(main(*sys.argv[1:3]))
