"""The parts of SARIF 2.1.0 (OASIS, 2020-03-27) that findings use: properties, types, bounds, and what is required.

Stricter than the standard: a property that is not here is refused, so that one which findings begin to use is added
here with what the standard says of it.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Level = Literal["none", "note", "warning", "error"]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Name = Annotated[str, msgspec.Meta(min_length=1)]
# RFC 3986: a reference, in which blanks and other letters are escaped.
UriReference = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+$")]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Base of all parts."""


class Message(Part, frozen=True):
    """3.11."""

    text: Name


class MultiformatMessage(Part, frozen=True):
    """3.12."""

    text: Name
    markdown: Name | msgspec.UnsetType = msgspec.UNSET


class Configuration(Part, frozen=True):
    """3.50."""

    level: Level


class ReportingDescriptor(Part, frozen=True):
    """3.49."""

    id: Name
    name: Name
    short_description: MultiformatMessage
    help: MultiformatMessage
    default_configuration: Configuration


class ToolComponent(Part, frozen=True):
    """3.19."""

    name: Name
    version: Name
    rules: Annotated[list[ReportingDescriptor], msgspec.Meta(min_length=1)]


class Tool(Part, frozen=True):
    """3.18."""

    driver: ToolComponent


class ArtifactLocation(Part, frozen=True):
    """3.4."""

    uri: UriReference


class Region(Part, frozen=True):
    """3.30: ``endColumn`` is the column after the last."""

    start_line: Positive
    start_column: Positive
    end_line: Positive
    end_column: Positive


class PhysicalLocation(Part, frozen=True):
    """3.29."""

    artifact_location: ArtifactLocation
    region: Region


class LogicalLocation(Part, frozen=True):
    """3.33."""

    name: Name
    fully_qualified_name: Name


class Location(Part, frozen=True):
    """3.28."""

    physical_location: PhysicalLocation
    logical_locations: list[LogicalLocation]


class ArtifactContent(Part, frozen=True):
    """3.3."""

    text: str


class Replacement(Part, frozen=True):
    """3.57."""

    deleted_region: Region
    inserted_content: ArtifactContent


class ArtifactChange(Part, frozen=True):
    """3.56."""

    artifact_location: ArtifactLocation
    replacements: Annotated[list[Replacement], msgspec.Meta(min_length=1)]


class Fix(Part, frozen=True):
    """3.55."""

    description: Message
    artifact_changes: Annotated[list[ArtifactChange], msgspec.Meta(min_length=1)]


class Suppression(Part, frozen=True):
    """3.35."""

    kind: Literal["inSource", "external"]
    justification: Name


class Result(Part, frozen=True):
    """3.27."""

    rule_id: Name
    rule_index: Annotated[int, msgspec.Meta(ge=-1)]
    level: Level
    message: Message
    locations: list[Location]
    partial_fingerprints: dict[str, str]
    fixes: Annotated[list[Fix], msgspec.Meta(min_length=1)] | msgspec.UnsetType = msgspec.UNSET
    suppressions: Annotated[list[Suppression], msgspec.Meta(min_length=1)] | msgspec.UnsetType = msgspec.UNSET


class Run(Part, frozen=True):
    """3.14."""

    tool: Tool
    column_kind: Literal["utf16CodeUnits", "unicodeCodePoints"]
    results: list[Result]


class Log(Part, frozen=True):
    """3.13."""

    version: Literal["2.1.0"]
    runs: list[Run]
    schema: UriReference = msgspec.field(name="$schema")
