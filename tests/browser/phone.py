"""A phone, as Chromium plays one: its screen, its thumbs, its slow processor and network; and what is awkward there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from tests.browser.conftest import OF_COLOURS, check_accessibility

THUMB = 44  # CSS pixels, the least that a thumb hits: WCAG 2.2, 2.5.5
READABLE = 16  # CSS pixels, below which iOS zooms into a field that gets the focus
PROCESSOR = 4  # times slower than this machine
# "Slow 4G" of Chromium's own developer tools: milliseconds, bytes per second.
NETWORK = {"offline": False, "latency": 562.5, "downloadThroughput": 180_000, "uploadThroughput": 84_375}
ANDROID = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36"
)


def phone(width: int = 360, height: int = 640) -> dict[str, Any]:
    """Return what makes a browser's context that of a phone."""
    screen = {"width": width, "height": height}
    return {"viewport": screen, "is_mobile": True, "has_touch": True, "device_scale_factor": 2, "user_agent": ANDROID}


def without_fonts_from_elsewhere(page: Page) -> None:
    """Let nothing wait for the provider's fonts. A route of Playwright's would take the browser's cache away."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.send("Network.setBlockedURLs", {"urls": ["*fonts.googleapis.com*"]})


def slow_down(page: Page) -> None:
    """Give ``page`` the processor and the network of a cheap phone."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.send("Network.emulateNetworkConditions", NETWORK)
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": PROCESSOR})


# Links inside of a sentence are as high as its lines: WCAG 2.5.5 leaves them out, and so does this.
_AWKWARD = """({thumb, readable}) => {
  const found = [];
  const named = (element) => {
    const words = (element.getAttribute("aria-label") || element.innerText || element.name || element.id || "");
    const place = element.closest("section, form, header, nav, article, li")?.className ?? "";
    return `<${element.localName}> “${words.trim().slice(0, 40)}” in “${place}”`;
  };
  const isInSentence = (element) =>
    getComputedStyle(element).display.startsWith("inline") && !getComputedStyle(element).display.includes("flex") &&
    [...element.parentElement.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && /\\w/.test(node.data));
  const wide = document.documentElement.scrollWidth - innerWidth;
  if (wide > 0 || document.documentElement.scrollWidth > screen.width) {
    const isWide = (element) => element.getBoundingClientRect().right > screen.width + 1 && element.checkVisibility();
    const widest = [...document.querySelectorAll("body *")]
      .filter((element) => isWide(element) && ![...element.children].some(isWide)).slice(0, 3).map(named);
    found.push(`the page is ${document.documentElement.scrollWidth} px wide: ${widest.join("; ")}`);
  }
  const pressed = "a[href], button, input:not([type=hidden]), select, textarea, summary";
  for (const element of document.querySelectorAll(pressed)) {
    if (!element.checkVisibility({ visibilityProperty: true })) continue;
    const label = element.matches("[type=checkbox], [type=radio]") ? element.labels?.[0] : null;
    const field = label?.closest(".field--check") ?? label ?? element;
    const { width, height } = field.getBoundingClientRect();
    const isHidden = element.classList.contains("skip-link");
    if (isHidden || (element.localName === "a" && isInSentence(element))) continue;
    const isSmall = Math.min(width, height) < thumb - 0.5;
    if (isSmall) found.push(`${Math.round(width)} x ${Math.round(height)} px: ${named(element)}`);
    const typed = element.matches("select, textarea, input:not([type=checkbox], [type=radio])");
    const size = parseFloat(getComputedStyle(element).fontSize);
    if (typed && size < readable) found.push(`letters of ${size} px: ${named(element)}`);
  }
  return found;
}"""


def awkward(page: Page) -> list[str]:
    """Return what a thumb misses, what iOS zooms into, and what makes the page wider than the screen."""
    found = page.evaluate(_AWKWARD, {"thumb": THUMB, "readable": READABLE})
    assert isinstance(found, list)
    return found


def look_on_a_phone(page: Page, name: str) -> None:
    """Fail if the page is awkward on this phone, in light or dark or in letters twice as large; keep pictures."""
    problems: list[str] = []
    for scheme, letters in (("light", "100%"), ("dark", "100%"), ("light", "200%")):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        page.evaluate("(size) => { document.documentElement.style.fontSize = size; }", letters)
        problems += [f"{name}, {scheme}, letters at {letters}: {problem}" for problem in awkward(page)]
        if letters == "100%":
            check_accessibility(page, *(OF_COLOURS if scheme == "dark" else ()))
        if directory := os.environ.get("SCREENSHOTS"):
            suffix = scheme if letters == "100%" else "large"
            page.screenshot(path=str(Path(directory) / f"phone-{name}-{suffix}.png"), full_page=True)
    page.evaluate("document.documentElement.style.fontSize = ''")
    page.emulate_media(color_scheme="light", reduced_motion="no-preference")
    assert not problems, "\n".join(problems)


# What the tab key stops at: every group of radio buttons once.
_STOPS = """() => {
  const groups = new Set();
  const kinds = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
  for (const element of document.querySelectorAll(kinds)) {
    const isThere = element.checkVisibility({ visibilityProperty: true }) && !element.closest("[inert]");
    if (!isThere || element.disabled || groups.has(element.name)) continue;
    if (element.type === "radio") groups.add(element.name);
    element.dataset.stop = (element.innerText || element.name || element.id).trim().slice(0, 40);
  }
  document.body.tabIndex = -1;
  document.body.focus();
  document.body.removeAttribute("tabindex");
}"""
# The element with the focus: whether that is seen, and whether it lies under something else.
_FOCUSED = """() => {
  const element = document.activeElement;
  if (element === document.body || element === document.documentElement) return null;
  const name = element.dataset.stop ?? element.outerHTML.slice(0, 80);
  // A field for a time has a stop for the hour, another for the minute, and the browser shows which.
  if ("stopped" in element.dataset) return { name, isSeen: true, isClear: true };
  element.dataset.stopped = "";
  delete element.dataset.stop;
  // A radio button that is drawn by its neighbour shows the focus there.
  const isOutlined = (one) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(one);
    return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
  };
  const isSeen = isOutlined(element) || (element.nextElementSibling && isOutlined(element.nextElementSibling));
  const box = (element.type === "radio" ? element.parentElement : element).getBoundingClientRect();
  const points = [[box.width / 2, box.height / 2], [4, 4], [box.width - 4, box.height - 4]];
  const isClear = points.some(([x, y]) => {
    const above = document.elementFromPoint(box.left + x, box.top + y);
    return above !== null && (element.contains(above) || above.contains(element));
  });
  return { name, isSeen, isClear };
}"""
_NOT_REACHED = """() => [...document.querySelectorAll("[data-stop]")]
  .filter((element) => element.checkVisibility({ visibilityProperty: true })).map((element) => element.dataset.stop)"""
MANY = 200


def walk_with_the_keyboard(page: Page) -> None:
    """Fail unless the tab key reaches everything on the page, shown as focused and under nothing else."""
    page.evaluate(_STOPS)
    for _ in range(MANY):
        page.keyboard.press("Tab")
        found = page.evaluate(_FOCUSED)
        if found is None:
            break
        assert found["isSeen"], f"nothing shows that “{found['name']}” has the focus"
        assert found["isClear"], f"“{found['name']}” has the focus and is under something else"
    missed = page.evaluate(_NOT_REACHED)
    assert missed == [], f"out of the keyboard's reach: {missed}"
