"""A record is a pytree whose structure knows its class and its static fields."""

import pickle

import jax
import pytest

import jgd
from jgd.searches.fixed import Fixed, Silver


@jgd.record
class One:
    a: object
    kind: str = jgd.static(default="plain")


@jgd.record
class Other:
    a: object
    kind: str = jgd.static(default="plain")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (One(1.0), One(2.0), True),
        (One(1.0), One(1.0, "special"), False),
        (One(1.0), Other(1.0), False),
        (Fixed(1.0), Silver(1.0), False),
        (jgd.gradient_descent(1.0), jgd.gradient_descent(jgd.silver(1.0)), False),
    ],
)
def test_structures_agree_for_one_class_with_the_same_static_fields_alone(one, other, same):
    assert (jax.tree.structure(one) == jax.tree.structure(other)) == same


def test_a_record_comes_back_as_it_was_with_its_leaves_named():
    record = One({"b": 1.0}, "special")
    leaves, structure = jax.tree.flatten(record)
    back = jax.tree.unflatten(structure, leaves)
    assert (type(back), back.a, back.kind) == (One, {"b": 1.0}, "special")
    ((path, _),), _ = jax.tree_util.tree_flatten_with_path(record)
    assert jax.tree_util.keystr(path) == ".a['b']"
    assert pickle.loads(pickle.dumps(record)).kind == "special"
