"""A template that writes a value of another type is named with field and line; the others are counted."""

from __future__ import annotations

from injector.config.loading import Input, Text, load_input
from injector.core.injection.pipeline import inject
from injector.core.model import Facts, Reason
from injector.core.outcome import Outcome
from injector.core.profile import Config
from injector.errors import FieldError
from tests.factories import a_pod

TEMPLATE = """\
templates:
  shipper: |
    spec:
      containers:
      - name: shipper
        image: shipper:1
        {tty}: {{{{ ObjectMeta.labels.tty }}}}
        env:
        - {{name: A, value: {{{{ Values.number }}}}}}
"""


def injected(tty: object = "yes", number: object = "x", field: str = "tty") -> Outcome:
    pod = a_pod(labels={"tty": tty}, annotations={"inject.istio.io/templates": "shipper"})
    return inject(pod, Facts(namespace="shop"), configured(number, field))


def configured(number: object, field: str) -> Config:
    text = f"{TEMPLATE.format(tty=field)}nativeSidecars: enabled\nvalues: {{number: {number!r}}}\n"
    return load_input(Input(Text(text, "injector.yaml"), "."))


def test_a_value_of_the_right_type_is_injected() -> None:
    assert injected(tty=True).error is None


def test_all_wrong_values_are_in_the_error_and_the_first_is_its_text() -> None:
    outcome = injected(number=5)
    assert outcome.decision.reason is Reason.TEMPLATE_FAILED
    assert isinstance(outcome.error, FieldError)
    assert outcome.error.where == "injector.yaml:7 (template shipper)"
    assert outcome.error.message == (
        "spec.containers[shipper].tty: true or false is expected, not a string (and 1 more)"
    )
    assert [each.where for each in outcome.error.problems] == [
        "injector.yaml:7 (template shipper)",
        "injector.yaml",
    ]


def test_a_field_near_to_a_known_one_is_injected_with_a_finding() -> None:
    outcome = injected(field="ttyy")
    assert outcome.error is None
    assert [(each.code.value, each.where, each.hint) for each in outcome.findings] == [
        ("field", "injector.yaml:7 (template shipper)", "did you mean tty?")
    ]
