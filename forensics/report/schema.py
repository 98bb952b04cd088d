"""The JSON Schema (2020-12) of report.json, made from the report's own dataclasses."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from forensics.report.model import SCHEMA_VERSION, Report


class _AsWritten(GenerateJsonSchema):
    """Every field is written, no others are; fractions are "25/1" and paths a bare file name."""

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        return super().dataclass_schema(schema) | {"additionalProperties": False}

    def field_is_required(
        self,
        field: core_schema.ModelField | core_schema.DataclassField | core_schema.TypedDictField,
        total: bool,
    ) -> bool:
        return True

    def get_title_from_name(self, name: str) -> str:
        return name


def report_schema() -> dict[str, Any]:
    """The schema of the reports that this version writes, as JSON's own types."""
    schema = TypeAdapter(Report).json_schema(schema_generator=_AsWritten, mode="serialization")
    schema["properties"]["schema_version"] = {"const": SCHEMA_VERSION}
    head = {
        "$schema": GenerateJsonSchema.schema_dialect,
        "$id": f"urn:face-video-forensics:report:{SCHEMA_VERSION}",
        "title": "Report of face-video-forensics",
        "version": SCHEMA_VERSION,
    }
    return head | {name: value for name, value in schema.items() if name not in head}
