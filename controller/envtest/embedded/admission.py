"""Defaults and validation: whether an object may be stored, and in which form. Pure."""

from typing import Any

from controller.envtest.embedded import cel, crd_rules, metadata
from controller.envtest.embedded.builtin import defaults, rules, strategy
from controller.envtest.embedded.refusals import invalid
from controller.envtest.embedded.resources import CRDS, TypeInfo
from controller.envtest.embedded.storage import Storage
from controller.envtest.embedded.writes import User
from controller.meta import Object, schema
from controller.meta.errors import Cause


def with_defaults(info: TypeInfo, obj: dict[str, Any]) -> dict[str, Any]:
    """The object with what its type fills in. An object of a built-in kind is changed in place."""
    if info.custom:
        return schema.default(schema.drop_nulls(obj, info.schema), info.schema)  # type: ignore[no-any-return]
    defaults.apply(obj, info.schema)
    return obj


def admit_new(info: TypeInfo, obj: dict[str, Any], storage: Storage, user: User, *, skip_rules: bool) -> dict[str, Any]:
    """A new object of a user as it is stored; ``skip_rules`` leaves CEL rules out. Raises Invalid."""
    if not info.custom:
        obj = strategy.prepare_create(info.key, obj, storage, user)
    _check(info, obj, None, [], skip_rules=skip_rules)
    return obj


def admit_change(
    info: TypeInfo, obj: dict[str, Any], before: Object, storage: Storage, causes: list[Cause], *, skip_rules: bool
) -> dict[str, Any]:
    """A changed object as it is stored; ``causes`` is what is known to be wrong with it. Raises Invalid."""
    if not info.custom:
        obj = strategy.prepare_update(info.key, obj, before, storage)
    _check(info, obj, before, causes, skip_rules=skip_rules)
    return obj


def _check(
    info: TypeInfo, obj: dict[str, Any], before: Object | None, causes: list[Cause], *, skip_rules: bool
) -> None:
    found = [*causes, *metadata.violations(obj["metadata"], info.key)]
    found += map(_in_body, schema.violations(obj, info.schema)) if info.custom else rules.violations(obj, info.schema)
    if info.key == CRDS:
        found += crd_rules.violations(obj, skip_rules=skip_rules)
    if info.custom and not found and not skip_rules:
        found += cel.violations(obj, info.schema) if before is None else cel.violations(obj, info.schema, before)
    if found:
        raise invalid(info, str(obj["metadata"].get("name", "")), _distinct(found))


def _in_body(cause: Cause) -> Cause:
    """The cause with the field in its sentence, as the validation of custom resources words it."""
    head, found, rest = cause.message.partition(": should ")
    return Cause(cause.field, cause.reason, f"{head}: {cause.field} in body should {rest}") if found else cause


def _distinct(causes: list[Cause]) -> list[Cause]:
    return list(dict.fromkeys(causes))
