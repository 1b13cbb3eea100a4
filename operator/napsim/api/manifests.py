"""Reading manifests as kubectl reads them.

kubectl's YAML differs from PyYAML's where it hurts: ``startTime: 01:00`` is text there and the number 60 here,
``startDate: 2026-02-15`` is text there and a date here, and a key that comes twice is an error there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import yaml

_TEXT_IN_KUBECTL: Final = "tag:yaml.org,2002:timestamp"


if TYPE_CHECKING:
    _Loader = yaml.SafeLoader
else:  # libyaml where PyYAML has it, which is eight times as fast
    _Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _KubectlLoader(_Loader):
    """PyYAML's safe loader with kubectl's idea of plain scalars."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._written: dict[int, yaml.MappingNode] = {}  # whose keys have been looked at, before others are merged in

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        if id(node) not in self._written:
            self._written[id(node)] = node
            seen: set[str] = set()
            for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
                if key.value in seen:
                    told = f"key {key.value!r} comes twice"
                    raise yaml.constructor.ConstructorError(None, None, told, key.start_mark)
                seen.add(key.value)
        super().flatten_mapping(node)  # ``<<``


def _resolvers() -> dict[str, list[tuple[str, Any]]]:
    """PyYAML's resolvers of plain scalars, without timestamps."""
    return {
        first: [(tag, pattern) for tag, pattern in rules if tag != _TEXT_IN_KUBECTL]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _plain_number(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str | int:
    """A number, or the text itself where PyYAML sees base 60: 01:00, +05:30."""
    if ":" in node.value:
        return str(node.value)
    return int(loader.construct_yaml_int(node))


def _plain_float(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str | int | float:
    """The same for a number with a point; a whole one is an integer, as it is once it has been JSON."""
    if ":" in node.value:
        return str(node.value)
    number = float(loader.construct_yaml_float(node))
    return int(number) if number.is_integer() else number


_KubectlLoader.yaml_implicit_resolvers = _resolvers()
_KubectlLoader.add_constructor("tag:yaml.org,2002:int", _plain_number)
_KubectlLoader.add_constructor("tag:yaml.org,2002:float", _plain_float)


def load_documents(text: str) -> Iterator[tuple[Any, yaml.Node]]:
    """Every document of a YAML or JSON text as it is, with its nodes, which know their lines; empty ones are skipped.

    Raises ``yaml.YAMLError`` for bad YAML, with line and column.
    """
    loader = _KubectlLoader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            document = loader.construct_document(node) if node is not None else None
            if node is not None and document is not None:
                yield document, node
    finally:
        loader.dispose()
