"""A record: a frozen dataclass that is a pytree, its plain fields leaves and its static fields structure."""

import dataclasses
from typing import Any, TypeVar, dataclass_transform

import jax

T = TypeVar("T")


def static(**options: Any) -> Any:
    """A field that belongs to a record's structure: hashable, and a change of it recompiles."""
    return dataclasses.field(metadata={"static": True}, **options)


@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(static,))
def record(cls: type[T]) -> type[T]:
    """Make `cls` a frozen dataclass registered with JAX.

    Plain fields are leaves (arrays, numbers, other records); those declared with `static()` are
    compared by `==` and are part of what a compiled program depends on. `jax.tree_util.register_dataclass`
    will not do: JAX 0.10 takes the structures of two such classes for equal where their fields agree, so that
    now and then a program compiled for one runs for the other.
    """
    cls = dataclasses.dataclass(frozen=True, eq=False)(cls)
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]
    structure = tuple(field.name for field in fields if field.metadata.get("static"))
    leaves = tuple(field.name for field in fields if not field.metadata.get("static"))
    names = leaves + structure
    keys = tuple(jax.tree_util.GetAttrKey(name) for name in leaves)

    def flatten(one: T) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        held = vars(one).__getitem__
        return tuple(map(held, leaves)), tuple(map(held, structure))

    def flatten_with_keys(one: T) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        children, fixed = flatten(one)
        return tuple(zip(keys, children, strict=True)), fixed

    def unflatten(fixed: tuple[Any, ...], children: Any) -> T:
        one = object.__new__(cls)
        vars(one).update(zip(names, (*children, *fixed), strict=True))
        return one

    jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten, flatten)
    return cls
