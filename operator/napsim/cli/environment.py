"""The environment variables that napsim reads. A test holds the table to the source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Variable:
    """``commands`` as one types them; empty: those that the meaning names."""

    name: str
    meaning: str
    commands: str


VARIABLES: Final = (
    Variable("KUBECONFIG", "The kubeconfig, or several, separated by `:`.", "all that ask a cluster"),
    Variable(
        "KUBERNETES_SERVICE_HOST",
        "Set in a Pod: without a kubeconfig the Pod's service account is used.",
        "all that ask a cluster",
    ),
    Variable("KUBERNETES_SERVICE_PORT", "Set in a Pod: the API server's port there; 443.", "all that ask a cluster"),
    Variable("TZ", "Your time zone, where `--time-zone` does not name one.", "all that take `--time-zone`"),
    Variable("NO_COLOR", "Set to anything: no colours, as <https://no-color.org> has it.", "all that print a report"),
    Variable("TERM", "`dumb`: no colours, and lines where a screen would be drawn.", "all that print a report"),
    Variable("NODE_NAME", "As `--node-name`.", "`run`"),
    Variable("SYSTEM_NAMESPACE", "As `--system-namespace`.", "`run`"),
    Variable("POD_NAMESPACE", "Namespace of the operator's own Pod, with `POD_NAME`.", "`run`"),
    Variable("POD_NAME", "Name of the operator's own Pod: it is not evicted before the lead is handed over.", "`run`"),
    Variable("NAPSIM_CACHE", "Where built programs are kept; `napsim` in the user's cache.", "`cluster`, `demo`"),
    Variable("XDG_CACHE_HOME", "The user's cache; `~/.cache`.", "`cluster`, `demo`"),
    Variable("NAPSIM_CLUSTERS_DIR", "Where clusters are kept; `clusters` in `NAPSIM_CACHE`.", "`cluster`, `demo`"),
    Variable("NAPSIM_KUBERNETES", "Another minor version of Kubernetes, such as `1.35`.", "`cluster`, `demo`"),
    Variable("DOCKER_HOST", "Where the container engine answers, for runtime kind.", "`cluster`, `demo`"),
    Variable("KIND_IMAGE", "The node image, for runtime kind.", "`cluster create`, `demo`"),
    Variable("KWOK_IMAGE", "The image of the KWOK controller, for runtime kind.", "`cluster create`, `demo`"),
)
