"""robyn, msgspec and ONNX Runtime by hand."""

import os

from robyn import Response, Robyn
from rows import answer

app = Robyn(__file__)


@app.post("/predict")
async def predict(request):
    body = request.body
    content = answer(body.encode() if isinstance(body, str) else bytes(body))
    return Response(200, {"content-type": "application/json"}, content)


if __name__ == "__main__":
    app.start(host="127.0.0.1", port=int(os.environ["PEER_PORT"]))
