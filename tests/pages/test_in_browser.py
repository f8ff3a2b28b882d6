"""The page in a real Chromium: the form that `serve` answers, and that nothing of a pod runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from selenium.common.exceptions import NoAlertPresentException
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

from tests.beds.browser import console, looks, requested
from tests.pages.window import DEPLOYMENT, PATIENCE, ROWS, SKIPPED, one, texts

TRICK = "document.title=`owned`;alert(1)"
HOSTILE = json.dumps(
    {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"</title><script>{TRICK}</script>",
            "annotations": {f"a\"><img src=x onerror='{TRICK}'>": f"</textarea><svg onload='{TRICK}'>"},
            "labels": {"x": f"javascript:{TRICK}"},
        },
        "spec": {"containers": [{"name": "web", "image": f"</script><script>{TRICK}</script>"}]},
    }
)
# The text elements of the page whose contrast is below 4.5, the least that WCAG asks for.
PALE = """
const curve = (v) => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
const lit = (c) => { const f = c.map((v) => curve(v / 255));
  return .2126 * f[0] + .7152 * f[1] + .0722 * f[2]; };
const parts = (text) => text.match(/[\\d.]+/g).map(Number);
const ground = (e) => { for (; e; e = e.parentElement) { const c = parts(getComputedStyle(e).backgroundColor);
  if (c.length < 4 || c[3] === 1) return c.slice(0, 3); } return [255, 255, 255]; };
return [...document.querySelectorAll("body *:not(script)")]
  .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) && e.checkVisibility())
  .map((e) => { const [a, b] = [lit(parts(getComputedStyle(e).color).slice(0, 3)), lit(ground(e))];
    return [e.tagName + "." + e.className, (Math.max(a, b) + .05) / (Math.min(a, b) + .05)]; })
  .filter(([, contrast]) => contrast < 4.5);
