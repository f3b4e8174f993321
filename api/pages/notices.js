// Notices: what is wrong on the whole page, and what a screen reader is told.

import { adviceOn } from "./codes.js";
import { Refusal, hasKey } from "./server.js";

const at = (id) => document.getElementById(id);

/** Tells what is wrong, until it is over. @param {string} text */
export function trouble(text) {
  if (at("trouble").textContent !== text) at("trouble").textContent = text;
  at("trouble").hidden = !text;
}

/** @param {string} text */
export function news(text) {
  at("news").textContent = text;
}

/** What a scope lets a key do. */
const MAY = { read: "look at photos", submit: "send photos or change a job" };

/** @param {any} error @returns {boolean} whether another API key would help */
export const wantsKey = (error) => ["unauthorized", "forbidden"].includes(error.code);

/** @param {any} error @returns {string} what went wrong and what to do about it */
export function wordsOf(error) {
  if (!(error instanceof Refusal)) return "The server does not answer. Try again in a moment; what it has taken is safe.";
  if (wantsKey(error)) return keyWords(error);
  return [`${error.message} (${error.code})`, adviceOn(error.code)].filter(Boolean).join(" ");
}

/** @param {Refusal} error @returns {string} */
function keyWords(error) {
  if (!hasKey()) return "This server asks for an API key. Whoever runs it gives you one.";
  const may = error.needs.map((scope) => MAY[scope]).find(Boolean);
  return may ? `This API key may not ${may}. Enter another one, or ask whoever runs this server.` : error.message;
}

/** @param {any} error */
export function explain(error) {
  if (!(error instanceof Refusal)) trouble("The server does not answer. This page goes on when it is back.");
  else if (wantsKey(error)) askForKey(error);
  else trouble(wordsOf(error));
}

/** @param {Refusal} error */
function askForKey(error) {
  at("key-form").hidden = false;
  const words = keyWords(error);
  if (at("key-words").textContent !== words) at("key-words").textContent = words;
  // A link carries no key.
  at("nets").hidden = true;
  // Whoever is at something else just now is not called away.
  if (document.activeElement === document.body) at("key").focus();
}
