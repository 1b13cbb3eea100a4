"""What to do where a cluster does not answer, or refuses: the last words of the message that says so."""

from __future__ import annotations

from napsim.live.errors import ApiError, Forbidden, TransportError, Unauthorized

_NOBODY = "is it up (kubectl cluster-info, napsim cluster status), and the one that is meant (--kubeconfig, --context)?"
_UNKNOWN = "the credentials of the kubeconfig are not accepted: log in anew, or name another --context"
_REFUSED = "ask for it, or name another --context; docs/rbac.md lists what napsim needs"


def told(error: BaseException) -> str:
    """The error, and the next step where there is one."""
    if isinstance(error, TransportError):
        return f"{error}; {_NOBODY}"
    if isinstance(error, Unauthorized):
        return f"{error}; {_UNKNOWN}"
    if isinstance(error, Forbidden):
        return f"{error}; {_REFUSED}"
    return str(error) if isinstance(error, ApiError) else f"{type(error).__name__}: {error}"
