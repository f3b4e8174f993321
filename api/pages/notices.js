// Notices: what is wrong on the whole page, and what a screen reader is told.

import { adviceOn } from "./codes.js";
import { Refusal } from "./server.js";

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

/** @param {any} error @returns {string} what went wrong and what to do about it */
export function wordsOf(error) {
  if (!(error instanceof Refusal)) return "The server does not answer. Try again in a moment; what it has taken is safe.";
  return [`${error.message} (${error.code})`, adviceOn(error.code)].filter(Boolean).join(" ");
}

/** @param {any} error */
export function explain(error) {
  if (!(error instanceof Refusal)) trouble("The server does not answer. This page goes on when it is back.");
  else if (error.status !== 401) trouble(wordsOf(error));
  else if (at("key-form").hidden) {
    at("key-form").hidden = false;
    at("key").focus();
  }
}