"""


def submit(window: Chrome, site: str, manifests: str, labels: str = "") -> None:
    window.get(site)
    one(window, "#manifests").send_keys(manifests)
    one(window, "#labels").send_keys(labels)
    one(window, "form button").click()
    one(window, "main .answer")


def test_a_pod_that_is_pasted_is_explained(window: Chrome, site: str) -> None:
    submit(window, site, DEPLOYMENT, "istio-injection: enabled")
    assert window.title == "injected: Deployment shop/web - explain - sidecar-injector"
    assert one(window, ".decision").text.startswith("injected on-by-default")
    rules = texts(window, ".rules tbody tr")
    assert "istio-injection=enabled" in next(r for r in rules if r.startswith("webhook-selectors"))
    assert texts(window, ".rules tr.won th") == ["policy decided"]
    assert "image: registry.example.com/mesh/proxyv2:1.30" in "\n".join(texts(window, ".sides .ins"))
    layers = texts(window, ROWS)
    assert next(r for r in layers if "123m" in r).endswith("pod annotation: sidecar.istio.io/proxyCPU")
    assert next(r for r in layers if r.startswith("image ")).endswith("values: global.hub, global.tag")
    one(window, ".patch summary").click()
    assert json.loads(one(window, ".patch pre").text)[0]["op"] in ("add", "replace")
    assert one(window, "#manifests").get_attribute("value") == DEPLOYMENT
    assert console(window) == []
    assert {url.partition("#")[0] for url in requested(window)} == {site}


def test_another_configuration_and_labels_of_the_namespace_change_the_answer(
    window: Chrome, site: str
) -> None:
    submit(window, site, DEPLOYMENT, "{}")
    assert one(window, ".decision").text.startswith("skipped not-selected")
    Select(one(window, "#profile")).select_by_value("istio")
    one(window, "#labels").clear()
    one(window, "form button").click()
    WebDriverWait(window, PATIENCE).until(lambda w: w.title.startswith("injected: "))
    assert Select(one(window, "#profile")).first_selected_option.text == "built-in profile istio"
    assert "registry.example.com/mesh" not in one(window, ".layers").text


def test_an_example_fills_the_form(window: Chrome, site: str) -> None:
    window.get(site)
    window.find_element(By.LINK_TEXT, "Host network").click()
    WebDriverWait(window, PATIENCE).until(lambda w: "hostNetwork" in one(w, "#manifests").text)
    one(window, "form button").click()
    assert one(window, ".decision").text.startswith("skipped host-network")
    assert texts(window, "h3") == ["Rules, in order"]


def test_an_error_is_an_alert_with_its_place(window: Chrome, site: str) -> None:
    submit(window, site, DEPLOYMENT + "spec: {}\n")
    assert one(window, "[role=alert] code").text == f"manifests:{len(DEPLOYMENT.splitlines()) + 1}"
    assert str(one(window, "#manifests").get_attribute("value")).endswith("spec: {}\n")


def nothing_ran(window: Chrome, title: str) -> None:
    with pytest.raises(NoAlertPresentException):
        _ = window.switch_to.alert.text
    assert window.title == title
    assert window.find_elements(By.CSS_SELECTOR, "img, svg, iframe, body script ~ script") == []
    assert TRICK in one(window, "body").text
    assert console(window) == []


def test_what_an_author_writes_is_not_run(window: Chrome, site: str, written: Any) -> None:
    title = f"injected: Pod </title><script>{TRICK}</script> - explain - sidecar-injector"
    window.get(written(HOSTILE))
    nothing_ran(window, title)
    submit(window, site, HOSTILE, f'{{"<img src=x onerror={TRICK}>": ""}}')
    one(window, "form")
    submit(window, site, HOSTILE)
    nothing_ran(window, title)


def test_a_script_that_got_in_all_the_same_would_not_run(window: Chrome, written: Any) -> None:
    window.get(written(DEPLOYMENT))
    title = window.title
    window.execute_script(
        "const made = document.createElement('div');"
        "const trusted = trustedTypes.createPolicy('test', {createScript: (text) => text});"
        "made.setAttribute('onclick', trusted.createScript('document.title=`owned`'));"
        "document.body.append(made); made.click();"
    )
    assert window.title == title
    assert "Content Security Policy" in "".join(console(window))


def test_the_form_of_another_page_is_not_answered(window: Chrome, site: str, tmp_path: Path) -> None:
    other = tmp_path / "other.html"
    other.write_text(
        f'<form method="post" action="{site}"><input name="manifests" value="a"><button>x</button></form>'
    )
    window.get(other.as_uri())
    one(window, "button").click()
    WebDriverWait(window, PATIENCE).until(lambda w: w.current_url == site)
    assert one(window, "body").text.startswith("forms of other sites are rejected")


def test_everything_is_reached_with_the_keyboard_alone(window: Chrome, site: str) -> None:
    window.get(site)

    def press(*keys: str) -> WebElement:
        ActionChains(window).send_keys(*keys).perform()
        return window.switch_to.active_element

    assert press(Keys.TAB).text == "To the answer"
    at = press(Keys.TAB)
    while at.tag_name == "a":
        at = press(Keys.TAB)
    assert at.get_attribute("id") == "manifests"
    press(DEPLOYMENT)
    assert press(Keys.TAB).get_attribute("id") == "profile"
    assert press(Keys.TAB).get_attribute("id") == "labels"
    assert press(Keys.TAB).text == "Explain"
    press(Keys.ENTER)
    one(window, "main .answer")
    assert window.current_url == f"{site}#answers"
    stops = []
    while (at := press(Keys.TAB)).tag_name != "input":
        stops.append(at.text)
        if at.tag_name == "summary" and len(stops) > 1:
            press(Keys.ENTER)
    assert stops[0].startswith("Deployment shop/web")
    assert stops[1:6] == ["Rules", "Before and after", "Layers", "Patch", "Show unchanged lines"]
    assert "apiVersion: apps/v1" in "".join(texts(window, ".sides pre"))
    assert press(Keys.SPACE).get_attribute("data-own") is not None
    assert not at.is_selected()
    press(Keys.TAB)
    press("proxycpu")
    assert " of " in one(window, ".filter [role=status]").text
    assert press(Keys.TAB).tag_name == "summary"


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_fits_and_can_be_read(window: Chrome, site: str, width: int, dark: bool) -> None:
    looks(window, width=width, dark=dark)
    tricky = (
        DEPLOYMENT.replace("123m", "yes") + f"---\n{SKIPPED}---\n{DEPLOYMENT.replace('web:1', 'w' * 500)}"
    )
    for manifests in (tricky, "kind: ["):
        submit(window, site, manifests)
        fits = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        assert window.execute_script(fits)
        assert window.execute_script(PALE) == []
