/** What this browser computed, as elements. Text only ever goes in as text. */

import { toHex } from "../lib/bytes.js";

/** @typedef {import("../lib/values.js").EntryView} EntryView */
/** @typedef {import("../lib/values.js").ValueView} ValueView */
/** @typedef {import("../lib/visible-text.js").Piece} Piece */
/** @typedef {import("../lib/warrant-view.js").KeyView} KeyView */

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag @param {{ [attribute: string]: string }} [attributes] @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** @param {EntryView[]} entries @returns {HTMLElement} */
export function argumentsTable(entries) {
  if (entries.length === 0) return element("p", {}, "The call has no arguments.");
  const head = ["Argument", "Value", "Type"].map((title) => element("th", { scope: "col" }, title));
  const rows = entries.map(({ name, value }) =>
    element("tr", {},
      element("th", { scope: "row" }, ...marked(name)),
      element("td", { class: "argument-value" }, valueElement(value), ...noteElements(value)),
      element("td", { class: "argument-type" }, value.type)));
  return element("table", { class: "arguments" },
    element("thead", { class: "visually-hidden" }, element("tr", {}, ...head)), element("tbody", {}, ...rows));
}

/** @param {ValueView} value @returns {HTMLElement} */
export function valueElement({ pieces, items, entries }) {
  if (items) return element("ol", { class: "value-list" }, ...items.map((item) => element("li", {}, ...inside(item))));
  if (!entries) return element("code", {}, ...marked(pieces));
  return element("dl", { class: "value-map" }, ...entries.flatMap(({ name, value }) =>
    [element("dt", {}, ...marked(name)), element("dd", {}, ...inside(value))]));
}

/** @param {ValueView} value @returns {HTMLElement[]} a value inside a list or map, with its type beside it */
function inside(value) {
  return [valueElement(value), element("small", { class: "value-type" }, value.type), ...noteElements(value)];
}

/** @param {ValueView} value @returns {HTMLElement[]} */
function noteElements({ notes }) {
  return notes.map((note) => element("small", { class: "value-note" }, note));
}

/** @param {Piece[]} pieces @returns {(Node | string)[]} */
export function marked(pieces) {
  return pieces.map((piece) =>
    piece.marked ? element("mark", { class: "odd-character", title: "A character that hides or deceives" }, piece.text) : piece.text);
}

/** @param {import("../lib/review.js").Check[]} checks @returns {HTMLElement} */
export function checksList(checks) {
  return element("ol", { class: "checks" }, ...checks.map(({ name, ok, sentence }) =>
    element("li", { "data-check": name, "data-ok": String(ok) },
      element("span", { class: "visually-hidden" }, ok ? "Holds: " : "Fails: "), sentence)));
}

/** @param {import("../lib/warrant.js").Problem[]} problems @returns {HTMLElement[]} */
export function problemsList(problems) {
  const items = problems.map(({ field, sentence }) =>
    element("li", { "data-field": field }, element("code", {}, field), " ", sentence));
  return [element("p", {}, "This request cannot be signed in this browser:"), element("ul", { class: "problems" }, ...items)];
}

/** @param {import("../lib/warrant-view.js").WarrantView} warrant @param {boolean} verified @returns {HTMLElement[]} */
export function warrantView(warrant, verified) {
  const rows = warrant.capabilities.flatMap(({ tool, isCalled, rules }) => {
    const shown = rules.length > 0 ? rules : [{ name: "", rule: "no arguments" }];
    return shown.map(({ name, rule }, index) =>
      element("tr", isCalled ? { "data-called": "" } : {},
        index === 0 ? element("th", { scope: "row" }, tool) : element("td"), element("td", {}, name), element("td", {}, rule)));
  });
  const gates = warrant.gates.map(({ tool, sentences, message }) =>
    element("li", {}, element("code", {}, tool), `: ${sentences.join("; ")}`, message && ` (“${message}”)`));
  return [
    facts([
      ["Warrant", element("code", { class: "hash" }, warrant.id)],
      ["Read here", verified ? "verified by this browser" : "not verified by this browser"],
      ["Root", key(warrant.root)],
      ["Issuer", key(warrant.issuer)],
      ["Held by", key(warrant.holder)],
      ...(warrant.acting ? /** @type {[string, HTMLElement][]} */ ([["Works for", actingView(warrant.acting)]]) : []),
      ["Issued", time(warrant.issuedAt)],
      ["Expires", time(warrant.expiresAt)],
      ["Policy", warrant.policy ? element("code", {}, warrant.policy) : "none is named"],
      ["Approvals needed", `${warrant.minimumApprovals} of ${warrant.approvers.length}`],
      ["An approval lives", warrant.longestApproval ? `at most ${warrant.longestApproval}` : "as long as the service and the worker allow"],
      ["Denials", warrant.denials],
      ["Must not approve", warrant.barred.length > 0 ? warrant.barred.join(", ") : "nobody by name; never the agent or the issuer"],
      ["Approvers' keys", element("ul", { class: "approvers" }, ...warrant.approvers.map((approver) =>
        element("li", approver.isOwn ? { "data-own": "" } : {}, key(approver))))],
      ["Handed on", element("ol", { class: "chain" }, ...warrant.chain.map(({ id, holder }) =>
        element("li", {}, element("code", { class: "hash" }, id), " to ", key(holder))))],
    ]),
    element("table", { class: "capabilities" },
      element("thead", {}, element("tr", {}, ...["Tool", "Argument", "May be"].map((title) => element("th", { scope: "col" }, title)))),
      element("tbody", {}, ...rows)),
    element("ul", { class: "gates" }, ...gates),
  ];
}

/** @param {import("../lib/acting.js").Acting} acting @returns {HTMLElement} both identities, as the warrant's issuer signed them */
export function actingView({ agent, person }) {
  return element("span", {}, element("strong", {}, agent), " for ", element("strong", {}, person));
}

/**
 * @param {import("../lib/acting.js").Acting | null} acting @param {boolean} verified @returns {HTMLElement[]}
 */
export function actingNote(acting, verified) {
  if (!acting) return [];
  const source = verified ? "So the warrant says, verified by this browser." : "So the warrant says, not verified by this browser.";
  return [element("p", { class: "acting" }, "Agent ", actingView(acting), ". What it calls with that person’s authority it calls in their name."),
    element("p", { class: "note" }, source)];
}

/** @param {[string, Node | string][]} entries @returns {HTMLElement} */
export function facts(entries) {
  return element("dl", { class: "facts" }, ...entries.flatMap(([term, detail]) => [element("dt", {}, term), element("dd", {}, detail)]));
}

/** @param {KeyView} view @returns {HTMLElement} */
function key({ fingerprint, isOwn }) {
  const code = element("code", { class: "hash", title: fingerprint }, fingerprint.slice(0, 16));
  return isOwn ? element("span", {}, code, " (this browser's key)") : code;
}

/** @param {number} seconds since 1970 @returns {HTMLElement} */
function time(seconds) {
  const iso = new Date(seconds * 1000).toISOString();
  return element("time", { datetime: iso }, `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`);
}

/** @param {string} title @param {Uint8Array} bytes @returns {HTMLElement[]} */
export function bytesView(title, bytes) {
  return [element("p", {}, title), element("pre", { class: "bytes", tabindex: "0" }, toHex(bytes))];
}
