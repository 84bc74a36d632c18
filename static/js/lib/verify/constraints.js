/**
 * What a warrant allows of an argument, exactly as tenuo_core 0.3.3 answers, or not at all.
 *
 * Values are equal when their canonical bytes are: 1, 1.0, true and "1" all differ. Patterns, regular expressions,
 * addresses, paths, commands and expressions are not evaluated here: `NotChecked` says so, and nothing passes.
 */

import { equal } from "../bytes.js";
import { Float, encode } from "../cbor.js";
import { parseConstraint } from "../constraints.js";
import { NotChecked, Step } from "./steps.js";

/** @typedef {import("../cbor.js").Value} Value */
/** @typedef {import("../constraints.js").Constraint} Constraint */
/** @typedef {{ constraints: Map<string, Constraint>, allowsUnknown: boolean }} Capability */

const EXACT = 1;
const RANGE = 3;
const ONE_OF = 4;
const NOT_ONE_OF = 7;
const CONTAINS = 10;
const SUBSET = 11;
const ALL = 12;
const ANY_OF = 13;
const NOT = 14;
const WILDCARD = 16;

/** @param {string} what @returns {never} */
function unknown(what) {
  throw new NotChecked(Step.CALL, `not checked here: ${what}. Use python -m audit.verify`);
}

/** @param {Constraint} constraint @param {string[]} names its only parts @returns {Value[]} */
function parts({ type, value }, ...names) {
  if (!(value instanceof Map) || value.size !== names.length) return unknown(`a constraint of type ${type} in a form that is not known`);
  return names.map((name) => {
    const part = value.get(name);
    return part === undefined ? unknown(`a constraint of type ${type} in a form that is not known`) : part;
  });
}

/** @param {Constraint} constraint @param {string} name @returns {Value[]} */
function listed(constraint, name) {
  const [items] = parts(constraint, name);
  return Array.isArray(items) ? items : unknown(`a constraint of type ${constraint.type} without its list`);
}

/** @param {Value} a @param {Value} b @returns {boolean} */
export function same(a, b) {
  if (isZero(a) && isZero(b)) return true;
  return equal(encode(a), encode(b));
}

/** @param {Value} value @returns {boolean} 0.0 and -0.0 are equal, and have two forms */
function isZero(value) {
  return value instanceof Float && value.value === 0;
}

/** @param {Value[]} choices @param {Value} value @returns {boolean} */
function has(choices, value) {
  return choices.some((choice) => same(choice, value));
}

/** @param {Constraint} constraint @param {string} name @returns {Constraint[]} */
function inner(constraint, name) {
  return listed(constraint, name).map((item) => parseConstraint("constraint", item));
}

/** @param {Constraint} constraint @param {Value} value @returns {boolean} */
export function holds(constraint, value) {
  switch (constraint.type) {
    case WILDCARD: return true;
    case EXACT: return has(parts(constraint, "value"), value);
    case ONE_OF: return has(listed(constraint, "values"), value);
    case NOT_ONE_OF: return !has(listed(constraint, "excluded"), value);
    case CONTAINS: return Array.isArray(value) && listed(constraint, "required").every((item) => has(value, item));
    case SUBSET: return Array.isArray(value) && value.every((item) => has(listed(constraint, "allowed"), item));
    case RANGE: return isInRange(rangeOf(constraint), value);
    case ALL: return nonEmpty(inner(constraint, "constraints")).every((item) => holds(item, value));
    case ANY_OF: return inner(constraint, "constraints").some((item) => holds(item, value));
    case NOT: return !parts(constraint, "constraint").every((item) => holds(parseConstraint("constraint", item), value));
    default: return unknown(`a constraint of type ${constraint.type} is not evaluated`);
  }
}

/** @param {Constraint[]} constraints @returns {Constraint[]} */
function nonEmpty(constraints) {
  return constraints.length > 0 ? constraints : unknown("a constraint of nothing");
}

