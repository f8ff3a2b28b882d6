"""The page in a real Chromium: the file that `explain --html` writes, and what `serve` answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
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

from injector.certs.issue import CertificateSpec, make_authority, sign_leaf
from injector.pages.views import WHOLE
from tests.beds.browser import browser, console, looks, requested, unavailable
from tests.beds.plugin import required

PATIENCE = 60
ROWS = ".layers tbody tr:not(.part)"
SETTINGS = """\
values: {global: {hub: registry.example.com/mesh, tag: "1.30"}}
server: {namespaces: "off"}
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  revisionHistoryLimit: 3
  minReadySeconds: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
      annotations: {sidecar.istio.io/proxyCPU: 123m}
    spec:
      containers: [{name: web, image: "web:1"}]
"""
SKIPPED = DEPLOYMENT.replace("name: web,", "name: quiet,").replace(
    "{app: web}\n      a", '{app: web, sidecar.istio.io/inject: "false"}\n      a'
)
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


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chrome]:
    required("browser", unavailable())
    with browser() as running:
        yield running


@pytest.fixture
def window(chromium: Chrome) -> Chrome:
    """The browser on an empty page, with nothing in its logs."""
    chromium.get("about:blank")
    looks(chromium, width=1280, dark=False)
    console(chromium)
    requested(chromium)
    return chromium


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the page that a running `serve` offers."""
    folder = tmp_path_factory.mktemp("site")
    wanted, now = CertificateSpec(("localhost",), ca_seconds=604800.0, leaf_seconds=604800.0), time.time()
    pair = sign_leaf(make_authority(wanted, now), wanted, now)
    (folder / "tls.pem").write_text(pair.key + pair.chain)
    (folder / "injector.yaml").write_text(SETTINGS)
    command = [sys.executable, "-m", "injector.cli.main", "serve", "--config", str(folder / "injector.yaml")]
    command += ["--tls-bundle", str(folder / "tls.pem"), "--debug-listen", "127.0.0.1:0"]
    command += ["--listen", "127.0.0.1:0", "--health-listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ}) as process:
        try:
            assert process.stderr is not None
            events = (json.loads(line) for line in process.stderr)
            yield next(line["page"] for line in events if line["event"] == "listening")
        finally:
            process.kill()


@pytest.fixture
def written(tmp_path: Path) -> Any:
    """The address of the page that the command line writes for manifests."""

    def write(text: str) -> str:
        (tmp_path / "in.yaml").write_text(text)
        command = [sys.executable, "-m", "injector.cli.main", "explain"]
        command += ["-f", str(tmp_path / "in.yaml"), "--html", str(tmp_path / "page.html")]
        subprocess.run(command, check=True)
        return (tmp_path / "page.html").as_uri()

    return write


def one(window: Chrome, css: str) -> WebElement:
    return WebDriverWait(window, PATIENCE).until(lambda w: w.find_element(By.CSS_SELECTOR, css))


def texts(window: Chrome, css: str) -> list[str]:
    """What is shown of the elements, in one call: there are hundreds."""
    shown = "[...document.querySelectorAll(arguments[0])].filter((e) => e.checkVisibility())"
    visible: list[str] = window.execute_script(
        f"return {shown}.map((e) => e.innerText.replace(/\\s+/g, ' ').trim())", css
    )
    return visible


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


def test_the_filter_leaves_the_rows_that_hold_every_word(window: Chrome, written: Any) -> None:
    window.get(written(DEPLOYMENT))
    own = texts(window, ROWS)
    status = one(window, ".filter [role=status]")
    switch = one(window, "[data-own]")
    switch.click()
    everything = texts(window, ROWS)
    assert len(everything) > len(own) + 100
    assert status.text == f"{len(everything)} values"
    box = one(window, ".filter [type=search]")
    box.send_keys("PROXYCPU annotation container istio-proxy")
    left = texts(window, ROWS)
    assert left
    assert [row for row in left if "pod annotation: sidecar.istio.io/proxyCPU" not in row] == []
    assert status.text == f"{len(left)} of {len(everything)} values"
    assert texts(window, ".layers .part") == ["init container istio-proxy"]
    box.send_keys(" no-such-word")
    assert texts(window, ROWS) == []
    assert texts(window, ".layers .part") == []
    box.clear()
    box.send_keys(Keys.SPACE)
    assert texts(window, ROWS) == everything
    switch.click()
    assert texts(window, ROWS) == own
    assert console(window) == []


def test_at_the_start_the_table_has_what_is_not_the_profiles(window: Chrome, written: Any) -> None:
    window.get(written(DEPLOYMENT))
    assert one(window, "[data-own]").is_selected()
    rows = texts(window, ROWS)
    assert [row for row in rows if "123m" in row] != []
    assert [row for row in rows if row.endswith(" profile")] == []
    assert one(window, ".filter [role=status]").text.startswith(f"{len(rows)} of ")


def test_unchanged_lines_are_folded_one_by_one_and_all_at_once(window: Chrome, written: Any) -> None:
    window.get(written(DEPLOYMENT))

    def first_lines() -> int:
        return sum("apiVersion: apps/v1" in text for text in texts(window, ".sides pre"))

    assert first_lines() == 0
    fold = one(window, ".sides summary")
    assert fold.text.endswith(" unchanged lines")
    fold.click()
    assert first_lines() == 1
    fold.click()
    button = one(window, "[data-unfold]")
    for pressed in ("true", "false"):
        button.click()
        assert button.get_attribute("aria-pressed") == pressed
        assert first_lines() == (pressed == "true")


def test_code_is_not_broken_but_scrolled(window: Chrome, written: Any) -> None:
    """Each line of the pod takes one line of the page, however narrow the window is."""
    looks(window, width=390, dark=False)
    window.get(written(DEPLOYMENT))
    one(window, "[data-unfold]").click()
    broken = """
      return [...document.querySelectorAll(".sides pre")].filter((pre) => {
        const lines = pre.textContent.split("\\n").length;
        const height = parseFloat(getComputedStyle(pre).lineHeight);
        return Math.abs(pre.clientHeight / height - lines) > .6;
      }).length"""
    assert window.execute_script(broken) == 0
    scrolls = "return [...document.querySelectorAll('.sides pre')].some((p) => p.scrollWidth > p.clientWidth)"
    assert window.execute_script(scrolls)


def test_several_workloads_are_folded_and_reached_from_their_list(window: Chrome, written: Any) -> None:
    window.get(written(f"{DEPLOYMENT}---\n{SKIPPED}"))
    assert texts(window, ".contents > li") == [
        "injected Deployment shop/web on-by-default",
        "skipped Deployment shop/quiet opted-out-by-label",
    ]
    assert texts(window, ".body") == []
    window.find_element(By.LINK_TEXT, "Deployment shop/quiet").click()
    assert window.current_url.endswith("#w2")
    (body,) = texts(window, ".body")
    assert "The pod is not changed." in body
    assert window.execute_script("return document.querySelector('#w2').getBoundingClientRect().top") < 900
    one(window, "article summary").click()
    assert len(texts(window, ".body")) == 2
    assert console(window) == []
    assert [url for url in requested(window) if not url.startswith("file:")] == []


def test_one_workload_is_open(window: Chrome, written: Any) -> None:
    window.get(written(DEPLOYMENT))
    assert len(texts(window, ".body")) == 1
    assert texts(window, "nav[aria-label=Workloads]") == []


def test_a_link_from_elsewhere_opens_the_workload(window: Chrome, written: Any) -> None:
    window.get(written(f"{DEPLOYMENT}---\n{SKIPPED}") + "#w2")
    assert len(texts(window, ".body")) == 1


def test_the_list_is_filtered_by_result_reason_name_and_near_misses(window: Chrome, written: Any) -> None:
    slip = SKIPPED.replace('"false"', '"False"').replace("quiet", "slip")
    window.get(written(f"{DEPLOYMENT}---\n{SKIPPED}---\n{slip}"))
    status = one(window, "[data-list] [role=status]")
    near = 'neither "true" nor "false" and has no effect; did you mean "false"?'
    assert near in texts(window, ".contents > li")[2]

    def names() -> list[str]:
        assert len(texts(window, ".contents > li")) == len(texts(window, "article"))
        return [text.partition("/")[2].split()[0] for text in texts(window, "article h2")]

    assert names() == ["web", "quiet", "slip"]
    result, reason = (Select(one(window, css)) for css in ("#list-result", "#list-reason"))
    assert [o.text for o in result.options] == ["all", "injected (2)", "skipped (1)"]
    result.select_by_value("skipped")
    assert (names(), status.text) == (["quiet"], "1 of 3 workloads")
    result.select_by_value("")
    reason.select_by_value("on-by-default")
    assert names() == ["web", "slip"]
    one(window, "#list-near").click()
    assert names() == ["slip"]
    one(window, "#list-near").click()
    one(window, "#list-text").send_keys("SHOP/web")
    assert names() == ["web"]
    one(window, "#list-text").clear()
    reason.select_by_value("")
    assert (names(), status.text) == (["web", "quiet", "slip"], "3 workloads")
    assert console(window) == []


def test_of_many_workloads_each_is_opened_and_links_to_another(window: Chrome, written: Any) -> None:
    many = [DEPLOYMENT.replace("name: web,", f"name: web-{n},") for n in range(WHOLE + 2)]
    window.get(written("---\n".join(many)) + f"#w{WHOLE + 2}")
    (body,) = texts(window, ".body")
    assert "Lines that are left out are as in Deployment shop/web-0." in body
    assert f"value: web-{WHOLE + 1}" in body
    window.find_element(By.CSS_SELECTOR, f"#w{WHOLE + 2} .sides a").click()
    assert len(texts(window, ".body")) == 2
    assert console(window) == []


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
