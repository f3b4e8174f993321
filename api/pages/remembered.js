// Remembered: the jobs that this browser has open, also after a reload.

const NAME = "photochrom-jobs";
const MOST = 5;

/** @returns {string[]} ids, newest first */
export const remembered = () => JSON.parse(localStorage.getItem(NAME) ?? "[]");

const keep = (ids) => localStorage.setItem(NAME, JSON.stringify(ids.slice(0, MOST)));

/** @param {string} id */
export const remember = (id) => keep([id, ...remembered().filter((other) => other !== id)]);

/** @param {string} id */
export const forget = (id) => keep(remembered().filter((other) => other !== id));
