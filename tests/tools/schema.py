# SPDX-License-Identifier: MIT
"""As much of JSON Schema as the shipped schemas use."""

import json
import pathlib

SHARE = pathlib.Path(__file__).resolve().parents[2] / "share"
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def is_of(value, name):
    if name in ("integer", "number"):
        kinds = int if name == "integer" else (int, float)
        return isinstance(value, kinds) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def faults(value, schema, root, at="$"):
    if "$ref" in schema:
        target = root
        for part in schema["$ref"].lstrip("#/").split("/"):
            target = target[part]
        yield from faults(value, target, root, at)
    if "type" in schema and not is_of(value, schema["type"]):
        yield f"{at}: not {schema['type']}"
        return
    if "const" in schema and value != schema["const"]:
        yield f"{at}: not {schema['const']}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: not one of {schema['enum']}"
    if "minimum" in schema and value < schema["minimum"]:
        yield f"{at}: below {schema['minimum']}"
    if isinstance(value, dict):
        for key in schema.get("required", []):
            if key not in value:
                yield f"{at}: lacks {key}"
        for key, part in value.items():
            inner = schema.get("properties", {}).get(key, schema.get("additionalProperties"))
            if inner:
                yield from faults(part, inner, root, f"{at}.{key}")
    if isinstance(value, list) and "items" in schema:
        for i, part in enumerate(value):
            yield from faults(part, schema["items"], root, f"{at}[{i}]")


def undescribed(value, schema):
    """Keys of the top level that the schema does not know."""
    return set(value) - set(schema["properties"])


def load(name):
    return json.loads((SHARE / f"{name}.schema.json").read_text())


def check(test, value, name):
    """Fails the test unless `value` is as share/NAME.schema.json says."""
    schema = load(name)
    test.assertEqual(list(faults(value, schema, schema)), [])
    test.assertEqual(undescribed(value, schema), set())
