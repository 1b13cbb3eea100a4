"""The claims of a StatefulSet's pods: the next pod of a name has the volumes of the one before.

Mirrors kubernetes v1.36 ``pkg/controller/statefulset/stateful_set_utils.go`` (``updateStorage``). Left out: claims that
``volumeClaimTemplates`` would make; nothing here would give them a volume.
"""

from __future__ import annotations

from napsim.core.objects import Pod, Volume
from napsim.sim.cluster import replace


def disks_of(pod: Pod) -> tuple[Volume, ...]:
    """Those of its volumes that outlive it."""
    return tuple(volume for volume in pod.spec.volumes if volume.persistent_volume_claim is not None)


def with_disks(pod: Pod, disks: tuple[Volume, ...]) -> Pod:
    """The pod with them; those that it names itself go before. Its owners are a value of its own: none is like it."""
    own = {volume.name for volume in pod.spec.volumes}
    volumes = (*pod.spec.volumes, *(volume for volume in disks if volume.name not in own))
    metadata = replace(pod.metadata, owner_references=(*pod.metadata.owner_references,))
    return replace(pod, metadata=metadata, spec=replace(pod.spec, volumes=volumes))
