"""Score a portable package with onnxruntime alone: no rtml, no pandas.

    python score_onnxruntime.py PACKAGE.rtml < rows.jsonl > answers.jsonl

Needs numpy and onnxruntime, and onnxruntime-extensions for a package that has an operator of kind "extension".
"""

import hashlib
import json
import math
import re
import sys
import zipfile
from datetime import datetime, timedelta

import numpy as np
import onnxruntime

MISSING_STRING, MISSING_TIME = "\ufdd0", -(2**63)
EPOCH, MICROSECOND = datetime(1970, 1, 1), timedelta(microseconds=1)
TENSORS = {"float64": np.float64, "int64": np.int64, "bool": np.bool_, "string": np.object_}
BATCH = 1024


class Package:
    """A package, checked against its digest and its own sample. Raises ValueError that says what is wrong with it."""

    def __init__(self, path):
        with open(path, "rb") as file:
            data = file.read()
        if hashlib.sha256(data[:-64]).hexdigest().encode() != data[-64:]:
            raise ValueError(f"{path} is no rtml package, or was changed after it was built")
        with zipfile.ZipFile(path) as archive:
            model, self.manifest, sample = archive.read("model.onnx"), json_of(archive, "manifest"), json_of(archive, "sample")
        if self.manifest["format"] != 1:
            raise ValueError(f"{path} has package format {self.manifest['format']}; this script reads 1")
        kinds = {op["kind"] for op in self.manifest["ops"]}
        if kinds & {"python", "native"}:
            raise ValueError(f"{path} is not portable: it needs rtml's runtime and a plugin")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3  # errors
        if "extension" in kinds:
            from onnxruntime_extensions import get_library_path

            options.register_custom_ops_library(get_library_path())
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.names = [output.name for output in self.session.get_outputs()]
        self._verify(sample["rows"], sample["expected"], path)

    def score(self, rows, first=0):
        """Answers (list of dicts) for rows (list of dicts). Raises ValueError naming the first row that is refused; they are
        counted from `first`."""
        results = dict(zip(self.names, self.session.run(None, self.feed(rows, first)), strict=True))
        if not results.get("__checks__", np.True_).all():
            row, check = np.argwhere(~results["__checks__"])[0]
            raise ValueError(f"/{first + row}: {self.manifest['checks'][check]['message']}")
        read = {}
        for output in self.manifest["outputs"]:
            column = results[output["tensor"]][:, output.get("index", 0)]
            read[output["name"]] = [answer(output["dtype"], value) for value in column.tolist()]
        return [dict(zip(read, values, strict=True)) for values in zip(*read.values(), strict=True)]

    def feed(self, rows, first=0):
        """The input tensors [N, width]. Raises ValueError for the first value that does not fit its field."""
        tensors = {t["name"]: np.empty((len(rows), t["width"]), TENSORS[t["dtype"]]) for t in self.manifest["inputs"]}
        known = {field["name"] for field in self.manifest["fields"]}
        for number, row in enumerate(rows):
            if not isinstance(row, dict):
                raise ValueError(f"/{first + number}: expected an object of fields, got {row!r}")
            unknown = set(row) - known if self.manifest["extra"] == "refuse" else set()
            if unknown:
                raise ValueError(f"/{first + number}: there is no field {min(unknown)!r}")
            for field in self.manifest["fields"]:
                value = carried(field, row, f"/{first + number}/{field['name']}")
                if "tensor" in field:
                    tensors[field["tensor"]][number, field.get("index", 0)] = value
        return tensors

    def _verify(self, rows, expected, path):
        for number, (got, wanted) in enumerate(zip(self.score(rows), expected, strict=True)):
            for output in self.manifest["outputs"]:
                one, other = got[output["name"]], wanted[output["name"]]
                if isinstance(one, float) and other is not None:  # infinity, which JSON does not have, is a text there
                    rtol = max(output.get("rtol", 0), 1e-5 if output["dtype"] == "float32" else 1e-9)
                    agrees = math.isclose(one, float(other), rel_tol=rtol, abs_tol=max(output.get("atol", 0), 1e-12))
                else:
                    agrees = one == other
                if not agrees:
                    where = f"row {number}, {output['name']!r}"
                    raise ValueError(f"{path} does not reproduce its sample here: {where}: expected {other!r}, got {one!r}")


