"""Proxy variables mean what they mean to kubectl and other Go programs."""

import pytest

from controller.client.proxies import environment_proxy

SERVICE = "https://10.96.0.1:443"


@pytest.mark.parametrize(
    ("url", "no_proxy", "direct"),
    [
        (SERVICE, "", False),
        (SERVICE, "10.0.0.0/8", True),
        (SERVICE, "10.96.0.1/32", True),
        (SERVICE, "172.30.0.0/16, 10.96.0.0/12", True),
        (SERVICE, "172.30.0.0/16", False),
        (SERVICE, "10.96.0.1", True),
        (SERVICE, "10.96.0.1:443", True),
        (SERVICE, "10.96.0.1:6443", False),
        (SERVICE, "*", True),
        (SERVICE, "a.example,*", True),
        ("https://[fd00::1]:6443", "fd00::/8", True),
        ("https://[fd00::1]:6443", "[fd00::1]:6443", True),
        ("https://[fd00::1]:6443", "fd00::1", True),
        ("https://[fd00::1]:6443", "10.0.0.0/8", False),
        ("https://api.example.com", "example.com", True),
        ("https://api.example.com", ".example.com", True),
        ("https://api.example.com", "*.example.com", True),
        ("https://API.example.com", "api.EXAMPLE.com", True),
        ("https://example.com", ".example.com", False),
        ("https://api.example.com", "example.com:443", True),
        ("https://api.example.com", "example.com:6443", False),
        ("https://notexample.com", "example.com", False),
        ("https://localhost:6443", "", True),
        ("https://127.0.0.1:6443", "", True),
        ("https://[::1]:6443", "", True),
    ],
)
def test_what_is_excluded_is_reached_directly(url: str, no_proxy: str, direct: bool) -> None:
    """Networks, addresses and domains, each with ports where Go takes them; loopback addresses always."""
    found = environment_proxy(url, {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": no_proxy})
    assert found == (None if direct else "http://proxy:3128")


def test_each_scheme_has_its_own_variable() -> None:
    """Upper case first; a proxy without a scheme is an http proxy."""
    assert environment_proxy("http://api:80", {"HTTPS_PROXY": "http://a"}) is None
    assert environment_proxy("https://api", {"https_proxy": "b:1", "no_proxy": "x"}) == "http://b:1"
    assert environment_proxy("https://api", {"HTTPS_PROXY": "https://a", "https_proxy": "http://b"}) == "https://a"
    assert environment_proxy("https://api", {"https_proxy": "http://b", "no_proxy": "api"}) is None
