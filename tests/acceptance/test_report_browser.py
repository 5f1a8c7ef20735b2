"""The HTML report in a real browser: it filters, runs nothing of what it shows, and is open to everybody.

It needs Chromium with its driver, Selenium, and the npm package axe-core; CONTRIBUTING.md says how they come here.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from driving import Project
from git_ops import node_package
from test_report import HOSTILE, project, report

pytestmark = pytest.mark.browser
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1280,1400",
)  # fmt: skip


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Project = project(tmp_path_factory.mktemp("report"), [*HOSTILE, "Chablis"])
    assert made.run("apply", "--provider", "emulator", "--yes", "--wait").code == 0
    report(made)
    return made.root / "page.html"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("Chromium and its driver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*_FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    running = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        yield running
    finally:
        running.quit()


def shown(browser: Any) -> int:
    return sum(each.is_displayed() for each in browser.find_elements("tag name", "article"))


def test_rows_are_found_by_a_word_and_by_their_status(browser: Any, page: Path) -> None:
    browser.get(page.as_uri())
    assert shown(browser) == 8
    browser.find_element("id", "find").send_keys("chablis")
    assert shown(browser) == 1
    assert browser.find_element("id", "count").text == "1 of 8 rows shown"
    browser.find_element("id", "find").clear()
    browser.find_element("id", "find").send_keys("nothing of the kind")
    assert shown(browser) == 0
    for _ in range(30):
        browser.find_element("id", "find").send_keys("\ue003")
    assert shown(browser) == 8
    browser.find_element("css selector", "#status option[value=succeeded]").click()
    assert shown(browser) == 8


def test_nothing_of_a_row_or_an_answer_runs_or_is_loaded(browser: Any, page: Path) -> None:
    browser.get(page.as_uri())
    for each in browser.find_elements("tag name", "summary"):
        each.click()
    assert browser.title == "batchspec report"
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map((each) => each.name)")
    assert loaded == []
    assert browser.get_log("browser") == []
    assert "<img src=x onerror" in browser.find_element("tag name", "main").text


def test_a_script_that_comes_in_on_another_way_is_stopped_by_the_policy(browser: Any, page: Path) -> None:
    browser.get(page.as_uri())
    browser.execute_script(
        "const made = document.createElement('div'); made.innerHTML = \"<img src=x onerror=document.title='run'>\";"
        "document.body.append(made)"
    )
    assert browser.title == "batchspec report"
    assert any("Content Security Policy" in each["message"] for each in browser.get_log("browser"))


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_open_to_everybody_at_any_width(browser: Any, page: Path, scheme: str, width: int) -> None:
    axe = node_package("axe-core") / "axe.min.js"
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(page.as_uri())
    # It comes through the driver, which stands above the page's policy.
    browser.execute_script(axe.read_text(encoding="utf-8"))
    found = browser.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
    assert [(each["id"], [node["html"] for node in each["nodes"]][:3]) for each in found["violations"]] == []
    assert len(found["passes"]) > 15
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