def json_of(archive, name):
    return json.loads(archive.read(f"{name}.json"))


def carried(field, row, at):
    """The value of a field as its tensor carries it."""
    kind, nullable, name = field["type"], field.get("nullable", False), field["name"]
    value = row.get(name, field.get("default")) if field.get("optional") or name in row else ...
    if value is None and nullable:
        return {"string": MISSING_STRING, "timestamp": MISSING_TIME}.get(kind, math.nan)
    if (
        value is ...
        or not fits(kind, value, nullable)
        or ("minimum" in field and value < field["minimum"])
        or ("maximum" in field and value > field["maximum"])
        or ("categories" in field and value not in field["categories"])
    ):
        got = "nothing" if value is ... else repr(value)
        raise ValueError(f"{at}: expected {kind}{' or null' if nullable else ''}, as the manifest declares it; got {got}")
    return micros(value) if kind == "timestamp" else value


def fits(kind, value, nullable):
    """Whether a value that is not null is one of the type."""
    if kind == "bool":
        return isinstance(value, bool)
    if kind in ("string", "timestamp"):
        if not isinstance(value, str) or "\0" in value or value == MISSING_STRING:
            return False
        return is_unicode(value) if kind == "string" else micros(value) is not None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    if kind == "float":
        return abs(value) <= sys.float_info.max
    return value == value // 1 and abs(value) <= (2**53 if nullable else 2**63 - 1)


def is_unicode(text):
    return not any("\ud800" <= letter <= "\udfff" for letter in text)  # half of a surrogate pair


GRAMMAR = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ](?P<clock>[0-9]{2}:[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,9}))?)?)?"
    r"(?:Z|(?P<ahead>[+-](?:[01][0-9]|2[0-3])):?(?P<also>[0-5][0-9]))?"
)


def micros(text):
    """Microseconds since 1970 UTC of an ISO text; None where it is none, or its day is in no calendar."""
    found = GRAMMAR.fullmatch(text)
    if found is None:
        return None
    try:
        moment = datetime.fromisoformat(f"{found['day']}T{found['clock'] or '00:00'}:{found['second'] or '00'}")
    except ValueError:
        return None
    offset = timedelta(hours=int(found["ahead"] or 0), minutes=int((found["ahead"] or "+")[0] + (found["also"] or "0")))
    return (moment - EPOCH - offset) // MICROSECOND + int((found["fraction"] or "").ljust(6, "0")[:6])


def answer(dtype, value):
    """A value of an output as Python has it."""
    if value != value or (dtype == "string" and value == MISSING_STRING) or (dtype[:4] == "time" and value == MISSING_TIME):
        return None
    if dtype == "timestamp":  # OverflowError beyond the years 1 to 9999
        return (EPOCH + value * MICROSECOND).isoformat() + "Z"
    return bool(value) if dtype == "bool" else value


def main():
    if len(sys.argv) != 2:
        sys.exit("Name a package: python score_onnxruntime.py PACKAGE.rtml < rows.jsonl")
    try:
        package, rows, done = Package(sys.argv[1]), [], 0
        for line in [*sys.stdin, None]:
            if line is not None and line.strip():
                rows.append(json.loads(line))
            if len(rows) == BATCH or line is None:
                for given in package.score(rows, done):
                    finite = {name: None if value in (math.inf, -math.inf) else value for name, value in given.items()}
                    print(json.dumps(finite, ensure_ascii=False))
                rows, done = [], done + len(rows)
    except (ValueError, OverflowError) as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
