"""Folds, filters and the switch of the page that `explain --html` writes, in a real Chromium."""

from __future__ import annotations

from typing import Any

from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from injector.pages.views import WHOLE
from tests.beds.browser import console, looks, requested
from tests.pages.window import DEPLOYMENT, ROWS, SKIPPED, one, texts


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
