/** What verification found, as people read it: the incidents as a tree, the population, and what was not checked. */

import { FILL, SIGNS, counted, fact, folded, judgedPart, make, paged } from "./parts.js";

/** @typedef {import("../lib/verify/report.js").Report} Report */
/** @typedef {import("../lib/verify/report.js").LineReport} LineReport */
/** @typedef {import("../lib/verify/report.js").SectionReport} SectionReport */
/** @typedef {import("../lib/verify/report.js").Counted} Counted */
/** @typedef {import("../lib/verify/report.js").LogHead} LogHead */
/** @typedef {import("./parts.js").Verdict} Verdict */

// So many chains with a fault are open from the beginning.
const OPENED = 3;
// Kinds that belong to the call before them.
const UNDER_A_CALL = /^#\d+ (approval\.|call\.result)/;

/** @param {Report} report @returns {Verdict} */
export function kindOf(report) {
  if (report.verified) return "right";
  return report.failures.length > 0 ? "wrong" : "open";
}

/** @param {LineReport} line @returns {Verdict} */
function kindOfLine({ failure, unchecked }) {
  return failure ? "wrong" : unchecked ? "open" : "right";
}

/** @param {LineReport[]} lines @returns {Verdict} */
function worst(lines) {
  const kinds = new Set(lines.map(kindOfLine));
  return kinds.has("wrong") ? "wrong" : kinds.has("open") ? "open" : "right";
}

/** @param {Report} report @param {Node[]} given what was checked, and with what @returns {Node[]} */
export function resultOf(report, given) {
  return [
    ...troubles(report),
    ...notes(report),
    ...part("What was checked", [facts(report, given)]),
    ...chains(report),
    ...records(report),
    ...opening(report),
    ...(report.population ? population(report.population) : []),
    ...part("The logs that vouch for it", report.logs.length > 0 ? [logs(report.logs)] : []),
  ];
}

/** @param {string} title @param {Node[]} body @returns {Node[]} nothing if there is no body */
function part(title, body) {
  return body.length > 0 ? [make("h3", title), ...body] : [];
}

/** @param {Report} report @returns {Node[]} */
function notes(report) {
  if (report.notes.length === 0) return [];
  return part("What was not checked, and what to know", pagedAs("notes", "ul", report.notes, (note) => make("li", note)));
}

/**
 * @template T @param {string} id @param {"ol" | "ul"} tag @param {T[]} items @param {(item: T) => HTMLElement} render
 * @returns {HTMLElement[]}
 */
function pagedAs(id, tag, items, render) {
  const [list, more] = paged(tag, items, render);
  list.id = id;
  return [list, more];
}

/** @param {Report} report @returns {Node[]} the first line and the last, which belong to no chain */
function opening({ lines }) {
  const own = lines.filter(({ chain, entry }) => chain === "" && !entry.startsWith("#"));
  return part("The lines around them", own.length > 0 ? pagedAs("opening", "ol", own, lineOf) : []);
}

/** @param {Report} report @returns {Node[]} the lines that did not pass, and why */
function troubles(report) {
  const lines = report.lines.filter((line) => kindOfLine(line) !== "right");
  if (lines.length === 0) return [];
  return part("Why it is not verified", pagedAs("troubles", "ul", lines, (line) => make("li", ...troubleOf(line))));
}

/** @param {LineReport} line @returns {(string | Node)[]} */
function troubleOf(line) {
  const trouble = line.failure ?? line.unchecked;
  if (!trouble) return [];
  const kind = kindOfLine(line);
  const where = line.chain ? ` ${line.entry} of ${line.chain}` : ` ${line.entry}`;
  return [
    judgedPart(kind, "b", `${SIGNS[kind]} line ${line.line}`), where, ": ",
    judgedPart(kind, "span", `step ${trouble.step} (${trouble.name}): ${trouble.sentence}`),
  ];
}

/** @param {Report} report @param {Node[]} given @returns {HTMLElement} */
function facts(report, given) {
  const list = make("dl", ...fact("The file is about", report.about || "not said"), ...given);
  list.id = "facts";
  if (report.population) {
    const { entries, chains: number, records: others, totals } = report.population;
    const matches = report.isSearch ? `, of which the search found ${totals.count.toLocaleString("en")}` : "";
    list.append(...fact("It holds", `${counted(entries, "entry")} in ${counted(number, "chain")}${matches}; `
      + `${counted(others, "record")} of other chains; ${counted(report.lines.length, "line")} in all`));
  }
  return list;
}

