"""One full status of every kind: nothing of it may be lost, and every column finds its value."""

from __future__ import annotations

from typing import Any, Final

_AT: Final = "2026-02-15T01:00:00Z"


def _condition(type_: str) -> dict[str, Any]:
    return {
        "type": type_,
        "status": "True",
        "reason": type_,
        "message": "",
        "lastTransitionTime": _AT,
        "observedGeneration": 1,
    }


_WINDOW: Final = {
    "start": "2026-02-15T01:00:00Z",
    "end": "2026-02-15T05:00:00Z",
    "utc": "Sun 2026-02-15 01:00-05:00",
    "local": "Sun 2026-02-15 02:00-06:00 +01:00",
}
_RESOURCES: Final = {"cpu": "4", "memory": "16Gi"}

STATUSES: Final[dict[str, dict[str, Any]]] = {
    "NodePool": {
        "resources": _RESOURCES,
        "nodes": 12,
        "nodeClassObservedGeneration": 2,
        "conditions": [_condition("Ready"), _condition("ValidationSucceeded")],
    },
    "NodeClaim": {
        "nodeName": "aks-default-x7k2p",
        "providerID": "kwok://aks-default-x7k2p",
        "imageID": "/subscriptions/0/galleries/AKSUbuntu/images/2204gen2containerd/versions/202602.13.0",
        "capacity": _RESOURCES,
        "allocatable": _RESOURCES,
        "conditions": [_condition(kind) for kind in ("Ready", "Drifted", "DisruptionReason", "Drained")],
        "lastPodEventTime": _AT,
    },
    "AKSNodeClass": {
        "images": [
            {
                "id": "/CommunityGalleries/AKSUbuntu/images/2204gen2containerd/versions/202602.13.0",
                "requirements": [{"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]}],
            }
        ],
        "kubernetesVersion": "1.33.2",
        "localDNSState": "Enabled",
        "conditions": [_condition("Ready")],
    },
    "MaintenanceConfiguration": {
        "observedGeneration": 3,
        "state": "OPEN",
        "changes": "closes Sun 05:00Z, in 3h48m",
        "changesAt": "2026-02-15T05:00:00Z",
        "window": "Sun 2026-02-15 01:00-05:00",
        "zone": "UTC+01:00",
        "schedule": "every week on Sunday, 4 h",
        "startDate": "2026-02-01",
        "current": _WINDOW,
        "next": _WINDOW,
        "following": [_WINDOW],
        "cutOut": [{"start": _AT, "end": "2026-02-15T02:00:00Z", "reason": "notAllowedDates 2026-02-15 to 2026-02-15"}],
        "effective": {"generation": 2, "since": _AT, "spec": {"configName": "default", "anything": {"goes": [1]}}},
        "pendingUntil": _AT,
        "leadTimeWarning": "changed 12m before the window; counts from the next one",
        "conditions": [_condition("Ready")],
    },
    "NodeImage": {
        "observedGeneration": 1,
        "published": "Mon 2026-02-16 09:30Z",
        "publishedAt": "2026-02-16T09:30:00Z",
        "age": "3d",
        "state": "Latest",
        "nodes": 12,
        "nodePools": "default 11/12, system 1/3",
        "nodeClasses": ["default"],
        "conditions": [_condition("Ready")],
    },
    "NodeAutoProvisioning": {
        "observedGeneration": 1,
        "phase": "RollingOut",
        "clock": {"anchorReal": _AT, "anchorVirtual": _AT, "factor": 600, "now": _AT, "display": "Sun 01:12Z x600"},
        "kubernetesVersion": "1.33.2",
        "target": "2204gen2containerd 202602.13.0",
        "targets": [{"nodeClass": "default", "definition": "2204gen2containerd", "version": "202602.13.0"}],
        "window": "OPEN until Sun 05:00Z (weekly)",
        "forced": "2204gen2containerd on 2026-02-15",
        "progress": {
            "total": 15,
            "updated": 9,
            "drifted": 6,
            "disrupting": 2,
            "blocked": 1,
            "summary": "9/15",
        },
        "estimatedFinish": "2026-02-15T05:30:00Z",
        "finish": "about Sun 05:30Z",
        "pools": [
            {
                "name": "default",
                "total": 12,
                "updated": 9,
                "drifted": 3,
                "disrupting": 2,
                "blocked": 1,
                "allowed": 2147483647,
                "allowances": {"drifted": 2147483647, "empty": 1, "underutilized": 0},
                "replaced": 9,
                "maxDisrupting": 3,
                "activeSeconds": 5400,
            }
        ],
        "blocked": [
            {
                "node": "aks-default-x7k2p",
                "nodeClaim": "default-x7k2p",
                "nodePool": "default",
                "reason": "PdbBlocked",
                "message": "PDB shop/ledger allows no disruption",
                "since": _AT,
                "until": "2026-02-15T02:00:00Z",
            }
        ],
        "pickups": [
            {
                "nodeClass": "default",
                "definition": "2204gen2containerd",
                "from": "202601.27.0",
                "to": "202602.13.0",
                "at": _AT,
                "rule": "MaintenanceWindow",
                "reason": "the window of weekly is open",
            }
        ],
        "listCache": {"filledAt": _AT, "expiresAt": "2026-02-18T01:00:00Z", "key": "a1"},
        "osUpgrades": {
            "channel": "NodeImage",
            "pending": "Unmanaged",
            "takesEffectAt": "2026-02-16T01:00:00Z",
            "changedAt": _AT,
            "summary": "NodeImage, Unmanaged from Mon 01:00Z: system 2/5",
            "pools": [
                {
                    "name": "system",
                    "nodes": 5,
                    "due": 3,
                    "upgrading": ["system-2"],
                    "prevented": ["system-0"],
                    "skipped": ["system-1: the operator runs on it"],
                    "reason": "MaintenanceWindowOpen",
                    "message": "the window is open",
                    "next": "2026-02-15T05:00:00Z",
                }
            ],
        },
        "summary": {
            "startedAt": _AT,
            "finishedAt": "2026-02-15T05:30:00Z",
            "firstEstimate": "2026-02-15T05:30:00Z",
            "replaced": 9,
            "maxDisrupting": 3,
            "everBlocked": 1,
        },
        "conditions": [_condition("Ready"), _condition("RolledOut"), _condition("NotYetHonoured")],
    },
}
