/** <policy-change>: shows what a version of a policy changes, from both texts that the page holds. */

import { lineDiff } from "../lib/line-diff.js";

/** @typedef {{ name: string, number: number, text: string, replaced_number: number, replaced_text: string }} Compared */

const CONTEXT_LINES = 3;
const MARKS = { same: " ", removed: "−", added: "+" };
const WORDS = { same: "", removed: "taken away: ", added: "added: " };

class PolicyChange extends HTMLElement {
  connectedCallback() {
    /** @type {Compared} */
    const { text, replaced_text: replaced } = JSON.parse(this.querySelector("script")?.textContent ?? "{}");
    const lines = lineDiff(replaced, text);
    const shown = document.createElement("div");
    shown.className = "change-lines";
    // Long lines scroll, with the keyboard too.
    shown.tabIndex = 0;
    shown.setAttribute("role", "group");
    shown.setAttribute("aria-label", "Lines that change");
    if (lines.every((line) => line.kind === "same")) shown.append("Nothing is different.");
    else shown.append(...lines.flatMap((line, index) => (isNear(lines, index) ? [asRow(line)] : gapAt(lines, index))));
    this.append(shown);
  }
}

/** @param {import("../lib/line-diff.js").Line[]} lines @param {number} index */
function isNear(lines, index) {
  return lines.slice(Math.max(0, index - CONTEXT_LINES), index + CONTEXT_LINES + 1).some((line) => line.kind !== "same");
}

/** One row for all lines that are left out side by side. @param {import("../lib/line-diff.js").Line[]} lines @param {number} index */
function gapAt(lines, index) {
  if (index > 0 && !isNear(lines, index - 1)) return [];
  const row = document.createElement("div");
  row.className = "change-gap";
  row.textContent = "⋯";
  return [row];
}

/** @param {import("../lib/line-diff.js").Line} line */
function asRow({ kind, text }) {
  const row = document.createElement("div");
  row.className = "change-line";
  row.dataset.kind = kind;
  const mark = document.createElement("span");
  mark.setAttribute("aria-hidden", "true");
  mark.textContent = MARKS[kind];
  const word = document.createElement("span");
  word.className = "visually-hidden";
  word.textContent = WORDS[kind];
  const content = document.createElement("code");
  content.textContent = text;
  row.append(mark, word, content);
  return row;
}

customElements.define("policy-change", PolicyChange);
