/**
 * What the agent says and did, as elements, from the very bytes whose digest is signed; and whether the server's
 * page said the same before. Text only ever goes in as text.
 */

import { viewEntries } from "../lib/values.js";
import { pieces } from "../lib/visible-text.js";
import { element, marked, valueElement } from "./signed-view.js";

/** @typedef {import("../lib/display.js").Display} Display */
/** @typedef {import("../lib/display.js").EarlierCall} EarlierCall */
/** @typedef {import("../lib/warrant.js").Problem} Problem */

const VERDICTS = /** @type {{ [verdict: string]: [string, string] }} */ ({
  allowed: ["Allowed", ""], denied: ["Denied", " badge--danger"], gated: ["Stopped at a gate", " badge--accent"],
});
const MARKS = /⟨U\+[0-9A-F]{4,6}⟩/g;
const NOT_PLAIN = /[^\x21-\x7e]/g;

/** The parts of the page that are filled from a display, by field. @param {Display} display */
function viewsOf(display) {
  return [
    { part: "gate-message", field: "gate_message", view: gateMessageView(display.gateMessage) },
    { part: "reasoning", field: "reasoning", view: reasoningView(display.reasoning) },
    { part: "history", field: "history", view: historyView(display.history) },
  ];
}

/**
 * Put what is signed in the place of what the server wrote.
 * @param {HTMLElement} page @param {Display} display @returns {Problem[]} where the page says something else, or nothing
 */
export function showSigned(page, display) {
  /** @type {Problem[]} */
  const problems = [];
  for (const { part, field, view } of viewsOf(display)) {
    const place = page.querySelector(`[data-part="${part}"]`);
    if (!place || said(place) !== said(element("div", {}, ...view))) {
      problems.push({ field, sentence: "The server's page said something else here than what would be signed." });
    }
    place?.replaceChildren(...view);
  }
  return problems;
}

/**
 * The words that were said, without what two programs may show differently: marks of odd characters, and all but ASCII.
 * @param {Element} place @returns {string}
 */
function said(place) {
  const words = [...place.querySelectorAll("[data-said]")].map((one) => one.textContent ?? "");
  return words.map((text) => text.replaceAll(MARKS, "").replaceAll(NOT_PLAIN, "")).join("\n");
}

/** @param {string} message @returns {HTMLElement[]} */
function gateMessageView(message) {
  return message ? [element("p", { "data-said": "" }, ...marked(pieces(message)))] : [];
}

/** @param {string} reasoning @returns {HTMLElement[]} */
function reasoningView(reasoning) {
  if (!reasoning) return [element("p", { class: "soft", "data-said": "" }, "The agent gave no reason.")];
  return [element("figure", { class: "agent-words" },
    element("blockquote", { "data-said": "", tabindex: "0" }, ...marked(pieces(reasoning))),
    element("figcaption", {}, "Written by the agent, not verified"))];
}

/** @param {EarlierCall[]} history @returns {HTMLElement[]} */
function historyView(history) {
  if (history.length === 0) return [element("p", { class: "soft", "data-said": "" }, "This is the first call of the run.")];
  return [element("ol", { class: "calls" }, ...history.map(callView))];
}

/** @param {EarlierCall} call @returns {HTMLElement} */
function callView({ tool, verdict, atMs, code, detail, values }) {
  const [label, tone] = VERDICTS[verdict] ?? [verdict, ""];
  const at = new Date(atMs).toISOString();
  const entries = viewEntries(values ?? new Map()).map(({ name, value }) => {
    const shown = value.type === "text" ? element("code", {}, '"', ...marked(value.pieces), '"') : valueElement(value);
    return element("div", {}, element("dt", {}, ...marked(name)), element("dd", {}, shown));
  });
  return element("li", { class: "call", "data-verdict": verdict },
    element("p", { class: "call-head" },
      element("span", { class: `badge${tone}`, "data-said": "" }, label),
      element("code", { class: "call-tool", "data-said": "" }, ...marked(pieces(tool))),
      element("time", { datetime: at, title: `${at.slice(0, 10)}, ${at.slice(11, 19)} UTC` }, at.slice(11, 19))),
    ...(entries.length > 0 ? [element("dl", { class: "call-arguments" }, ...entries)] : []),
    ...(detail || code ? [element("p", { class: "call-detail", "data-said": "" }, ...marked(pieces(detail)),
      ...(code ? [" ", element("code", { class: "call-code" }, ...marked(pieces(code)))] : []))] : []));
}
