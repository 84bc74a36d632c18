/**
 * Tenuo's constraints on one argument: read, put into words, and tried on a value.
 *
 * `matches` answers null where this browser does not know the rule: the worker decides those.
 * Where it answers, it answers as tenuo_core 0.3.3 does (tests/vectors/good/constraints.json).
 */

import { Float } from "./cbor.js";
import { Refusal } from "./refusal.js";
import { asList, asTextMap } from "./shape.js";

/** @typedef {import("./cbor.js").Value} Value */
/** @typedef {{ type: number, value: Value }} Constraint */

const ALL = 12;
const ANY_OF = 13;
const CEL = 15;
const CIDR = 8;
const CONTAINS = 10;
const EXACT = 1;
const NOT = 14;
const NOT_ONE_OF = 7;
const ONE_OF = 4;
const PATTERN = 2;
const RANGE = 3;
const REGEX = 5;
const SHLEX = 128;
const SUBPATH = 17;
const SUBSET = 11;
const URL_PATTERN = 9;
const URL_SAFE = 18;
const WILDCARD = 16;

/** @param {string} field @param {Value | undefined} value @returns {Constraint} */
export function parseConstraint(field, value) {
  const [type, rule, ...rest] = asList(field, value);
  if (typeof type !== "bigint" || rule === undefined || rest.length > 0) {
    throw new Refusal(field, `${field} is not a constraint.`);
  }
  return { type: Number(type), value: rule };
}

/** @param {Constraint} constraint @param {string} name @returns {Value} one part of the constraint's rule */
function part(constraint, name) {
  return asTextMap("constraint", constraint.value).get(name) ?? null;
}

/** @param {Constraint} constraint @param {string} name @returns {Constraint[]} */
function inner(constraint, name) {
  return asList("constraint", part(constraint, name)).map((item) => parseConstraint("constraint", item));
}

/** @param {Value} value @returns {string} a scalar as a person reads it, text in quotes */
function quoted(value) {
  if (typeof value === "string") return JSON.stringify(value);
  if (value instanceof Float) return String(value.value);
  if (Array.isArray(value)) return value.map(quoted).join(", ");
  return String(value);
}

/** @param {Constraint} constraint @returns {string} */
function range(constraint) {
  const [low, high] = [part(constraint, "min"), part(constraint, "max")];
  const least = `${part(constraint, "min_inclusive") === false ? "more than" : "at least"} ${quoted(low)}`;
  const most = `${part(constraint, "max_inclusive") === false ? "less than" : "at most"} ${quoted(high)}`;
  if (low === null && high === null) return "any number";
  if (low === null) return most;
  return high === null ? least : `${least} and ${most}`;
}

/** @param {Constraint} constraint @returns {string} in brackets, where it has several parts itself */
function describeInner(constraint) {
  const words = describe(constraint);
  return [ALL, ANY_OF, RANGE].includes(constraint.type) ? `(${words})` : words;
}

/** @param {Value} pattern @returns {string} Tenuo finds it anywhere in a text, unless it says otherwise */
function regex(pattern) {
  const whole = typeof pattern === "string" ? /^\\A\(\?:([^]*)\)\\z$/.exec(pattern) : null;
  if (whole) return `text that as a whole matches the expression ${quoted(whole[1] ?? "")}`;
  return `text with something in it that matches the expression ${quoted(pattern)}`;
}

/** @param {Constraint} constraint @returns {string} */
function subpath(constraint) {
  const alike = part(constraint, "case_sensitive") === false ? ", in upper or lower case" : "";
  const itself = part(constraint, "allow_equal") === false ? ", but not that itself" : "";
  return `a path under ${quoted(part(constraint, "root"))}${alike}${itself}`;
}

const BLOCKS = ["block_private", "block_loopback", "block_metadata", "block_reserved"];
const URL_PARTS = { schemes: "with", allow_domains: "on", deny_domains: "but not on", allow_ports: "at port" };

/** @param {Constraint} constraint @returns {string} */
function urlSafe(constraint) {
  const isOpen = BLOCKS.some((name) => part(constraint, name) !== true);
  const words = isOpen ? "a web address, internal ones too" : "a web address that is not internal";
  const said = Object.entries(URL_PARTS).filter(([name]) => part(constraint, name) !== null);
  return words + said.map(([name, word]) => `, ${word} ${quoted(part(constraint, name))}`).join("");
}

