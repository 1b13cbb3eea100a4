"""Which tool a text is of: told by the ending of its file, else by what it says."""

from __future__ import annotations

from pathlib import PurePath
from typing import Final

from napsim.azure import aso, commands, rest, terraform
from napsim.azure.imports import Imports
from napsim.reading.sources import Document, Mistake, Text, documents_of

TERRAFORM: Final = ".tf"
_SCRIPTS: Final = frozenset({".sh", ".azcli", ".bash"})
_DOCUMENTS: Final = frozenset({".json", ".yaml", ".yml"})


def read(found: Imports, text: Text, name: str = "") -> None:
    """Everything in a text. ``name``: of a configuration that has none. Raises ``hcl.ExtraMissing``."""
    suffix = PurePath(text.name).suffix
    unknown = suffix not in _DOCUMENTS
    if suffix == TERRAFORM or (unknown and terraform.are_in(text.text)):
        terraform.read(found, text.name, text.text)
    elif suffix in _SCRIPTS or (unknown and commands.are_in(text.text)):
        commands.read(found, text.name, text.text)
    else:
        documents, wrong = documents_of([text])
        found.mistakes += wrong
        for document in documents:
            _document(found, document, name)


def _document(found: Imports, document: Document, name: str) -> None:
    if aso.is_of(document.manifest):
        aso.read(found, document)
    elif terraform.is_shown(document.manifest):
        terraform.read_shown(found, document)
    elif terraform.is_stored(document.manifest):
        told = "a state as Terraform keeps it is not read: give what `terraform show -json` prints"
        found.mistakes.append(Mistake(document.file, document.line, "", "terraform_version", None, told))
    elif terraform.is_written_as_json(document.manifest):
        told = "Terraform's JSON syntax is not read: give what `terraform show -json` prints"
        found.mistakes.append(Mistake(document.file, document.line, "", "resource", None, told))
    elif isinstance(document.manifest, dict) and "apiVersion" in document.manifest:
        told = f"another kind ({document.manifest['apiVersion']}), and is not read"
        found.notes.append(Mistake(document.file, document.line, document.named, "", None, told))
    else:
        rest.read(found, document, name)
