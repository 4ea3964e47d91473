"""Plain values into YAML text and back, for files that the tool writes. Deterministic: same values, same bytes.

By ruamel.yaml's C emitter. The text is YAML 1.2 that also reads right under 1.1: what could be taken for anything but
text is quoted. The user's files are written by `yaml_edit`.
"""

import io
import json
import re
from collections.abc import Mapping
from typing import Any

from ruamel.yaml.cyaml import CEmitter  # type: ignore[attr-defined]  # it has no types
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.representer import SafeRepresenter

from cosmosctl.yaml.reader import parse
from cosmosctl.yaml.scalar import BREAKS_OF_YAML_1_1, AnyMeaning, stand_ins

_LINE_LENGTH = 100
MAX_NODES = 1_000_000
"""The largest batch has fewer."""


def dump_tool(data: Mapping[str, Any]) -> str:
    """YAML text of a mapping: keys in their order, text of several lines as a block, every value reads back equal.

    Raises: TypeError for what is no plain value, ValueError for text that is not Unicode (a lone surrogate).
    """
    every_text = json.dumps(data, ensure_ascii=False)
    there, back = stand_ins(sorted(set(_ASTRAL.findall(every_text))), every_text)
    out = io.StringIO()
    dumper = _Dumper(out, there)
    dumper.open()
    dumper.serialize(dumper.outer_blocks(data))
    dumper.close()
    return out.getvalue().translate(back) if back else out.getvalue()


def load_tool(text: str, *, max_nodes: int = MAX_NODES) -> Any:
    """The values of a file that `dump_tool` wrote, or null for what is not YAML."""
    document = parse(text, max_nodes=max_nodes, of_tool=True)
    return None if document.mistakes else document.value


_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
"""Emoji and the like: libyaml 0.1, which is inside ruamel.yaml.clib, would write them as \\U0001F600."""


class _Dumper(CEmitter, SafeRepresenter, AnyMeaning):  # type: ignore[misc]  # CEmitter has no types
    """ruamel.yaml's CSafeDumper without aliases, its layout decided here."""

    use_version = (1, 1)
    """Not said in the file; floats are written as 1.0e-05 instead of 1e-05, which would be text to YAML 1.1."""

    def __init__(self, out: io.StringIO, there: Mapping[int, str]) -> None:
        CEmitter.__init__(self, out, allow_unicode=True, width=1 << 30)
        SafeRepresenter.__init__(self)
        AnyMeaning.__init__(self)
        self.sort_base_mapping_type_on_output = False
        self._there = there

    def outer_blocks(self, data: Mapping[str, Any]) -> MappingNode:
        """`data` as nodes; the file and what lies directly below it are blocks, deeper down short things get a line."""
        root = self.represent_dict(data)
        for node in (root, *(value for _, value in root.value if isinstance(value, MappingNode))):
            node.flow_style = False
        return root

    def represent_str(self, data: str) -> ScalarNode:
        style = '"' if any(char in data for char in BREAKS_OF_YAML_1_1) else "|" if "\n" in data else None
        return self.represent_scalar("tag:yaml.org,2002:str", data.translate(self._there), style=style)

    def represent_sequence(self, tag: Any, sequence: Any, flow_style: Any = None) -> SequenceNode:
        node = super().represent_sequence(tag, sequence, flow_style)
        node.flow_style = node.flow_style and sum(len(item.value) + 2 for item in node.value) <= _LINE_LENGTH
        return node

    def represent_mapping(self, tag: Any, mapping: Any, flow_style: Any = None) -> MappingNode:
        node = super().represent_mapping(tag, mapping, flow_style)
        length = sum(len(key.value) + len(value.value) + 4 for key, value in node.value)
        node.flow_style = node.flow_style and length <= _LINE_LENGTH
        return node

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(str, _Dumper.represent_str)
