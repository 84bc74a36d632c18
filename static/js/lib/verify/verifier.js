/**
 * Verification of a whole bundle with nothing but root keys: the twin of audit/verify, written apart from it.
 *
 * The file is read once, from its beginning. In memory are the lines of one chain, and of every entry that was searched
 * for its hash. A line fails at its first step that does not pass; the lines after it are still checked. What this
 * verifier cannot check it says of the line, and the file is then not verified.
 */

import { toHex } from "../bytes.js";
import { Case } from "./case.js";
import { checkKind, gatherWarrants } from "./incident.js";
import { after, beginningOf, checkAttachments, checkEnd, checkPlace, checkSignature } from "./ledger.js";
import { linesOf } from "./lines.js";
import { Logs, keptOf } from "./logs.js";
import { unbackedExecutions } from "./outcomes.js";
import { Population } from "./population.js";
import { byCodePoints, readLine } from "./reading.js";
import { Decisions } from "./records.js";
import { LineReport, Report, SectionReport } from "./report.js";
import { ServiceChain, isServiceChain } from "./service.js";
import { NotChecked, Refused, Step, UnusableInput, require } from "./steps.js";
import { endorsedKeys, endorsementsIn, keysOf } from "./trust.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {import("./ledger.js").Place} Place */
/** @typedef {import("./lines.js").RawLine} RawLine */
/** @typedef {import("./reading.js").About} About */
/** @typedef {import("./reading.js").CloseLine} CloseLine */
/** @typedef {import("./reading.js").EndLine} EndLine */
/** @typedef {import("./reading.js").Entry} Entry */
/** @typedef {import("./reading.js").EntryLine} EntryLine */
/** @typedef {import("./reading.js").Line} Line */
/** @typedef {import("./reading.js").RecordLine} RecordLine */
/** @typedef {import("./trust.js").Endorsed} Endorsed */
/** @typedef {{ report: LineReport, line: Line | null, end: number }} Read `line` is null where it cannot be read */
/**
 * Root public keys and checkpoints known from elsewhere; keys have 64 hexadecimal digits each. Without `peopleRoots`, whose
 * keys signed is not checked, without `checkpoints` nothing is compared with an earlier time, and notes say so.
 * @typedef {{ roots: string[], peopleRoots?: string[], checkpoints?: string[], approvalLifetime?: number }} Given
 */
/** @typedef {{ lines: number, bytes: number, size: number }} Progress */
/** @typedef {(progress: Progress) => Promise<void>} Pause */

export const APPROVAL_LIFETIME_SECONDS = 24 * 3600;
const AFTER_CLOSE = "There are lines after the close line.";
// So many lines are read at once, so that WebCrypto is kept busy.
const BATCH = 128;

/**
 * @param {Blob} file @param {Given} given @param {Pause} [pause] awaited after every line
 * @returns {Promise<Report>}
 * @throws {UnusableInput} if the file is no evidence file, a root is no key or a checkpoint is none
 */
export async function verifyEvidence(file, given, pause = async () => {}) {
  const verifier = new Verifier(given, pause);
  /** @type {RawLine[]} */
  let batch = [];
  for await (const line of linesOf(file)) {
    if (batch.push(line) < BATCH) continue;
    if (!(await verifier.takeAll(batch, file.size))) return verifier.report;
    batch = [];
  }
  if (await verifier.takeAll(batch, file.size)) await verifier.finish();
  return verifier.report;
}

/** Step 1. @param {RawLine} raw @returns {Promise<Read>} */
async function readRaw({ number, data, end }) {
  const report = new LineReport(number);
  const line = await judged(report, () => {
    if (!data) throw new NotChecked(Step.FORM, "not checked here: a line of more than 64 MiB. Use python -m audit.verify");
    return readLine(number, data);
  });
  if (line) report.entry = line.type;
  if (line?.type === "entry" || line?.type === "record") {
    report.entry = `#${line.entry.sequence} ${line.entry.kind}`;
    report.says = line.entry.says;
    report.chain = line.entry.chain;
    report.isMatch = line.type === "entry" && line.isMatch;
  }
  return { report, line, end };
}

/**
 * @template T @param {LineReport} report @param {() => T | Promise<T>} check
 * @returns {Promise<T | null>} null if it did not pass
 */
