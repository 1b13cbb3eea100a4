"""From pydantic's JSON schema to the structural OpenAPI v3 schema that a CustomResourceDefinition needs.

Differences that matter: no references, no titles, no null (the API server prunes nulls), ``exclusiveMinimum`` is a
boolean beside ``minimum``, a constant is an enum of one, free maps keep unknown fields, and rules become
x-kubernetes-validations.
"""

from __future__ import annotations

from typing import Any, Final, cast

from pydantic import BaseModel, JsonValue
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from napsim.api.base import Model
from napsim.api.scalars import VALIDATIONS

Schema = dict[str, Any]
_DROPPED: Final = ("title", "$defs", "const", "additionalProperties", "anyOf", "$ref", "exclusiveMinimum")
_ORDER: Final = ("description", "type", "format", "default", "enum", "pattern", "properties", "required", "items")


class StructuralSchema(GenerateJsonSchema):
    """Pydantic's generator, with defaults as manifests write them and with the rules of every model."""

    def encode_default(self, dft: object) -> JsonValue:
        """A default as the manifest writes it: of a model only what was set, since the rest has defaults of its own."""
        if isinstance(dft, BaseModel):
            written: JsonValue = dft.model_dump(mode="json", exclude_unset=True, exclude_none=True)
            return written
        if isinstance(dft, tuple):
            return [self.encode_default(item) for item in dft]
        return cast("JsonValue", super().encode_default(dft))

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """A default as the field's own writer writes it: 30m, where pydantic would have PT30M."""
        inner: Schema = dict(schema["schema"])
        write = inner.get("serialization", {}).get("function")
        default = schema.get("default")
        if write is None or default is None:
            return super().default_schema(schema)
        return super().default_schema({**schema, "default": write(default)})

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """The schema of a model, with its rules."""
        result = super().model_schema(schema)
        model = cast("type[Model]", schema["cls"])
        rules = [*(rule.schema() for rule in model.RULES), *(rule.schema() for rule in model.TRANSITIONS)]
        return {**result, VALIDATIONS: [*result.get(VALIDATIONS, []), *rules]} if rules else result


def structural_schema(model: type[Model]) -> Schema:
    """The structural schema of a model, with nothing left to look up."""
    schema = model.model_json_schema(by_alias=True, schema_generator=StructuralSchema)
    return _structural(schema, schema.get("$defs", {}))


def _structural(schema: Schema, definitions: Schema) -> Schema:
    merged = _without_null(_resolved(schema, definitions), definitions)
    result = {key: value for key, value in merged.items() if key not in _DROPPED}
    if merged.get("x-kubernetes-int-or-string"):
        result["anyOf"] = merged["anyOf"]
    if "const" in merged:
        result["enum"] = [merged["const"]]
    if "exclusiveMinimum" in merged:
        result |= {"minimum": merged["exclusiveMinimum"], "exclusiveMinimum": True}
    _descend(result, merged, definitions)
    if _says_nothing(result):
        result.pop("default", None)
    return {key: result[key] for key in sorted(result, key=_position)}


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    """The schema with its reference followed; what stands beside the reference wins."""
    if "$ref" not in schema:
        return schema
    target = definitions[schema["$ref"].rsplit("/", 1)[-1]]
    own = {key: value for key, value in schema.items() if key != "$ref"}
    rules = [*target.get(VALIDATIONS, []), *own.get(VALIDATIONS, [])]
    return {**target, **own, **({VALIDATIONS: rules} if rules else {})}


def _without_null(schema: Schema, definitions: Schema) -> Schema:
    """``anyOf`` of something and null, as that something: absent and null are the same to the API server."""
    if "anyOf" not in schema or schema.get("x-kubernetes-int-or-string"):
        return schema
    others = [_resolved(option, definitions) for option in schema["anyOf"] if option != {"type": "null"}]
    if len(others) != 1:
        raise ValueError(f"a structural schema cannot be one of several types: {schema}")
    return {**others[0], **{key: value for key, value in schema.items() if key != "anyOf"}}


def _says_nothing(schema: Schema) -> bool:
    """Whether the default is Python's way to say absent. An empty object with defaults to fill in is not."""
    default = schema.get("default")
    fields = schema.get("properties", {}).values()
    return default is None or default in ([], "") or (default == {} and not any("default" in field for field in fields))


def _descend(result: Schema, merged: Schema, definitions: Schema) -> None:
    if "properties" in merged:
        properties = merged["properties"].items()
        result["properties"] = {name: _structural(part, definitions) for name, part in properties}
    if "items" in merged:
        result["items"] = _structural(merged["items"], definitions)
    values = merged.get("additionalProperties")
    if isinstance(values, dict) and values:
        values = _structural(values, definitions)
    if values is True or values == {}:
        result["x-kubernetes-preserve-unknown-fields"] = True
    elif isinstance(values, dict):
        result["additionalProperties"] = values
        # What bounds the number of a map's entries has another name than what bounds a text.
        if "maxLength" in result:
            result["maxProperties"] = result.pop("maxLength")


def _position(key: str) -> tuple[int, str]:
    return (_ORDER.index(key), key) if key in _ORDER else (len(_ORDER), key)
