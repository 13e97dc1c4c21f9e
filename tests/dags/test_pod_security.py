"""The rules of `tests/support/pod_security.py` find what they should."""

from copy import deepcopy
from typing import Any

import pytest

from tests.support.pod_security import violations

ADMISSIBLE: dict[str, Any] = {
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "volumes": [{"name": "xcom", "emptyDir": {}}],
    "initContainers": [{"name": "init"}],
    "containers": [{"name": "base"}, {"name": "sidecar"}],
}
for _each in (*ADMISSIBLE["initContainers"], *ADMISSIBLE["containers"]):
    _each["securityContext"] = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }


def test_admissible_pod_has_no_violation() -> None:
    assert violations(ADMISSIBLE) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"hostNetwork": True}, ["pod: hostNetwork"]),
        ({"volumes": [{"name": "x", "hostPath": {}}]}, ["pod: volume x (hostPath)"]),
        (
            {"containers": [{"name": "one"}]},
            ["one: allowPrivilegeEscalation", "one: capabilities.drop"],
        ),
    ],
)
def test_violation_of_pod_is_found(change: dict[str, Any], found: list[str]) -> None:
    assert violations({**ADMISSIBLE, **change}) == found


@pytest.mark.parametrize(
    ("context", "rule"),
    [
        ({"allowPrivilegeEscalation": None}, "allowPrivilegeEscalation"),
        ({"privileged": True}, "privileged"),
        ({"capabilities": {"drop": ["KILL"]}}, "capabilities.drop"),
        ({"capabilities": {"drop": ["ALL"], "add": ["SYS_ADMIN"]}}, "capabilities.add"),
        ({"runAsUser": 0}, "runAsUser"),
        ({"runAsNonRoot": False}, "runAsNonRoot"),
        ({"seccompProfile": {"type": "Unconfined"}}, "seccompProfile"),
        ({"procMount": "Unmasked"}, "procMount"),
        ({"seLinuxOptions": {"type": "spc_t"}}, "seLinuxOptions"),
        ({"appArmorProfile": {"type": "Unconfined"}}, "appArmorProfile"),
    ],
)
@pytest.mark.parametrize(("kind", "index"), [("initContainers", 0), ("containers", 1)])
def test_violation_of_any_container_is_found(
    kind: str, index: int, context: dict[str, Any], rule: str
) -> None:
    spec = deepcopy(ADMISSIBLE)
    spec[kind][index]["securityContext"] |= context

    assert violations(spec) == [f"{spec[kind][index]['name']}: {rule}"]


def test_pod_without_security_context_is_not_admissible() -> None:
    assert violations({"containers": [{"name": "base"}]}) == [
        "base: allowPrivilegeEscalation",
        "base: capabilities.drop",
        "base: runAsNonRoot",
        "base: seccompProfile",
    ]
