"""Kubernetes' Pod Security Standard "restricted", for pods on Linux.

https://kubernetes.io/docs/concepts/security/pod-security-standards/. Stricter in one point: no
sysctl is allowed.
"""

from collections.abc import Iterator
from typing import Any, Final

Spec = dict[str, Any]

_VOLUMES: Final = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim"),
    *("projected", "secret"),
}
_SECCOMP: Final = {"RuntimeDefault", "Localhost"}
_SELINUX: Final = {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}


def violations(spec: Spec) -> list[str]:
    """Return what a "restricted" namespace would not admit in a pod's spec."""
    return [*_pod(spec), *(found for each in containers(spec) for found in _container(each, spec))]


def containers(spec: Spec) -> list[Spec]:
    """Return all containers of a pod's spec, of each kind."""
    kinds = ("initContainers", "containers", "ephemeralContainers")
    return [each for kind in kinds for each in spec.get(kind) or []]


def _pod(spec: Spec) -> Iterator[str]:
    context = _context(spec)
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(field):
            yield f"pod: {field}"
    for volume in spec.get("volumes") or []:
        for kind in set(volume) - {"name"} - _VOLUMES:
            yield f"pod: volume {volume['name']} ({kind})"
    if context.get("sysctls"):
        yield "pod: sysctls"
    yield from _of_both("pod", context)


def _container(container: Spec, spec: Spec) -> Iterator[str]:
    name, own = container["name"], _context(container)
    merged = {**_context(spec), **own}
    capabilities = own.get("capabilities") or {}
    wrong = {
        "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is not False,
        "privileged": own.get("privileged"),
        "capabilities.drop": "ALL" not in (capabilities.get("drop") or []),
        "capabilities.add": set(capabilities.get("add") or []) - {"NET_BIND_SERVICE"},
        "procMount": own.get("procMount", "Default") != "Default",
        "runAsNonRoot": merged.get("runAsNonRoot") is not True,
        "seccompProfile": (merged.get("seccompProfile") or {}).get("type") not in _SECCOMP,
        "hostPort": any(port.get("hostPort") for port in container.get("ports") or []),
    }
    yield from (f"{name}: {rule}" for rule, broken in wrong.items() if broken)
    yield from _of_both(name, own)


def _of_both(name: str, context: Spec) -> Iterator[str]:
    """Yield what is forbidden in a pod's context and in a container's alike."""
    selinux = context.get("seLinuxOptions") or {}
    wrong = {
        "runAsUser": context.get("runAsUser") == 0,
        "hostProcess": (context.get("windowsOptions") or {}).get("hostProcess"),
        "appArmorProfile": (context.get("appArmorProfile") or {}).get("type") == "Unconfined",
        "seLinuxOptions": set(selinux) & {"user", "role"}
        or selinux.get("type", "") not in _SELINUX,
    }
    yield from (f"{name}: {rule}" for rule, broken in wrong.items() if broken)


def _context(of: Spec) -> Spec:
    return dict(of.get("securityContext") or {})
