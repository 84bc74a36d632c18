/** One chain of a bundle, whole: steps 2 to 17 of its entries and its end, in their order. */

import { toHex } from "../bytes.js";
import { Case } from "./case.js";
import { checkKind, gatherWarrants } from "./incident.js";
import { Kind } from "./kinds.js";
import { after, beginningOf, checkAttachments, checkEnd, checkPlace, checkSignature } from "./ledger.js";
import { checkLog } from "./logs.js";
import { unbackedExecutions } from "./outcomes.js";
import { SectionReport, judged } from "./report.js";
import { ServiceChain, isServiceChain } from "./service.js";
import { Refused, Step, require } from "./steps.js";
import { endorsedKeys } from "./trust.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {import("./ledger.js").Place} Place */
/** @typedef {import("./logs.js").Located} Located */
/** @typedef {import("./reading.js").EndLine} EndLine */
/** @typedef {import("./reading.js").Entry} Entry */
/** @typedef {import("./reading.js").EntryLine} EntryLine */
/** @typedef {import("./report.js").LineReport} LineReport */
/** @typedef {import("./trust.js").Endorsed} Endorsed */
/** @typedef {{ report: LineReport, line: EntryLine | null }} Read `line` is null where it cannot be read */
/** @typedef {{ report: LineReport, line: EndLine }} End */
/** @typedef {{ roots: Set<string>, peopleRoots: Bytes[], approvalLifetime: number }} Trust roots in hexadecimal; seconds */

/**
 * What checking a chain found, beside what its lines' reports say: it is taken into account in the order of the file.
 * @typedef {object} Checked
 * @property {Set<string>} ledgerKeys that a trusted root endorsed, in hexadecimal
 * @property {Map<string, number>} counts of kinds
 * @property {Entry[]} decided decisions that were checked
 * @property {Located | null} located where the chain's last entry is
 * @property {boolean} hasPeople whether it says whose keys are whose
 * @property {string[]} notes
 */

/** The lines of one chain as they were read. `fault` is why its first line does not belong here, if so. */
export class Section {
  /** @type {Read[]} */
  lines = [];
  /** @type {End | null} null while it is missing */
  end = null;

  /** @param {string} name @param {string} fault */
  constructor(name, fault) {
    this.name = name;
    this.fault = fault;
    this.report = new SectionReport(name, isServiceChain(name));
  }

  /** @param {LineReport} report @param {EntryLine | null} line null where it cannot be read */
  push(report, line) {
    this.lines.push({ report, line });
    this.#add(report);
  }

  /** @param {LineReport} report @param {EndLine} line */
  finish(report, line) {
    this.end = { report, line };
    this.#add(report);
  }

  /** @param {LineReport} report */
  #add(report) {
    this.report.lines.push(report);
    report.chain = this.name;
  }
}

/**
 * @param {Section} section @param {Trust} trust @param {Bytes[] | null} endorsements of the bundle's first line, for chains of the
 *     service's own
 * @param {() => Promise<void>} pause awaited after every line
 * @returns {Promise<Checked>}
 */
export async function checkSection(section, trust, endorsements, pause) {
  /** @type {Checked} */
  const checked = { ledgerKeys: new Set(), counts: new Map(), decided: [], located: null, hasPeople: false, notes: [] };
  const endorsed = await openedBy(section, trust.roots, endorsements);
  if (!endorsed) {
    const first = section.lines.find(({ report }) => report.failure)?.report;
    checked.notes.push(`Nothing after line ${first?.line} of the chain ${section.name} could be checked.`);
    for (const report of section.report.lines) report.isSkipped = report.isUntouched;
    return checked;
  }
  checked.ledgerKeys = endorsed.ledger;
  const check = section.report.isService ? checkService : checkIncident;
  const place = await check(section, trust, endorsed, checked, pause);
  await checkEndOf(section, place, endorsed.ledger, checked);
  return checked;
}

/**
 * Step 2, on the first line: without an endorsed ledger key nothing else can be checked.
 * @param {Section} section @param {Set<string>} roots @param {Bytes[] | null} endorsements @returns {Promise<Endorsed | null>}
 */
async function openedBy({ fault, lines, report: { isService } }, roots, endorsements) {
  const first = lines.find(({ line }) => line !== null);
  if (!first?.line) return null;
  const { report, line: { entry } } = first;
  const endorsed = await judged(report, () => {
    require(!fault, Step.FORM, fault);
    const own = isService ? endorsements : endorsementsIn(entry);
    if (!own) throw new Refused(Step.LEDGER_KEY, "The first line does not say who endorsed the ledger's key.");
    return endorsedKeys(own, roots);
  });
  if (endorsed) report.passed(Step.LEDGER_KEY, "the service's keys are endorsed by a trusted root");
  return endorsed;
}