/** @param {Constraint} constraint @returns {string} what it allows, in words */
export function describe(constraint) {
  switch (constraint.type) {
    case EXACT: return `exactly ${quoted(part(constraint, "value"))}`;
    case ONE_OF: return `one of ${quoted(part(constraint, "values"))}`;
    case NOT_ONE_OF: return `anything but ${quoted(part(constraint, "excluded"))}`;
    case RANGE: return range(constraint);
    case WILDCARD: return "anything";
    case CONTAINS: return `a list with ${quoted(part(constraint, "required"))} in it`;
    case SUBSET: return `a list of only ${quoted(part(constraint, "allowed"))}`;
    case ALL: return inner(constraint, "constraints").map(describeInner).join(" and ");
    case ANY_OF: return inner(constraint, "constraints").map(describeInner).join(", or ");
    case NOT: return `not ${describeInner(parseConstraint("constraint", part(constraint, "constraint")))}`;
    case PATTERN: return `text like ${quoted(part(constraint, "pattern"))}`;
    case REGEX: return regex(part(constraint, "pattern"));
    case CIDR: return `an address in ${quoted(constraint.value)}`;
    case URL_PATTERN: return `a web address like ${quoted(constraint.value)}`;
    case CEL: return `what the expression ${quoted(part(constraint, "expression"))} allows`;
    case SUBPATH: return subpath(constraint);
    case URL_SAFE: return urlSafe(constraint);
    case SHLEX: return `a command of ${quoted(part(constraint, "allow"))}`;
    default: return `a rule of type ${constraint.type}, which this browser does not know`;
  }
}

/** @param {Constraint} constraint @param {Value} value @returns {boolean | null} null: not known here */
export function matches(constraint, value) {
  switch (constraint.type) {
    case EXACT: return isOneOf([part(constraint, "value")], value);
    case ONE_OF: return isOneOf(listed(constraint, "values"), value);
    case NOT_ONE_OF: return not(isOneOf(listed(constraint, "excluded"), value));
    case RANGE: return inRange(constraint, value);
    case WILDCARD: return true;
    case CONTAINS: return Array.isArray(value) && every(listed(constraint, "required").map((item) => isOneOf(value, item)));
    case SUBSET: return Array.isArray(value) && every(value.map((item) => isOneOf(listed(constraint, "allowed"), item)));
    case ALL: return every(inner(constraint, "constraints").map((item) => matches(item, value)));
    case ANY_OF: return some(inner(constraint, "constraints").map((item) => matches(item, value)));
    case NOT: return not(matches(parseConstraint("constraint", part(constraint, "constraint")), value));
    default: return null;
  }
}

/** @param {Constraint} constraint @param {string} name @returns {Value[]} */
function listed(constraint, name) {
  return asList("constraint", part(constraint, name));
}

/**
 * Whether `value` is among `choices`; how numbers compare with each other is left to the worker.
 * @param {Value[]} choices @param {Value} value @returns {boolean | null}
 */
function isOneOf(choices, value) {
  if (typeof value === "string" && choices.includes(value)) return true;
  const texts = choices.every((choice) => typeof choice === "string");
  return texts || typeof value === "string" ? false : null;
}

/**
 * Tenuo asks one rule after the other, and refuses where one cannot read the value: what comes after it counts no more.
 * @param {(boolean | null)[]} answers @returns {boolean | null}
 */
function every(answers) {
  const first = answers.find((answer) => answer !== true);
  return first === undefined ? true : first;
}

/** @param {(boolean | null)[]} answers @returns {boolean | null} */
function some(answers) {
  const first = answers.find((answer) => answer !== false);
  return first === undefined ? false : first;
}

/** @param {boolean | null} answer @returns {boolean | null} */
function not(answer) {
  return answer === null ? null : !answer;
}

/** @param {Value} value @returns {number | null} */
function asNumber(value) {
  if (value instanceof Float) return value.value;
  return typeof value === "bigint" ? Number(value) : null;
}

/** @param {Constraint} constraint @param {Value} value @returns {boolean} */
function inRange(constraint, value) {
  const number = asNumber(value);
  if (number === null) return false;
  const low = asNumber(part(constraint, "min")) ?? -Infinity;
  const high = asNumber(part(constraint, "max")) ?? Infinity;
  const above = part(constraint, "min_inclusive") === false ? number > low : number >= low;
  const below = part(constraint, "max_inclusive") === false ? number < high : number <= high;
  return above && below;
}
