// Remembered: the jobs that this browser has open, also after a reload, and under which API key each was seen last.

import { keyMark } from "./server.js";

const NAME = "photochrom-open-jobs";
/** Jobs of each key, and of all keys. */
const MOST = 5;
const MOST_IN_ALL = 20;

/** @returns {{id: string, mark: string}[]} newest first */
const entries = () => JSON.parse(localStorage.getItem(NAME) ?? "[]");

/** @param {{id: string, mark: string}[]} all newest first */
function keep(all) {
  const seen = {};
  const kept = all.filter(({ mark }) => (seen[mark] = (seen[mark] ?? 0) + 1) <= MOST);
  localStorage.setItem(NAME, JSON.stringify(kept.slice(0, MOST_IN_ALL)));
}

/** @returns {string[]} ids of the jobs that were open under any key, newest first: a key may have taken another's place */
export const remembered = () => entries().map(({ id }) => id);

/** @param {string} id */
export const remember = (id) => keep([{ id, mark: keyMark() }, ...entries().filter((other) => other.id !== id)]);

/** @param {string} id */
export const forget = (id) => keep(entries().filter((other) => other.id !== id));

/** Forgets a job that the server does not tell this key of, unless another key saw it last: it may be another tenant's. @param {string} id */
export function forgetOurs(id) {
  keep(entries().filter((other) => other.id !== id || other.mark !== keyMark()));
}