/** @param {Entry} first of an incident @returns {Bytes[]} */
function endorsementsIn({ kind, sequence, details }) {
  const begins = kind === Kind.WARRANT_MINTED && sequence === 1;
  require(begins, Step.PLACE, "The chain does not begin with entry 1, the minting of the incident's warrant.");
  return details.forStep(Step.LEDGER_KEY).listOfData("endorsements");
}

/**
 * @param {Section} section @param {Trust} trust @param {Endorsed} endorsed @param {Checked} checked
 * @param {() => Promise<void>} pause @returns {Promise<Place>} where the chain ends
 */
async function checkService({ name, lines }, { peopleRoots }, { ledger }, checked, pause) {
  const state = new ServiceChain(name, peopleRoots);
  let place = beginningOf(name);
  for (const { report, line } of lines) {
    if (!line) continue;
    const { entry } = line;
    const before = place;
    place = after(place, entry);
    await judged(report, async () => {
      checkEntry(entry, report, before, ledger, checked);
      report.passed(Step.PEOPLE, await state.check(entry));
    });
    await pause();
  }
  checked.hasPeople = state.hasEndorsements;
  return place;
}

/**
 * @param {Section} section @param {Trust} trust @param {Endorsed} endorsed @param {Checked} checked
 * @param {() => Promise<void>} pause @returns {Promise<Place>} where the chain ends
 */
async function checkIncident({ name, lines, report: found }, trust, endorsed, checked, pause) {
  const state = new Case({ ...trust, endorsed, name });
  await gatherWarrants(lines.flatMap(({ line }) => (line ? [line.entry] : [])), state);
  for (const { report, line } of lines) {
    if (!line) continue;
    const { entry } = line;
    const before = state.place;
    // The next line is compared with this one, so that one fault is named once.
    state.place = after(before, entry);
    await judged(report, async () => {
      checkEntry(entry, report, before, endorsed.ledger, checked);
      await checkKind(entry, report, state, checked.decided);
    });
    await pause();
  }
  const unbacked = new Set(unbackedExecutions(state));
  for (const { report } of lines.filter((one) => unbacked.has(one.report.line))) {
    report.fail(new Refused(Step.OUTCOME, "The call is said to have run, but no receipt here allowed it."));
  }
  found.state = state.runStatus || "open";
  found.title = titleOf(lines);
  checked.hasPeople = state.hasDecisions;
  checked.notes.push(...state.notes);
  if (!state.runStatus) checked.notes.push(`${name} has no run.completed entry: the incident was open when the file was written.`);
  return state.place;
}

/** @param {Read[]} lines of an incident @returns {string} its number elsewhere and its title, as far as they are told */
function titleOf(lines) {
  const incident = lines.find(({ line }) => line)?.line?.entry.details.values.get("incident");
  const parts = incident instanceof Map ? [incident.get("id"), incident.get("title")] : [];
  return parts.filter((one) => typeof one === "string" && one !== "").join(": ");
}

/**
 * Steps 3 to 5. @param {Entry} entry @param {LineReport} report @param {Place} place @param {Set<string>} keys
 * @param {Checked} checked
 */
function checkEntry(entry, report, place, keys, { counts, notes }) {
  checkSignature(entry, keys);
  report.passed(Step.SIGNATURE, signedBy(entry));
  checkPlace(entry, place);
  report.passed(Step.PLACE, "linked to the entry before");
  checkAttachments(entry);
  report.passed(Step.ATTACHMENTS, attached(entry, notes));
  counts.set(entry.kind, (counts.get(entry.kind) ?? 0) + 1);
}

/** @param {Entry} entry @returns {string} */
export function signedBy({ envelope }) {
  return `signed by the ledger key ${toHex(envelope.signerKey).slice(0, 8)}…`;
}

/** @param {Entry} entry whose attachments were checked @param {string[]} notes @returns {string} */
export function attached({ line, salted }, notes) {
  const names = [...salted.keys()].sort();
  const erased = names.filter((name) => salted.get(name) === null);
  if (erased.length > 0) notes.push(`Line ${line}: erased, and not checked again: ${erased.join(", ")}.`);
  return names.length > 0 && erased.length === 0 ? `${names.join(", ")} as attached` : "";
}

/** Steps 13 and 17. @param {Section} section @param {Place} place @param {Set<string>} keys @param {Checked} checked */
async function checkEndOf({ lines, end }, place, keys, checked) {
  if (!end) {
    lines.at(-1)?.report.fail(new Refused(Step.END, "The chain does not end with an end line: its tail is missing."));
    return;
  }
  await judged(end.report, async () => {
    checkEnd(end.line, place, keys);
    end.report.passed(Step.END, `signed; ${place.size} entries, the last one's hash matches`);
    checked.located = await checkLog(end.line.log, place.head, keys);
  });
}