/** @typedef {{ low: number, high: number, withLow: boolean, withHigh: boolean }} Range */

/** @param {Constraint} constraint @returns {Range} */
function rangeOf(constraint) {
  const [low, high, withLow, withHigh] = parts(constraint, "min", "max", "min_inclusive", "max_inclusive");
  if (typeof withLow !== "boolean" || typeof withHigh !== "boolean") return unknown("a range whose ends are not said");
  return { low: low === null ? -Infinity : number(low), high: high === null ? Infinity : number(high), withLow, withHigh };
}

/** @param {Value | undefined} value @returns {number} */
function number(value) {
  if (value instanceof Float) return value.value;
  const isExact = typeof value === "bigint" && BigInt.asIntN(54, value) === value;
  return isExact ? Number(value) : unknown("a number that is too large to compare");
}

/** @param {Range} range @param {Value} value @returns {boolean} */
function isInRange({ low, high, withLow, withHigh }, value) {
  if (typeof value !== "bigint" && !(value instanceof Float)) return false;
  const found = number(value);
  return (withLow ? found >= low : found > low) && (withHigh ? found <= high : found < high);
}

/**
 * @param {Capability} capability @param {Map<string, Value>} values @returns {string} why not; empty if it is allowed
 */
export function violation({ constraints, allowsUnknown }, values) {
  if (constraints.size > 0 && !allowsUnknown) {
    const extra = [...values.keys()].find((name) => !constraints.has(name));
    if (extra !== undefined) return `Constraint '${extra}' not satisfied: the argument is not named`;
  }
  for (const [name, constraint] of constraints) {
    const value = values.get(name);
    if (value === undefined) return `Constraint '${name}' not satisfied: the argument is missing`;
    if (!holds(constraint, value)) return `Constraint '${name}' not satisfied`;
  }
  return "";
}

/**
 * @param {Capability} parent @param {Capability} child
 * @returns {string} how the child allows more; empty if it does not
 */
export function widening(parent, child) {
  if (parent.constraints.size === 0) return "";
  if (child.allowsUnknown && !parent.allowsUnknown) return "it allows arguments that are not named";
  for (const [name, constraint] of parent.constraints) {
    const own = child.constraints.get(name);
    if (!own) return `the argument '${name}' is no longer bound`;
    if (!isNarrower(constraint, own)) return `the argument '${name}' is bound less`;
  }
  const added = [...child.constraints.keys()].find((name) => !parent.constraints.has(name));
  if (added !== undefined && !parent.allowsUnknown) return `the argument '${added}' is added`;
  return added === undefined ? "" : unknown("an argument that a child warrant binds and its parent leaves open");
}

/** @param {Constraint} parent @param {Constraint} child @returns {boolean} */
function isNarrower(parent, child) {
  if (parent.type === WILDCARD) return true;
  if (child.type === WILDCARD) return false;
  if (parent.type === child.type && same(parent.value, child.value)) return true;
  if (child.type === EXACT && [ONE_OF, EXACT, RANGE].includes(parent.type)) return holds(parent, parts(child, "value")[0] ?? null);
  if (parent.type !== child.type) return unknown(`a constraint of type ${child.type} under one of type ${parent.type}`);
  switch (parent.type) {
    case EXACT: return false;
    case ONE_OF: return listed(child, "values").every((value) => has(listed(parent, "values"), value));
    case NOT_ONE_OF: return listed(parent, "excluded").every((value) => has(listed(child, "excluded"), value));
    case RANGE: return isWithin(rangeOf(parent), rangeOf(child));
    default: return unknown(`whether one constraint of type ${parent.type} is narrower than another`);
  }
}

/** @param {Range} parent @param {Range} child @returns {boolean} */
function isWithin(parent, child) {
  const above = child.low > parent.low || (child.low === parent.low && (parent.withLow || !child.withLow));
  const below = child.high < parent.high || (child.high === parent.high && (parent.withHigh || !child.withHigh));
  return above && below;
}
