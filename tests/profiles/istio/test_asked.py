"""What is made of annotations once, for the pods that have the same of those that were looked for."""

from __future__ import annotations

from injector.profiles.istio.asked import Asked, MadeOfAnnotations


def made_of(annotations: dict[str, str], *looked_for: str, by: MadeOfAnnotations[str]) -> str:
    asked = Asked(annotations)
    text = " ".join(str(asked.get(key)) for key in looked_for)
    by.keep(asked, text)
    return text


def test_what_was_not_looked_for_does_not_matter() -> None:
    made = MadeOfAnnotations[str]()
    made_of({"cpu": "1", "team": "a"}, "cpu", by=made)
    assert made.find({"cpu": "1", "team": "b"}) == "1"
    assert made.find({"cpu": "2", "team": "a"}) is None
    assert made.find({"team": "a"}) is None


def test_what_is_looked_for_later_matters_from_then_on() -> None:
    made = MadeOfAnnotations[str]()
    made_of({"cpu": "1"}, "cpu", by=made)
    made_of({"cpu": "1", "memory": "2"}, "cpu", "memory", by=made)
    assert made.find({"cpu": "1"}) == "1"
    assert made.find({"cpu": "1", "memory": "2"}) == "1 2"
    assert made.find({"cpu": "1", "memory": "3"}) is None


def test_what_is_looked_for_in_a_changed_copy_is_noted_as_well() -> None:
    asked = Asked({"port": " 1 ", "cpu": "1"})
    copy = asked.replaced("port", "1")
    assert (copy["port"], asked["port"]) == ("1", " 1 ")
    assert "cpu" in copy
    assert asked.asked == {"port", "cpu"}


def test_long_texts_are_not_kept() -> None:
    made = MadeOfAnnotations[str]()
    made_of({"cpu": "1" * 10_000}, "cpu", by=made)
    assert made.find({"cpu": "1" * 10_000}) is None
    made_of({"cpu": "1"}, "cpu", by=made)
    assert made.find({"cpu": "1"}) == "1"


def test_only_some_are_kept_and_the_last_one_always() -> None:
    made = MadeOfAnnotations[str]()
    for number in range(1000):
        made_of({"cpu": str(number)}, "cpu", by=made)
        assert made.find({"cpu": str(number)}) == str(number)
    assert sum(made.find({"cpu": str(number)}) is not None for number in range(1000)) < 100
