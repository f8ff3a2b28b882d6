"""Privileges and users. Not here: what PodSecurity allows in a namespace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from injector.core.validation.places import PodParts, PodPlace, counted, elements, number, texts
from injector.core.validation.problem import Consequence, PodProblem, PodRule
from injector.printable import shown

_IDS: Final = range(2**31)
_PROFILES: Final = ("RuntimeDefault", "Localhost", "Unconfined")
_ADMIN: Final = "CAP_SYS_ADMIN"


def problems(parts: PodParts) -> Iterator[PodProblem]:
    """Security contexts that contradict themselves."""
    of_pod = parts.spec.below("securityContext")
    yield from _ids(of_pod, ("runAsUser", "runAsGroup", "fsGroup"))
    counts = counted(elements(of_pod.value.get("sysctls")), "name")
    for sysctl in of_pod.items("sysctls"):
        name = sysctl.value.get("name")
        if counts.get(str(name), 0) > 1:
            yield sysctl.problem(PodRule.SYSCTL, "name", f"sysctl {shown(name)} is there twice")
    yield from _profiles(of_pod)
    for container in parts.containers:
        if not (of_pod.value or container.value.get("securityContext")):
            continue
        context = container.below("securityContext")
        if context.value:
            yield from _profiles(context)
            yield from _ids(context, ("runAsUser", "runAsGroup"))
            yield from _privileges(context)
        yield from _root(context, of_pod)


def _ids(place: PodPlace, names: tuple[str, ...]) -> Iterator[PodProblem]:
    for name in names:
        value = number(place.value.get(name))
        if value is not None and value not in _IDS:
            text = f"securityContext.{name} needs a number from 0 to {_IDS[-1]}"
            yield place.problem(PodRule.USER_ID, name, text)


def _privileges(context: PodPlace) -> Iterator[PodProblem]:
    if context.value.get("allowPrivilegeEscalation") is not False:
        return
    field = "allowPrivilegeEscalation"
    if context.value.get("privileged") is True:
        text = f"securityContext.{field} is false, and privileged is true"
        yield context.problem(PodRule.PRIVILEGE, field, text)
    if _ADMIN in texts(context.below("capabilities").value.get("add")):
        text = f"securityContext.{field} is false, and {_ADMIN} is added"
        yield context.problem(PodRule.PRIVILEGE, "capabilities", text)


def _profiles(context: PodPlace) -> Iterator[PodProblem]:
    """A profile of the node needs its name, and no other may have one."""
    for field in ("seccompProfile", "appArmorProfile"):
        profile = context.value.get(field)
        # Another type is reported by the types of fields.
        if not isinstance(profile, dict) or profile.get("type") not in _PROFILES:
            continue
        if (profile["type"] == "Localhost") is (profile.get("localhostProfile") is None):
            text = f"securityContext.{field} needs localhostProfile if its type is Localhost, and only then"
            yield context.problem(PodRule.PROFILE, f"{field}.localhostProfile", text)


def _root(context: PodPlace, of_pod: PodPlace) -> Iterator[PodProblem]:
    """A user 0 where the user may not be root; what a container does not set is that of the pod."""
    user = number(_effective("runAsUser", context, of_pod))
    if user == 0 and _effective("runAsNonRoot", context, of_pod) is True:
        text = "runAsUser is 0, and runAsNonRoot is true; the kubelet does not start the container"
        yield context.problem(PodRule.ROOT, "runAsUser", text, Consequence.CANNOT_START)


def _effective(field: str, context: PodPlace, of_pod: PodPlace) -> object:
    own = context.value.get(field)
    return of_pod.value.get(field) if own is None else own
