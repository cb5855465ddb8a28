"""The factory: one informer for each selection of objects, and no second watch by accident."""

import pytest

from controller.client import Client
from controller.informers import CacheOptions, SharedInformerFactory
from controller.meta import Object, Resource

CONFIG_MAP = Resource("", "v1", "configmaps", "ConfigMap")
NODE = Resource("", "v1", "nodes", "Node", namespaced=False)


def shorten(obj: Object) -> Object:
    return obj


@pytest.fixture
def factory(client: Client) -> SharedInformerFactory:
    return SharedInformerFactory(client)


def test_equal_options_are_one_informer(factory: SharedInformerFactory) -> None:
    """The order of namespaces and their repetition do not count; options are hashable values."""
    first = factory.informer(CONFIG_MAP, CacheOptions(namespaces=["b", "a"], compact=True))
    assert factory.informer(CONFIG_MAP, CacheOptions(namespaces=("a", "b", "a"), compact=True)) is first
    assert hash(CacheOptions(namespaces=["b", "a"])) == hash(CacheOptions(namespaces=("a", "b")))
    assert list(factory) == [first]


def test_another_scope_is_another_informer(factory: SharedInformerFactory) -> None:
    """Namespaces, selectors and metadata are what the server is asked for."""
    scopes = [
        CacheOptions(),
        CacheOptions(namespaces=["a"]),
        CacheOptions(label_selector="a"),
        CacheOptions(field_selector="metadata.name=a"),
        CacheOptions(metadata_only=True),
    ]
    assert len({factory.informer(CONFIG_MAP, scope) for scope in scopes}) == len(scopes)


def test_no_options_are_those_the_informer_was_made_with(factory: SharedInformerFactory) -> None:
    """A caller without a wish gets the informer that exists."""
    made = factory.informer(CONFIG_MAP, CacheOptions(label_selector="a", transform=shorten, compact=True))
    assert factory.informer(CONFIG_MAP) is made
    assert factory.informer(NODE) is factory.informer(NODE)
    assert factory.informer(NODE) is not made


def test_another_form_of_the_same_objects_is_refused(factory: SharedInformerFactory) -> None:
    """It would be a second watch of the same objects."""
    factory.informer(CONFIG_MAP, CacheOptions(compact=True))
    for options in (CacheOptions(), CacheOptions(compact=True, transform=shorten)):
        with pytest.raises(ValueError, match="configmaps is cached already with another transform or another compact"):
            factory.informer(CONFIG_MAP, options)


def test_options_come_before_the_first_use_without(factory: SharedInformerFactory) -> None:
    """Otherwise the first caller would read a cache of everything beside the one that was meant."""
    factory.informer(CONFIG_MAP)
    with pytest.raises(ValueError, match="give the options first"):
        factory.informer(CONFIG_MAP, CacheOptions(label_selector="a"))
    assert factory.informer(CONFIG_MAP, CacheOptions()) is factory.informer(CONFIG_MAP)


def test_one_of_several_has_to_be_named(factory: SharedInformerFactory) -> None:
    """Without options it would depend on the order of calls which one is meant."""
    for selector in ("a", "b"):
        factory.informer(CONFIG_MAP, CacheOptions(label_selector=selector))
    with pytest.raises(ValueError, match="there are 2 caches of configmaps: name the options of one of them"):
        factory.informer(CONFIG_MAP)


def test_the_factorys_namespaces_are_the_default(client: Client) -> None:
    """Of namespaced resources, unless the options name others; ``()`` is all of them."""
    factory = SharedInformerFactory(client, namespaces=["a"])
    assert factory.informer(CONFIG_MAP, CacheOptions()).options.namespaces == ("a",)
    assert factory.informer(CONFIG_MAP, CacheOptions(namespaces=())).options.namespaces == ()
    assert factory.informer(NODE).options.namespaces == ()


def test_a_text_is_no_list_of_namespaces() -> None:
    """Its letters would be taken for namespaces."""
    with pytest.raises(ValueError, match="got the text 'default'"):
        CacheOptions(namespaces="default")
