"""Drive mode: maintenance windows for a Karpenter provider for Azure that runs beside napsim, and nothing else.

MaintenanceConfigurations and NodeAutoProvisioning are followed, their statuses are written, and the ConfigMap is kept
from which the provider learns of its window. No node, pod, claim, pool or class is read or written.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from napsim.controllers.clock import VirtualClock
from napsim.controllers.controllers import SINGLETON
from napsim.controllers.declared import Declared, Manifest
from napsim.controllers.executor import Retry
from napsim.controllers.patches import difference
from napsim.controllers.publication import WindowPublisher, manifest_of
from napsim.controllers.reports import Reports
from napsim.controllers.resources import CONFIG_MAPS, MAINTENANCE_CONFIGURATIONS, NODE_AUTO_PROVISIONINGS
from napsim.controllers.windows import WindowController
from napsim.core.actions import EvictPod
from napsim.core.objects import ConfigMap
from napsim.core.published_windows import CONFIG_MAP
from napsim.live.client import Client
from napsim.live.clock import wall_clock
from napsim.live.events import Recorder
from napsim.live.executor import RESOURCES, Executor, NotOurs
from napsim.live.informers import published_window
from napsim.live.metrics import Metrics
from napsim.live.relisting import Relisting
from napsim.live.tasks import Tasks
from napsim.live.workqueue import Workqueue
from napsim.live.writer import ATTEMPT_SECONDS, OutcomeKind, Writer

log: Final = logging.getLogger(__name__)

KINDS: Final = (NODE_AUTO_PROVISIONINGS, MAINTENANCE_CONFIGURATIONS)
"""What is followed of what people declare; settings first, as the others are read by them."""
_REFUSED: Final = (OutcomeKind.REJECTED, OutcomeKind.NOT_FOUND)


class Drive:
    """One cluster, on the wall clock. ``observe`` takes the declared kinds; it acts between ``start`` and ``stop``."""

    def __init__(
        self,
        client: Client,
        fence: Callable[[], bool],
        instance: str,
        jitter: Callable[[], float],
        metrics: Metrics,
        *,
        system_namespace: str,
        write_seconds: float = ATTEMPT_SECONDS,
    ) -> None:
        """``system_namespace``: where the ConfigMap is. ``write_seconds``: how long a write that was sent may take."""
        self.client = client
        self.namespace = system_namespace
        self.clock = VirtualClock(wall_clock)
        self.declared = Declared()
        self.leading = False
        self.resigned = asyncio.Event()  # never: who leads does not matter to any node
        self.writer = Writer(client, fence, jitter=jitter, attempt_seconds=write_seconds)
        self.recorder = Recorder(
            client, instance=instance, fence=fence, stand_back=self.writer.drain, send_seconds=write_seconds
        )
        hands = Executor(self.writer, self.recorder, self.clock.real, _evict, metrics.on_created, metrics.on_disrupted)
        self.reports = Reports(self.declared, self.clock, hands)
        self.windows = WindowController(self.declared, self.clock, self.reports)
        self.publisher = WindowPublisher(self.declared, self.windows, self.clock, self.reports, self, system_namespace)
        self.config_map = published_window(client, jitter, system_namespace, self._on_config_map)
        self.writer.mirror(CONFIG_MAPS, self.config_map)
        self.queues = {
            "windows": Workqueue("windows", self._reconcile_window, self.clock, jitter, workers=1),
            "publication": Workqueue("publication", self.publisher.reconcile, self.clock, jitter, workers=1),
        }
        self._tasks = Tasks(log, "drive mode")
        self._relisting = Relisting(client, self.declared, self.observe)

    # --- life ---------------------------------------------------------------------------------------------------------

    async def run_informers(self) -> None:
        """Follow the ConfigMap, leading or not, until cancelled."""
        await self.config_map.run()

    async def start(self) -> None:
        """Lead: read what is declared, go on from what statuses say, look at everything once."""
        await self.config_map.synced.wait()
        for resource in KINDS:
            await self._relisting.kind(resource)
        self.windows.adopt()
        self.leading = True
        for queue in self.queues.values():
            queue.resume()
        self._look()
        for job in (self.recorder.run(), self._relisting.forever(KINDS)):
            self._tasks.begin(job)

    async def stop(self) -> None:
        """Stop acting: what is under way ends, nothing new begins. The ConfigMap stays as it is."""
        self.leading = False
        for queue in self.queues.values():
            queue.pause()
        await self._tasks.end()
        await asyncio.gather(*(queue.drain() for queue in self.queues.values()))

    async def report_last(self) -> None:
        """Every status is written as soon as it changes: nothing is left to say."""

    # --- what changes -------------------------------------------------------------------------------------------------

    def observe(self, manifest: Manifest, *, deleted: bool = False) -> None:
        """A MaintenanceConfiguration or NodeAutoProvisioning, as it is now."""
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        if deleted:
            self.declared.drop(kind, name)
            self.windows.in_force.pop(name, None)
        elif not self.declared.is_news(manifest):
            return
        elif not self.declared.take(manifest, self.clock.now()):
            self._tasks.begin(self.reports.problems(RESOURCES[kind], manifest))
            return
        if self.leading:
            self._look()

    def _on_config_map(self, _: ConfigMap | None, new: ConfigMap | None) -> None:
        self.publisher.held = new
        if self.leading:
            self.queues["publication"].add(SINGLETON)

    def _look(self) -> None:
        for name in self.declared.windows:
            self.queues["windows"].add(name)
        self.queues["publication"].add(SINGLETON)

    async def _reconcile_window(self, name: str) -> datetime | None:
        again_at = await self.windows.reconcile(name)
        self.queues["publication"].add(SINGLETON)
        return again_at

    # --- the ConfigMap ------------------------------------------------------------------------------------------------

    async def write(self, held: ConfigMap | None, data: Mapping[str, str]) -> str:
        """Raises Retry when somebody else was faster, or nobody answers."""
        if held is None:
            outcome = await self.writer.create(CONFIG_MAPS, self.namespace, manifest_of(self.namespace, data))
        else:
            changes = {"data": difference(held.data, data)}
            version = held.metadata.resource_version
            outcome = await self.writer.patch(
                CONFIG_MAPS, self.namespace, CONFIG_MAP, changes, resource_version=version
            )
        if outcome.kind in _REFUSED and not (held is not None and outcome.kind is OutcomeKind.NOT_FOUND):
            log.warning("the API server refused the ConfigMap: %s", outcome.message)
            return outcome.message
        if not outcome.applied:
            raise Retry(f"{outcome.kind}: {outcome.message}")
        log.info("%s now holds %s", self.publisher.where, dict(data))
        return ""


def _evict(action: EvictPod) -> None:
    """Raises NotOurs."""
    raise NotOurs(f"drive mode evicts nothing, and was asked to: {action}")
