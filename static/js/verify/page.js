/**
 * The page that verifies evidence from disk. `python -m audit.page` puts it, and all that it imports, into one file.
 *
 * Whatever a file says is shown as text, with what could deceive the eye made visible; nothing becomes HTML.
 */

import { isSupported } from "../lib/ed25519.js";
import { UnusableInput } from "../lib/verify/steps.js";
import { verifyEvidence } from "../lib/verify/verifier.js";
import { pieces } from "../lib/visible-text.js";

/** @typedef {import("../lib/verify/report.js").Report} Report */
/** @typedef {import("../lib/verify/report.js").LineReport} LineReport */
/** @typedef {"right" | "wrong" | "open"} Verdict */

const SIGNS = { right: "✓", wrong: "✗", open: "?" };

/** @template {HTMLElement} T @param {string} id @param {new () => T} type @returns {T} */
function find(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`The page has no ${id}.`);
  return found;
}

const file = find("file", HTMLInputElement);
const drop = find("drop", HTMLElement);
const verdict = find("verdict", HTMLElement);

/** @param {string} tag @param {...(string | Node)} parts text is made visible @returns {HTMLElement} */
function make(tag, ...parts) {
  const element = document.createElement(tag);
  element.append(...parts.flatMap((part) => (typeof part === "string" ? shown(part) : [part])));
  return element;
}

/** @param {string} text @returns {(string | Node)[]} */
function shown(text) {
  return pieces(text).map((piece) => {
    if (!piece.marked) return piece.text;
    const mark = document.createElement("mark");
    mark.textContent = piece.text;
    return mark;
  });
}

/** @param {string} id @returns {string[]} the keys that a person pasted */
function keysIn(id) {
  return find(id, HTMLTextAreaElement).value.split(/[\s,;]+/).filter(Boolean);
}

/** @param {Verdict} kind @param {string} sentence */
function say(kind, sentence) {
  verdict.dataset.verdict = kind;
  verdict.replaceChildren(...shown(sentence));
}

/** @param {Report} report @returns {Verdict} */
function kindOf(report) {
  if (report.verified) return "right";
  return report.failures.length > 0 ? "wrong" : "open";
}

/** @param {LineReport} line @returns {HTMLElement} */
function lineOf({ line, entry, checks, failure, unchecked }) {
  const kind = failure ? "wrong" : unchecked ? "open" : "right";
  const sign = make("b", `${SIGNS[kind]} line ${line}`);
  sign.dataset.verdict = kind;
  const trouble = failure ?? unchecked;
  const said = trouble ? [" ", wrong(kind, `step ${trouble.step} (${trouble.name}): ${trouble.sentence}`)] : [];
  const details = document.createElement("details");
  details.open = trouble !== null;
  const done = checks.map(({ step, name, text }) => make("li", `step ${step} (${name}): ${text}`));
  const list = done.length > 0 ? make("ul", ...done) : make("ul", make("li", "Nothing of this line was checked."));
  details.append(make("summary", sign, `  ${entry}`, ...said), list);
  return make("li", details);
}

/** @param {Verdict} kind @param {string} text @returns {HTMLElement} */
function wrong(kind, text) {
  const element = make("span", text);
  element.dataset.verdict = kind;
  return element;
}

/** @param {Report | null} report */
function show(report) {
  find("chain", HTMLElement).replaceChildren(...(report ? shown(`Evidence of ${report.chain}`) : []));
  find("notes", HTMLElement).replaceChildren(...(report?.notes ?? []).map((note) => make("li", note)));
  find("lines", HTMLElement).replaceChildren(...(report?.lines ?? []).map(lineOf));
}

async function verify() {
  find("result", HTMLElement).hidden = false;
  show(null);
  const [chosen] = file.files ?? [];
  if (!chosen) return say("wrong", "Choose the evidence file first.");
  if (!(await isSupported())) {
    return say("wrong", "This browser cannot check Ed25519 signatures. Use a current Chrome, Edge, Firefox or Safari.");
  }
  say("open", "Checking…");
  try {
    const data = new Uint8Array(await chosen.arrayBuffer());
    const report = await verifyEvidence(data, { roots: keysIn("roots"), peopleRoots: keysIn("people-roots") });
    show(report);
    say(kindOf(report), report.summary);
  } catch (error) {
    const unusable = error instanceof UnusableInput;
    say("wrong", unusable ? error.message : "NOT VERIFIED: the file could not be checked to its end.");
  }
}

find("form", HTMLFormElement).addEventListener("submit", async (event) => {
  event.preventDefault();
  await verify();
  verdict.focus();
});

for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    drop.toggleAttribute("data-over", true);
  });
}

document.addEventListener("dragleave", () => drop.toggleAttribute("data-over", false));

document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.toggleAttribute("data-over", false);
  if (event.dataTransfer?.files.length) file.files = event.dataTransfer.files;
});