async function judged(report, check) {
  try {
    return await check();
  } catch (error) {
    if (error instanceof UnusableInput) throw error;
    if (error instanceof NotChecked) report.leave(error);
    else if (error instanceof Refused) report.fail(error);
    // Whatever cannot be checked is not verified.
    else report.fail(new Refused(Step.FORM, `The line cannot be checked (${error instanceof Error ? error.name : "error"}).`));
    return null;
  }
}

/** One chain's lines as they were read, until it is checked. `fault` is why its first line does not belong here, if so. */
class Section {
  /** @type {{ report: LineReport, line: EntryLine | null }[]} */
  lines = [];

  /** @param {string} name @param {string} fault */
  constructor(name, fault) {
    this.name = name;
    this.fault = fault;
    this.report = new SectionReport(name, isServiceChain(name));
  }

  /** @param {LineReport} report @param {EntryLine | null} line null where it cannot be read */
  push(report, line) {
    this.lines.push({ report, line });
    this.report.lines.push(report);
    report.chain = this.name;
  }
}

/** Takes a bundle's lines in order. */
class Verifier {
  report = new Report();
  #population = new Population();
  #decisions = new Decisions();
  #logs = new Logs();
  /** Of all chains that could be checked. @type {Set<string>} */
  #ledgerKeys = new Set();
  /** @type {About | null} */
  #about = null;
  /** @type {Section | null} */
  #open = null;
  #lastName = "";
  #isClosed = false;
  #hasPeople = false;
  /** @type {Progress} */
  #progress = { lines: 0, bytes: 0, size: 0 };

  /** @param {Given} given @param {Pause} pause */
  constructor({ roots, peopleRoots = [], checkpoints = [], approvalLifetime = APPROVAL_LIFETIME_SECONDS }, pause) {
    if (roots.length === 0) throw new UnusableInput("Give at least one root key; the keys page and the issuer's owner know it.");
    this.roots = new Set(keysOf(roots, "root key").map(toHex));
    this.peopleRoots = keysOf(peopleRoots, "people root");
    this.kept = keptOf(checkpoints);
    this.approvalLifetime = approvalLifetime;
    this.pause = pause;
  }

