"""What the tests in a browser look at."""

from __future__ import annotations

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

PATIENCE = 60
ROWS = ".layers tbody tr:not(.part)"
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


def one(window: Chrome, css: str) -> WebElement:
    return WebDriverWait(window, PATIENCE).until(lambda w: w.find_element(By.CSS_SELECTOR, css))


def texts(window: Chrome, css: str) -> list[str]:
    """What is shown of the elements, in one call: there are hundreds."""
    shown = "[...document.querySelectorAll(arguments[0])].filter((e) => e.checkVisibility())"
    visible: list[str] = window.execute_script(
        f"return {shown}.map((e) => e.innerText.replace(/\\s+/g, ' ').trim())", css
    )
    return visible