/** @param {Report} report @returns {Node[]} */
function chains(report) {
  if (report.sections.length === 0) return [];
  let opened = 0;
  const isOnly = report.sections.length === 1;
  const list = pagedAs("chains", "ol", report.sections, (section) => {
    const isOpen = isOnly || (worst(section.lines) !== "right" && opened++ < OPENED);
    return make("li", folded(titleOf(section), () => paged("ol", section.lines, lineOf), isOpen));
  });
  const all = document.createElement("button");
  all.type = "button";
  all.className = "plain screen";
  all.textContent = "Open everything shown, to read or print";
  all.addEventListener("click", () => openAll(list));
  const hint = make("p", "Every entry opens to its checks: who signed it, over what, and how that was checked.");
  hint.className = "hint screen";
  return part(isOnly ? "The chain, entry by entry" : "The chains, entry by entry", [hint, all, ...list]);
}

/** @param {HTMLElement[]} parts */
function openAll(parts) {
  for (const details of parts.flatMap((part) => [...part.querySelectorAll("details")])) {
    details.dispatchEvent(new Event(FILL));
    details.open = true;
    openAll([...details.children].filter((child) => child instanceof HTMLElement));
  }
}

/** @param {SectionReport} section @returns {Node[]} */
function titleOf({ chain, isService, lines, state, title }) {
  const kind = worst(lines);
  const entries = lines.filter(({ says }) => says !== "").length;
  const ended = isService ? "kept by the service" : state ? `the run: ${state}` : "not checked";
  const troubled = lines.filter((line) => kindOfLine(line) !== "right").length;
  const said = troubled > 0 ? [judgedPart(kind, "span", `${counted(troubled, "line")} not verified`)] : [];
  const more = make("span", ` ${title ? `${chain}; ` : ""}${counted(entries, "entry")}; ${ended} `);
  more.className = "quiet";
  return [judgedPart(kind, "b", `${SIGNS[kind]} ${title || chain || "a chain without a name"}`), more, ...said];
}

/** @param {LineReport} line @returns {HTMLElement} */
function lineOf(line) {
  const kind = kindOfLine(line);
  const trouble = line.failure ?? line.unchecked;
  const number = make("span", `line ${line.line}`);
  number.className = "quiet";
  const said = make("span", line.says ? `  ${line.says}  ` : `  ${line.entry}  `);
  said.className = line.isMatch || !line.says ? "says" : "says other";
  const summary = [judgedPart(kind, "b", SIGNS[kind]), said, number];
  if (trouble) summary.push(judgedPart(kind, "span", ` step ${trouble.step} (${trouble.name}): ${trouble.sentence}`));
  const item = make("li", folded(summary, () => [checksOf(line)], trouble !== null));
  if (UNDER_A_CALL.test(line.entry)) item.dataset.under = "";
  return item;
}

/** @param {LineReport} line @returns {HTMLElement} */
function checksOf({ entry, checks, failure, unchecked }) {
  const items = checks.map(({ step, name, text }) => make("li", `step ${step} (${name}): ${text}`));
  if (items.length === 0) items.push(make("li", failure || unchecked ? "No step before that passed." : "Nothing of this line was checked."));
  return make("div", ...(entry.startsWith("#") ? [make("p", `Entry ${entry}`)] : []), make("ul", ...items));
}

/** @param {Report} report @returns {Node[]} */
function records({ records: lines }) {
  if (lines.length === 0) return [];
  return part("What other chains say of it", pagedAs("records", "ol", lines, lineOf));
}

/** @param {Counted} found @returns {Node[]} */
function population({ totals }) {
  const head = make("tr", ...["Month (UTC)", "Entries", "Root over them"].map(heading));
  const rows = totals.periods.map(({ period, count, root }) => rowOf(period, count, root));
  const table = make("table", make("thead", head), make("tbody", ...rows, rowOf("All", totals.count, totals.root)));
  table.id = "population";
  return part("The population", [make("p", "Counted again from the lines above. Whoever holds the same entries gets the same roots."), table]);
}

/** @param {string} text @returns {HTMLElement} */
function heading(text) {
  const cell = make("th", text);
  cell.setAttribute("scope", "col");
  return cell;
}

/** @param {string} name @param {number} count @param {Uint8Array} root @returns {HTMLElement} */
function rowOf(name, count, root) {
  const hex = Array.from(root, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const first = make("th", name);
  first.setAttribute("scope", "row");
  return make("tr", first, make("td", count.toLocaleString("en")), make("td", make("code", hex)));
}

/** @param {LogHead[]} heads @returns {HTMLElement} */
function logs(heads) {
  return make("ul", ...heads.map(({ origin, size, root }) =>
    make("li", `${origin}: its first ${size} entries have the root `, make("code", root))));
}
