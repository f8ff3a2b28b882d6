"""Keys of a message that are nearly a field are named, and no more than twenty are compared."""

from __future__ import annotations

from injector.profiles.istio.misspelt import Misspelt, misspelt
from injector.profiles.istio.proxyconfig import PROXY_CONFIG


def test_all_messages_of_a_tree_share_the_number_of_comparisons() -> None:
    tags = {f"t{number}": {"unlikeAll": 1} for number in range(20)}
    tree = {"tracing": {"customTags": tags}, "concurency": 2}
    assert list(misspelt(PROXY_CONFIG, tree)) == []
    del tags["t0"]
    assert list(misspelt(PROXY_CONFIG, tree)) == [Misspelt("/concurency", "concurrency")]
