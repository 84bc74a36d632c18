/** The page that verifies evidence from disk. `python -m audit.page` puts it, and all that it imports, into one file. */

import { isSupported } from "../lib/ed25519.js";
import { MAXIMUM_BYTES } from "../lib/verify/notes.js";
import { UnusableInput } from "../lib/verify/steps.js";
import { verifyEvidence } from "../lib/verify/verifier.js";
import { counted, fact, find, make, shown, sizeOf } from "./parts.js";
import { kindOf, resultOf } from "./result.js";

/** @typedef {import("../lib/verify/report.js").Report} Report */
/** @typedef {import("../lib/verify/verifier.js").Given} Given */
/** @typedef {import("../lib/verify/verifier.js").Progress} Progress */
/** @typedef {import("./parts.js").Verdict} Verdict */

const file = find("file", HTMLInputElement);
const drop = find("drop", HTMLElement);
const verdict = find("verdict", HTMLElement);
const checkpoints = find("checkpoints", HTMLTextAreaElement);
const bar = find("bar", HTMLProgressElement);
const submit = find("submit", HTMLButtonElement);
const SIGNATURE_LINE = "\u2014 ";
// The page answers to people at least so often. Milliseconds.
const SLICE_MS = 50;
const WORDS = { right: "VERIFIED", wrong: "NOT VERIFIED", open: "NOT VERIFIED" };

let isStopped = false;

/** @param {string} id @returns {string[]} the keys that a person pasted */
function keysIn(id) {
  return find(id, HTMLTextAreaElement).value.split(/[\s,;]+/).filter(Boolean);
}

/** @param {string} text checkpoints, one after the other @returns {string[]} each ends with its last signature line */
function notesIn(text) {
  /** @type {string[]} */
  const notes = [];
  let note = "";
  const lines = text.split("\n");
  for (const [index, line] of lines.entries()) {
    if (note === "" && line.trim() === "") continue;
    note += `${line}\n`;
    const isLast = line.startsWith(SIGNATURE_LINE) && !lines[index + 1]?.startsWith(SIGNATURE_LINE);
    if (!isLast && index < lines.length - 1) continue;
    notes.push(note);
    note = "";
  }
  return notes;
}

/** @param {Verdict} kind @param {string} word @param {string} sentence */
function say(kind, word, sentence) {
  verdict.dataset.verdict = kind;
  find("word", HTMLElement).textContent = word;
  find("reason", HTMLElement).replaceChildren(...shown(sentence.replace(/^(NOT )?VERIFIED: /, "")));
}

/** @returns {(progress: Progress) => Promise<void>} lets the page breathe, and says how far it is */
function breathing() {
  let last = performance.now();
  return async ({ lines, bytes, size }) => {
    if (performance.now() - last < SLICE_MS) return;
    bar.value = bytes / size;
    find("bar-label", HTMLElement).textContent = `${counted(lines, "line")} checked, ${sizeOf(bytes)} of ${sizeOf(size)}`;
    await new Promise((resolve) => { setTimeout(resolve); });
    if (isStopped) throw new UnusableInput("You stopped the check before its end.");
    last = performance.now();
  };
}

async function verify() {
  find("result", HTMLElement).hidden = false;
  find("found", HTMLElement).replaceChildren();
  const [chosen] = file.files ?? [];
  if (!chosen) return say("wrong", "NOT VERIFIED", "Choose the evidence file first.");
  if (!(await isSupported())) {
    return say("wrong", "NOT VERIFIED", "This browser cannot check Ed25519 signatures. Use a current Chrome, Edge, Firefox or Safari.");
  }
  say("open", "Checking…", chosen.name);
  const given = { roots: keysIn("roots"), peopleRoots: keysIn("people-roots"), checkpoints: notesIn(checkpoints.value) };
  try {
    const report = await verifyEvidence(chosen, given, breathing());
    find("found", HTMLElement).replaceChildren(...resultOf(report, factsOf(chosen, given)));
    const kind = kindOf(report);
    say(kind, WORDS[kind], `${report.summary}${firstTrouble(report)}`);
  } catch (error) {
    say("wrong", "NOT VERIFIED", error instanceof UnusableInput ? error.message : "The file could not be checked to its end.");
  }
}

/** @param {Report} report @returns {string} the first reason why it is not verified */
function firstTrouble({ failures, unchecked }) {
  const [first] = failures.length > 0 ? failures : unchecked;
  const trouble = first?.failure ?? first?.unchecked;
  return first && trouble ? ` Line ${first.line}, step ${trouble.step} (${trouble.name}): ${trouble.sentence}` : "";
}

/** @param {File} chosen @param {Given} given @returns {Node[]} */
function factsOf(chosen, { roots, peopleRoots = [], checkpoints: kept = [] }) {
  const keys = (/** @type {string[]} */ some) => make("code", some.length > 0 ? some.join(" ") : "none given");
  const named = kept.map((note) => note.split("\n").slice(0, 2).reverse().join(" entries of "));
  return [
    ...fact("File", `${chosen.name}, ${sizeOf(chosen.size)}`),
    ...fact("Checked at", new Date().toISOString()),
    ...fact("Trusted root keys", keys(roots)),
    ...fact("People roots", keys(peopleRoots)),
    ...fact("Earlier checkpoints", named.length > 0 ? named.join("; ") : "none given"),
  ];
}

/** @param {boolean} isRunning */
function show(isRunning) {
  submit.disabled = isRunning;
  find("progress", HTMLElement).hidden = !isRunning;
  bar.value = 0;
  isStopped = false;
}

/** @param {Iterable<File>} files */
async function addCheckpoints(files) {
  for (const one of files) {
    const text = one.size > MAXIMUM_BYTES ? `${one.name} is too large to be a checkpoint.` : await one.text();
    checkpoints.value += `${checkpoints.value && !checkpoints.value.endsWith("\n") ? "\n" : ""}${text}`;
  }
}

/** @param {File} one @returns {Promise<boolean>} */
async function isEvidence(one) {
  return one.size > MAXIMUM_BYTES || (await one.slice(0, 1).text()) === "{";
}

/** @param {File[]} files each is put where it belongs */
async function take(files) {
  for (const one of files) {
    if (!(await isEvidence(one))) {
      await addCheckpoints([one]);
      continue;
    }
    const chosen = new DataTransfer();
    chosen.items.add(one);
    file.files = chosen.files;
  }
}

find("form", HTMLFormElement).addEventListener("submit", async (event) => {
  event.preventDefault();
  show(true);
  try {
    await verify();
  } finally {
    show(false);
  }
  verdict.focus();
});

find("stop", HTMLButtonElement).addEventListener("click", () => { isStopped = true; });

find("checkpoint-files", HTMLInputElement).addEventListener("change", async ({ target }) => {
  if (!(target instanceof HTMLInputElement)) return;
  await addCheckpoints(target.files ?? []);
  target.value = "";
});

for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    drop.toggleAttribute("data-over", true);
  });
}

document.addEventListener("dragleave", () => drop.toggleAttribute("data-over", false));

document.addEventListener("drop", async (event) => {
  event.preventDefault();
  drop.toggleAttribute("data-over", false);
  await take([...(event.dataTransfer?.files ?? [])]);
});
