"""The static verifier: one file, opened from disk with the network off."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from audit.page.__main__ import build, main
from audit.statements.entries import entry_hash
from audit.statements.evidence import about_chain, about_search
from audit.statements.statements import parse
from tests.audit.bundles import MemoryLog, bundled
from tests.audit.evidence import edit, envelope_of, public
from tests.browser.conftest import look
from tests.vectors.evidence import TABLE
from tests.vectors.evidence_story import Story, whole
from tests.vectors.parts import HERE

pytestmark = pytest.mark.browser
ROWS: dict[str, dict[str, Any]] = {Path(row["file"]).stem: row for row in json.loads(TABLE.read_text())}


@pytest.fixture(scope="module")
def page(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    target = tmp_path_factory.mktemp("verifier") / "verify.html"
    assert main([str(target)]) == 0
    context = browser.new_context(offline=True, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(15_000)
    opened = context.new_page()
    opened.set_default_timeout(15_000)
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(target.as_uri())
    yield opened
    assert {url.split(":")[0] for url in asked} <= {"file"}
    assert len(asked) == 1, asked
    assert not complaints
    context.close()


def give(page: Page, row: dict[str, Any], *, roots: list[str] | None = None) -> None:
    page.get_by_label("Evidence file").set_input_files(HERE / row["file"])
    page.get_by_label("Trusted root keys").fill("\n".join(row["roots"] if roots is None else roots))
    page.get_by_label("People roots").fill("\n".join(row["people_roots"]))
    page.get_by_label("Earlier checkpoints").fill("".join(row.get("checkpoints", [])))
    page.get_by_label("People roots").press("Tab")
    page.get_by_role("button", name="Verify", exact=True).press("Enter")


def row_of(story: Story, lines: list[bytes], path: Path, **more: Any) -> dict[str, Any]:
    """Write ``lines`` and return them as a vector's row is."""
    path.write_bytes(b"".join(lines))
    return {"file": path, "roots": [story.trusted_root_hex], "people_roots": [public(story.people_root).hex()], **more}


def with_checkpoint(log: MemoryLog, path: Path) -> dict[str, Any]:
    """Return a bundle that goes on from the first 7 leaves of ``log``, to which it was added."""
    story = whole()
    lines = story.lines()
    for line in lines[:-1]:
        log.append(entry_hash(parse(envelope_of(line)).statement))
    log.append(bytes(32))
    kept, note = log.note(story.ledger, 7), json.loads(lines[-1])["log"]["note"]
    earlier = log.earlier(kept, note, (7, len(log.leaves)))
    return row_of(story, bundled(about_chain(story.chain), lines, earlier=[earlier]), path, checkpoints=[kept])


def test_a_genuine_file_verifies_entry_by_entry(page: Page) -> None:
    give(page, ROWS["approved"])
    expect(page.get_by_role("status")).to_contain_text("VERIFIED12 lines")
    expect(page.get_by_role("status")).to_be_focused()
    lines = page.locator("#chains > li > details > ol > li")
    expect(lines).to_have_count(10)
    expect(lines.nth(5)).to_contain_text("approval.granted  local:lead")
    lines.nth(6).locator("summary").press("Enter")
    expect(lines.nth(6)).to_contain_text("step 9 (approvals): approved by local:lead; bound to this request")
    lines.nth(9).locator("summary").press("Enter")
    expect(lines.nth(9)).to_contain_text("step 17 (log): leaf 13 of 15 in the log countersign.example/ledger/default")
    expect(page.locator("#population")).to_contain_text("2026-01")
    expect(page.locator("#notes")).to_contain_text("Whether the ledger was written anew was not checked")
    look(page, "verifier-right")


def test_a_tampered_file_shows_the_line_and_step_that_fail(page: Page) -> None:
    row = ROWS["approval-of-another-request"]
    give(page, row)
    [failure] = row["failures"]
    expect(page.get_by_role("status")).to_contain_text(f"NOT VERIFIED1 of 8 lines failed (line {failure['line']}).")
    expect(page.get_by_role("status")).to_contain_text("step 9 (approvals): An approval was signed for another request")
    expect(page.locator("#troubles > li")).to_have_count(1)
    failing = page.locator("#chains > li > details > ol > li").nth(failure["line"] - 2)
    expect(failing.locator("details")).to_have_attribute("open", "")
    expect(failing).to_contain_text("step 9 (approvals): An approval was signed for another request, run or namespace.")
    look(page, "verifier-wrong")


