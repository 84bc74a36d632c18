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
