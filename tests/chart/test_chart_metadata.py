"""Chart.yaml: what catalogues show of the chart. Not here: its version (test_chart_rendered.py)."""

from __future__ import annotations

import base64
import xml.etree.ElementTree as ET

import yaml

from tests.beds import helm

CHART = yaml.safe_load((helm.CHART / "Chart.yaml").read_text())


def test_the_icon_is_an_svg_that_refers_to_no_host() -> None:
    kind, _, encoded = CHART["icon"].partition(";base64,")
    assert kind == "data:image/svg+xml"
    picture = ET.fromstring(base64.b64decode(encoded, validate=True))
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    assert {each.tag.rpartition("}")[2] for each in picture} == {"rect"}
    assert not [key for each in picture.iter() for key in each.attrib if key.endswith("href")]