def test_what_is_not_checked_here_is_never_verified(page: Page) -> None:
    give(page, ROWS["constraint-by-expression"])
    expect(page.get_by_role("status")).to_contain_text("NOT VERIFIED1 of 5 lines could not be checked here (line 3).")
    expect(page.locator("#troubles")).to_contain_text("not checked here")


def test_another_root_and_none_are_refused(page: Page) -> None:
    give(page, ROWS["approved"], roots=["ab" * 32])
    expect(page.get_by_role("status")).to_contain_text("NOT VERIFIED")
    give(page, ROWS["approved"], roots=[])
    expect(page.get_by_role("status")).to_contain_text("Give at least one root key")
    expect(page.locator("#chains")).to_have_count(0)


def test_a_checkpoint_that_was_kept_shows_that_nothing_was_written_anew(page: Page, tmp_path: Path) -> None:
    row = with_checkpoint(MemoryLog(), tmp_path / "kept.jsonl")
    (tmp_path / "kept.checkpoint").write_text(row["checkpoints"][0])
    give(page, {**row, "checkpoints": []})
    expect(page.locator("#notes")).to_contain_text(
        "Only one that you keep yourself shows that nothing was written anew."
    )
    page.get_by_label("Or add checkpoint files").set_input_files(tmp_path / "kept.checkpoint")
    expect(page.get_by_label("Earlier checkpoints")).to_have_value(row["checkpoints"][0])
    page.get_by_role("button", name="Verify", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("VERIFIED12 lines")
    page.locator("#opening summary").last.click()
    expect(page.locator("#opening")).to_contain_text("step 18 (earlier): goes on from 1 checkpoint that you keep")
    expect(page.locator("#facts")).to_contain_text("7 entries of countersign.example/ledger/default")


def test_a_past_that_was_written_anew_is_found_with_the_checkpoint_that_was_kept(page: Page, tmp_path: Path) -> None:
    other = MemoryLog()
    other.leaves[0] = bytes(32)
    give(page, with_checkpoint(other, tmp_path / "anew.jsonl"))
    expect(page.get_by_role("status")).to_contain_text("NOT VERIFIED1 of 12 lines failed (line 12).")
    expect(page.locator("#troubles")).to_contain_text("does not go on from the checkpoint of 7 entries")
    give(page, {**ROWS["approved"], "checkpoints": [MemoryLog().note(whole().ledger, 5)]})
    expect(page.locator("#troubles")).to_contain_text("This file has no proof from the checkpoint you keep")


def test_a_search_is_a_tree_of_chains_and_its_population(page: Page, tmp_path: Path) -> None:
    stories = sorted((whole(), Story(number=2).ran(), Story(number=3).asked()), key=lambda story: str(story.chain))
    lines = [line for story in stories for line in story.lines()]
    lines = [edit(line, match=False) if b'"kind":"call.result"' in line else line for line in lines]
    row = row_of(stories[0], bundled(about_search({"person": "local:\u202elead"}), lines), tmp_path / "search.jsonl")
    give(page, row)
    expect(page.get_by_role("status")).to_contain_text("VERIFIED")
    chains = page.locator("#chains > li")
    expect(chains).to_have_count(3)
    expect(chains.nth(0).locator("li")).to_have_count(0)
    expect(page.locator("#facts")).to_contain_text("local:⟨U+202E⟩lead")
    expect(page.locator("#notes")).to_contain_text("is the word of who wrote the file")
    look(page, "verifier-search")
    page.get_by_role("button", name="Open everything shown").click()
    expect(chains.nth(0).locator("li").filter(has_text="step 3 (signature)").first).to_be_visible()


def test_files_that_are_dropped_find_their_places(page: Page, tmp_path: Path) -> None:
    kept = MemoryLog().note(whole().ledger, 5)
    page.get_by_label("Earlier checkpoints").fill("")
    dropped = [("approved.jsonl", (HERE / ROWS["approved"]["file"]).read_text()), ("kept.checkpoint", kept)]
    page.evaluate(
        """(files) => {
          const dataTransfer = new DataTransfer();
          for (const [name, text] of files) dataTransfer.items.add(new File([text], name));
          document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
        }""",
        dropped,
    )
    expect(page.get_by_label("Earlier checkpoints")).to_have_value(kept)
    assert page.get_by_label("Evidence file").evaluate("input => input.files[0].name") == "approved.jsonl"


def test_the_page_allows_nothing_but_itself() -> None:
    page = build()
    assert "default-src 'none'; script-src 'sha256-" in page
    assert "unsafe" not in page.split("<style>")[0]
    assert " src=" not in page
    assert "href=" not in page
    assert "http://" not in page.split("<script>")[0]
    assert build() == page
