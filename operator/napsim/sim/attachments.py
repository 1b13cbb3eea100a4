"""What comes of VolumeAttachments: a volume comes off a node with the last pod there that uses it.

Mirrors kubernetes v1.36 ``pkg/controller/volume/attachdetach``. Policy: it comes off at once, as the time that a driver
takes is in the timing ``detach``. Left out: the attachments of pods that come to a node, which nobody would wait for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from napsim.core.objects import Pod, VolumeAttachment
from napsim.core.pods import is_terminal
from napsim.core.volumes import claim_keys
from napsim.sim.cluster import Cluster


class Attachments:
    """``on_attachment`` and ``on_pod`` are told of changes. ``pods_on``: the keys of a node's pods."""

    def __init__(self, cluster: Cluster, pods_on: Callable[[str], Collection[str]]) -> None:
        self.cluster = cluster
        self._pods_on = pods_on
        self._of_node: dict[str, set[str]] = {}

    def on_attachment(self, old: VolumeAttachment | None, new: VolumeAttachment | None) -> None:
        if old is not None:
            self._of_node.get(old.spec.node_name, set()).discard(old.key)
        if new is not None:
            self._of_node.setdefault(new.spec.node_name, set()).add(new.key)
            self.cluster.kernel.soon(self._look, new.spec.node_name)

    def on_pod(self, old: Pod | None, new: Pod | None) -> None:
        if old is not None and self._of_node.get(old.spec.node_name) and (new is None or is_terminal(new)):
            self._look(old.spec.node_name)

    def on_alike(self, old: Mapping[str, Pod] | None, new: Mapping[str, Pod]) -> None:
        """None of them goes, or ends."""

    def _look(self, node: str) -> None:
        used = set(self._used_on(node))
        for key in sorted(self._of_node.get(node, ())):
            attachment = self.cluster.attachments.objects[key]
            if attachment.spec.source.persistent_volume_name not in used:
                self.cluster.attachments.remove(attachment)

    def _used_on(self, node: str) -> Iterator[str]:
        for pod in (self.cluster.pods.objects[key] for key in self._pods_on(node)):
            claims = (self.cluster.volume_claims.get(key) for _, key in claim_keys(pod))
            yield from (it.spec.volume_name for it in claims if it is not None and not is_terminal(pod))
