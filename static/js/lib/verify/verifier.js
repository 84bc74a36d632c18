/**
 * Verification of a whole bundle with nothing but root keys: the twin of audit/verify, written apart from it.
 *
 * The file is read once, from its beginning. In memory are the lines of a few chains, and of every entry that was searched
 * for its hash. A line fails at its first step that does not pass; the lines after it are still checked. What this
 * verifier cannot check it says of the line, and the file is then not verified.
 */

import { toHex } from "../bytes.js";
import { checkAttachments, checkSignature } from "./ledger.js";
import { linesOf } from "./lines.js";
import { Logs, checkLog, keptOf } from "./logs.js";
import { Population } from "./population.js";
import { byCodePoints, readLine } from "./reading.js";
import { Decisions } from "./records.js";
import { LineReport, Report, judged } from "./report.js";
import { Section, attached, checkSection, signedBy } from "./sections.js";
import { isServiceChain } from "./service.js";
import { NotChecked, Refused, Step, UnusableInput, require } from "./steps.js";
import { keysOf } from "./trust.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {import("./lines.js").RawLine} RawLine */
/** @typedef {import("./reading.js").About} About */
/** @typedef {import("./reading.js").CloseLine} CloseLine */
/** @typedef {import("./reading.js").EntryLine} EntryLine */
/** @typedef {import("./reading.js").Line} Line */
/** @typedef {import("./reading.js").RecordLine} RecordLine */
/** @typedef {import("./sections.js").Checked} Checked */
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
// So many lines are read at once, and so many chains are checked, so that WebCrypto is kept busy.
const LINES_AT_ONCE = 32;
const CHAINS_AT_ONCE = 16;

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
    if (batch.push(line) < LINES_AT_ONCE) continue;
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
    report.isMatch = line.type === "record" || line.isMatch;
  }
  return { report, line, end };
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
  /** Chains that are being checked, in the file's order. @type {{ section: Section, checked: Promise<Checked> }[]} */
  #checking = [];
  #lastName = "";
  #isClosed = false;
  #hasPeople = false;
  /** @type {Progress} */
  #progress = { lines: 0, bytes: 0, size: 0 };

  /** @param {Given} given @param {Pause} pause */
  constructor({ roots, peopleRoots = [], checkpoints = [], approvalLifetime = APPROVAL_LIFETIME_SECONDS }, pause) {
    if (roots.length === 0) throw new UnusableInput("Give at least one root key; the keys page and the issuer's owner know it.");
    this.trust = { roots: new Set(keysOf(roots, "root key").map(toHex)), peopleRoots: keysOf(peopleRoots, "people root"), approvalLifetime };
    this.kept = keptOf(checkpoints);
    this.pause = () => pause(this.#progress);
  }

  /** @param {RawLine[]} batch the next lines @param {number} size of the file @returns {Promise<boolean>} false if no more can be checked */
  async takeAll(batch, size) {
    for (const { report, line, end } of await Promise.all(batch.map(readRaw))) {
      this.report.lines.push(report);
      if (report.line > 1) await this.#take(line, report);
      else if (!this.#begins(line, report)) return false;
      this.#progress = { lines: report.line, bytes: end, size };
      await this.pause();
    }
    return true;
  }

  /** All lines were taken. */
  async finish() {
    await this.#endSection();
    await this.#settle(0);
    if (!this.#isClosed) {
      this.report.lines.at(-1)?.fail(new Refused(Step.FORM, "The file does not end with a close line: its tail is missing."));
    }
    const { notes } = this.report;
    if (this.#hasPeople && this.trust.peopleRoots.length === 0) {
      notes.push("Whose keys the approvers' are was not checked: give the people root to check it.");
    }
    if (!this.#decisions.isEmpty) notes.push("A file cannot show that a key was not revoked: it may leave a revocation out.");
    if (this.#about?.search) {
      notes.push("Whether the search found all that there was is the word of who wrote the file. Another export of the same search has the same roots.");
    }
    this.report.logs = this.#logs.newest;
  }

  /** @param {Line | null} line the first @param {LineReport} report @returns {boolean} */
  #begins(line, report) {
    if (line?.type !== "bundle") {
      report.fail(new Refused(Step.FORM, "The file does not begin with a bundle line."));
      this.report.notes.push("Nothing after the first line could be checked.");
      return false;
    }
    const { chain, search } = this.#about = line.about;
    const terms = [...(search ?? [])].map(([name, value]) => `${name} '${value}'`).join(", ");
    this.report.about = chain || `a search for ${terms || "everything"}`;
    this.report.isSearch = search !== null;
    report.passed(Step.FORM, `about ${this.report.about}`);
    return true;
  }

  /** @param {Line | null} line @param {LineReport} report */
  async #take(line, report) {
    if (!line) this.#open?.push(report, null);
    else if (line.type === "entry") this.#takeEntry(line, report);
    else if (line.type === "end" && this.#open) {
      this.#open.finish(report, line);
      await this.#endSection();
    } else {
      await this.#endSection();
      await this.#settle(0);
      await judged(report, () => this.#check(line, report));
    }
  }

  /** @param {EntryLine} line @param {LineReport} report */
  #takeEntry(line, report) {
    this.#population.add(line);
    this.#open ??= this.#begun(line.entry.chain);
    this.#open.push(report, line);
  }

  /** @param {string} chain @returns {Section} */
  #begun(chain) {
    this.#population.chains += 1;
    const about = this.#about?.chain ?? "";
    const section = new Section(about || chain, this.#faultOf(chain, about));
    this.#lastName = chain;
    this.report.sections.push(section.report);
    return section;
  }

  /** @param {string} chain @param {string} about the one chain that the file is about, if it is @returns {string} */
  #faultOf(chain, about) {
    if (this.#isClosed) return AFTER_CLOSE;
    if (this.#population.records > 0) return "The chains come before the records.";
    if (about) return this.#population.chains > 1 ? "A bundle about one chain holds no other." : "";
    return byCodePoints(chain, this.#lastName) > 0 ? "" : "The chains are not in the order of their names, each once.";
  }

  async #endSection() {
    const section = this.#open;
    this.#open = null;
    if (!section) return;
    const checked = checkSection(section, this.trust, this.#about?.endorsements ?? null, this.pause);
    // Whoever waits for it is told of an error; nobody may wait any more once the check was stopped.
    checked.catch(() => {});
    this.#checking.push({ section, checked });
    await this.#settle(CHAINS_AT_ONCE - 1);
  }

  /** Take into account what was found of chains, in the file's order. @param {number} left how many may still be checked */
  async #settle(left) {
    while (this.#checking.length > left) {
      const { section, checked } = /** @type {{ section: Section, checked: Promise<Checked> }} */ (this.#checking.shift());
      const { ledgerKeys, counts, decided, located, hasPeople, notes } = await checked;
      for (const key of ledgerKeys) this.#ledgerKeys.add(key);
      for (const [kind, number] of counts) this.report.counts.set(kind, (this.report.counts.get(kind) ?? 0) + number);
      for (const entry of decided) this.#decisions.add(entry);
      this.#hasPeople ||= hasPeople;
      this.report.notes.push(...notes);
      const report = section.end?.report;
      if (report && located) await judged(report, () => report.passed(Step.LOG, this.#logs.remember(located)));
    }
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
    report.passed(Step.SIGNATURE, signedBy(entry));
    checkAttachments(entry);
    report.passed(Step.ATTACHMENTS, attached(entry, this.report.notes));
    report.passed(Step.LOG, this.#logs.remember(await checkLog(log, entry.hash, this.#ledgerKeys)));
    require(!isServiceChain(this.#about?.chain ?? ""), Step.RECORDS, "A bundle about a chain of the service's own has no records.");
    report.passed(Step.RECORDS, await this.#decisions.check(entry));
  }

  /** Steps 18 and 19. @param {CloseLine} line @param {LineReport} report */
  async #checkClose(line, report) {
    this.#isClosed = true;
    const totals = await this.#population.totals(this.pause);
    const { chains, entries, records } = this.#population;
    this.report.population = { chains, entries, records, totals };
    const { text, notes } = await this.#logs.checkEarlier(line.earlier, this.kept, this.#ledgerKeys);
    this.report.notes.push(...notes);
    report.passed(Step.EARLIER, text);
    report.passed(Step.POPULATION, this.#population.check(line, totals, this.#about?.search === null));
  }
}