  /** @param {RawLine[]} batch the next lines @param {number} size of the file @returns {Promise<boolean>} false if no more can be checked */
  async takeAll(batch, size) {
    for (const read of await Promise.all(batch.map(readRaw))) {
      this.#progress = { lines: read.report.line, bytes: read.end, size };
      this.report.lines.push(read.report);
      if (!this.#about && !this.#begin(read)) return false;
      await this.#take(read);
      await this.pause(this.#progress);
    }
    return true;
  }

  /** All lines were taken. */
  async finish() {
    await this.#endSection(null);
    if (!this.#isClosed) {
      this.report.lines.at(-1)?.fail(new Refused(Step.FORM, "The file does not end with a close line: its tail is missing."));
    }
    const { notes } = this.report;
    if (this.#hasPeople && this.peopleRoots.length === 0) {
      notes.push("Whose keys the approvers' are was not checked: give the people root to check it.");
    }
    if (!this.#decisions.isEmpty) notes.push("Whether a key was revoked that this file does not say was revoked cannot be seen in it.");
    if (this.#about?.search) notes.push("Whether the search found all that there was is the word of who wrote the file; compare the roots with those of another export.");
    this.report.logs = this.#logs.newest;
  }

  /** @param {Read} first @returns {boolean} */
  #begin({ report, line }) {
    if (line?.type === "bundle") {
      const { chain, search } = this.#about = line.about;
      const terms = [...(search ?? [])].map(([name, value]) => `${name} '${value}'`).join(", ");
      this.report.about = chain || `a search for ${terms || "everything"}`;
      this.report.isSearch = search !== null;
      report.passed(Step.FORM, `about ${this.report.about}`);
      return true;
    }
    report.fail(new Refused(Step.FORM, "The file does not begin with a bundle line."));
    this.report.notes.push("Nothing after the first line could be checked.");
    return false;
  }

  /** @param {Read} read */
  async #take({ report, line }) {
    if (report.line === 1) return;
    if (!line) this.#open?.push(report, null);
    else if (line.type === "entry") await this.#takeEntry(line, report);
    else if (line.type === "end" && this.#open) await this.#endSection({ report, line });
    else {
      await this.#endSection(null);
      await judged(report, () => this.#check(line, report));
    }
  }

  /** @param {EntryLine} line @param {LineReport} report */
  async #takeEntry(line, report) {
    await this.#population.add(line.entry, line.isMatch);
    this.#open ??= this.#begun(line.entry.chain);
    this.#open.push(report, line);
  }

  /** @param {string} chain @returns {Section} */
  #begun(chain) {
    this.#population.chains += 1;
    const about = this.#about?.chain ?? "";
    const fault = this.#isClosed ? AFTER_CLOSE
      : this.#population.records > 0 ? "The chains come before the records."
        : about && this.#population.chains > 1 ? "A bundle about one chain holds no other."
          : byCodePoints(chain, this.#lastName) <= 0 ? "The chains are not in the order of their names, each once." : "";
    this.#lastName = chain;
    const section = new Section(about || chain, fault);
    this.report.sections.push(section.report);
    return section;
  }

  /** @param {{ report: LineReport, line: EndLine } | null} end null where it is missing */
  async #endSection(end) {
    const section = this.#open;
    this.#open = null;
    if (!section) return;
    if (end) {
      section.report.lines.push(end.report);
      end.report.chain = section.name;
    }
    const keys = await this.#keysOf(section);
    if (!keys) {
      const skipped = section.report.lines.filter(({ checks, failure, unchecked }) => checks.length === 0 && !failure && !unchecked);
      for (const report of skipped) report.isSkipped = true;
      return;
    }
    for (const key of keys.ledger) this.#ledgerKeys.add(key);
    const place = section.report.isService ? await this.#checkService(section, keys) : await this.#checkIncident(section, keys);
    await this.#checkEnd(section, end, place, keys);
  }

  /** Step 2: without an endorsed ledger key nothing of a chain can be checked. @param {Section} section @returns {Promise<Endorsed | null>} */
  async #keysOf({ name, fault, lines, report: { isService } }) {
    const first = lines.find(({ line }) => line !== null);
    if (!first?.line) return null;
    const { report, line: { entry } } = first;
    const endorsed = await judged(report, () => {
      require(!fault, Step.FORM, fault);
      const endorsements = isService ? this.#about?.endorsements : endorsementsIn(entry);
      if (!endorsements) throw new Refused(Step.LEDGER_KEY, "The first line does not say who endorsed the ledger's key.");
      return endorsedKeys(endorsements, this.roots);
    });
    if (endorsed) report.passed(Step.LEDGER_KEY, "the service's keys are endorsed by a trusted root");
    else this.report.notes.push(`Nothing after line ${report.line} of the chain ${name} could be checked.`);
    return endorsed;
  }

  /** @param {Section} section @param {Endorsed} endorsed @returns {Promise<Place>} where the chain ends */
  async #checkService(section, endorsed) {
    const state = new ServiceChain(section.name, this.peopleRoots);
    let place = beginningOf(section.name);
    for (const { report, line } of section.lines) {
      if (!line) continue;
      const { entry } = line;
      const before = place;
      place = after(place, entry);
      await judged(report, async () => {
        this.#checkEntry(entry, report, before, endorsed.ledger);
        report.passed(Step.PEOPLE, await state.check(entry));
      });
      await this.pause(this.#progress);
    }
    this.#hasPeople ||= state.hasEndorsements;
    return place;
  }

  /** @param {Section} section @param {Endorsed} endorsed @returns {Promise<Place>} where the chain ends */
  async #checkIncident({ name, lines, report: found }, endorsed) {
    const state = new Case({ roots: this.roots, peopleRoots: this.peopleRoots, endorsed, name, approvalLifetime: this.approvalLifetime });
    await gatherWarrants(lines.flatMap(({ line }) => (line ? [line.entry] : [])), state);
    for (const { report, line } of lines) {
      if (!line) continue;
      const { entry } = line;
      const before = state.place;
      // The next line is compared with this one, so that one fault is named once.
      state.place = after(before, entry);
      await judged(report, async () => {
        this.#checkEntry(entry, report, before, endorsed.ledger);
        await checkKind(entry, report, state, this.#decisions);
      });
      await this.pause(this.#progress);
    }
    const unbacked = new Set(unbackedExecutions(state));
    for (const { report } of lines.filter((one) => unbacked.has(one.report.line))) {
      report.fail(new Refused(Step.OUTCOME, "The call is said to have run, but no receipt here allowed it."));
    }
    found.state = state.runStatus || "open";
    this.#hasPeople ||= state.hasDecisions;
    this.report.notes.push(...state.notes);
    if (!state.runStatus) this.report.notes.push(`${name} has no run.completed entry: the incident was open when the file was written.`);
    return state.place;
  }

  /** Steps 3 to 5. @param {Entry} entry @param {LineReport} report @param {Place} place @param {Set<string>} keys */
  #checkEntry(entry, report, place, keys) {
    checkSignature(entry, keys);
    report.passed(Step.SIGNATURE, `signed by the ledger key ${toHex(entry.envelope.signerKey).slice(0, 8)}…`);
    checkPlace(entry, place);
    report.passed(Step.PLACE, "linked to the entry before");
    checkAttachments(entry);
    report.passed(Step.ATTACHMENTS, this.#attached(entry));
    const { counts } = this.report;
    counts.set(entry.kind, (counts.get(entry.kind) ?? 0) + 1);
  }

  /** @param {Entry} entry @returns {string} */
  #attached(entry) {
    const names = [...entry.salted.keys()].sort();
    const erased = names.filter((name) => entry.salted.get(name) === null);
    if (erased.length > 0) this.report.notes.push(`Line ${entry.line}: erased, and not checked again: ${erased.join(", ")}.`);
    return names.length > 0 && erased.length === 0 ? `${names.join(", ")} as attached` : "";
  }

  /**
   * Steps 13 and 17. @param {Section} section @param {{ report: LineReport, line: EndLine } | null} end @param {Place} place
   * @param {Endorsed} endorsed
   */
  async #checkEnd(section, end, place, { ledger }) {
    if (!end) {
      section.lines.at(-1)?.report.fail(new Refused(Step.END, "The chain does not end with an end line: its tail is missing."));
      return;
    }
    await judged(end.report, async () => {
      checkEnd(end.line, place, ledger);
      end.report.passed(Step.END, `signed; ${place.size} entries, the last one's hash matches`);
      end.report.passed(Step.LOG, await this.#logs.check(end.line.log, place.head, ledger));
    });
  }

  /** What is no part of a chain. @param {Line} line @param {LineReport} report */
  async #check(line, report) {
    require(!this.#isClosed, Step.FORM, AFTER_CLOSE);
    switch (line.type) {
      case "bundle": throw new Refused(Step.FORM, "There is a second bundle line.");
      case "end": throw new Refused(Step.FORM, "There is no chain that this line could end.");
      case "record": await this.#checkRecord(line, report); break;
      case "close": await this.#checkClose(line, report); break;
    }
  }

  /** Steps 3, 5, 17 and 20. @param {RecordLine} line @param {LineReport} report */
  async #checkRecord({ entry, log }, report) {
    this.report.records.push(report);
    this.#population.records += 1;
    checkSignature(entry, this.#ledgerKeys);
    report.passed(Step.SIGNATURE, `signed by the ledger key ${toHex(entry.envelope.signerKey).slice(0, 8)}…`);
    checkAttachments(entry);
    report.passed(Step.ATTACHMENTS, this.#attached(entry));
    report.passed(Step.LOG, await this.#logs.check(log, entry.hash, this.#ledgerKeys));
    require(!isServiceChain(this.#about?.chain ?? ""), Step.RECORDS, "A bundle about a chain of the service's own has no records.");
    report.passed(Step.RECORDS, this.#decisions.check(entry));
  }

  /** Steps 18 and 19. @param {CloseLine} line @param {LineReport} report */
  async #checkClose(line, report) {
    this.#isClosed = true;
    const totals = await this.#population.totals(() => this.pause(this.#progress));
    const { chains, entries, records } = this.#population;
    this.report.population = { chains, entries, records, totals };
    const { text, notes } = await this.#logs.checkEarlier(line.earlier, this.kept, this.#ledgerKeys);
    this.report.notes.push(...notes);
    report.passed(Step.EARLIER, text);
    report.passed(Step.POPULATION, this.#population.check(line, totals, this.#about?.search === null));
  }
}
