// Cards: one result or failure each.

import { chooser } from "./candidates.js";
import { adviceOn, warningOf } from "./codes.js";
import { doubt } from "./doubt.js";
import { explain } from "./notices.js";
import { hasKey, show, stored } from "./server.js";

/** How long the browser has to take over what it saves, milliseconds. */
const HANDED_OVER = 60_000;

/** @param {string} name @returns {HTMLElement} */
export function fromTemplate(name) {
  const template = /** @type {HTMLTemplateElement} */ (document.getElementById(`${name}-template`));
  return /** @type {HTMLElement} */ (template.content.firstElementChild.cloneNode(true));
}

/** @param {any} item @returns {HTMLElement} */
export function cardOf(item) {
  return item.state === "succeeded" ? resultCard(item) : failureCard(item.filename, item.code, item.detail);
}

/** @param {string} name @param {string} code @param {string} detail @returns {HTMLElement} */
export function failureCard(name, code, detail) {
  const card = fromTemplate("failure");
  card.querySelector(".name").textContent = name;
  card.querySelector(".reason").textContent = `${detail ?? "Canceled before it began."}${code ? ` (${code})` : ""}`;
  card.querySelector(".advice").textContent = adviceOn(code);
  return card;
}

/** @param {any} item @returns {HTMLElement} */
function resultCard(item) {
  const card = fromTemplate("result");
  const compare = /** @type {HTMLElement} */ (card.querySelector(".compare"));
  const slider = /** @type {HTMLInputElement} */ (card.querySelector("input"));
  const { width, height } = item.derivative;
  for (const image of card.querySelectorAll("img")) {
    image.width = width;
    image.height = height;
  }
  const [after, before] = card.querySelectorAll("img");
  after.alt = `${item.filename} in color`;
  slider.setAttribute("aria-label", `${item.filename}: how much of the original is shown, percent`);
  slider.addEventListener("input", () => compare.style.setProperty("--at", `${slider.value}%`));
  card.querySelector(".name").textContent = item.filename;
  const download = /** @type {HTMLAnchorElement} */ (card.querySelector(".download"));
  download.setAttribute("aria-label", `Download ${item.filename} in color`);
  const choose = (/** @type {any} */ made) => {
    card.querySelector(".note").textContent = made.warnings.map(warningOf).join(" ");
    show(after, made.links.preview).catch(() => unseen(card));
    link(download, made.links.result);
  };
  choose(item);
  show(before, item.links.master_preview).catch(() => unseen(card));
  after.addEventListener("error", () => unseen(card));
  fetchOnClick(download);
  chooser(/** @type {HTMLElement} */ (card.querySelector(".candidates")), item, choose);
  doubt(card, item);
  return card;
}

/** Says so where there is no small picture to look at. @param {HTMLElement} card */
function unseen(card) {
  for (const part of card.querySelectorAll(".compare, .candidates, .doubt")) part.setAttribute("hidden", "");
  card.querySelector(".note").textContent = "No preview of this photo could be had. The download has the result.";
}

/** @param {HTMLAnchorElement} anchor @param {string} path */
export function link(anchor, path) {
  anchor.dataset.path = path;
  anchor.href = path.replace(/^\//, "");
}

/** Has what a link leads to fetched where there is a key. @param {HTMLAnchorElement} anchor */
export function fetchOnClick(anchor) {
  anchor.addEventListener("click", async (event) => {
    if (!hasKey()) return;
    event.preventDefault();
    if (anchor.ariaBusy === "true") return;
    anchor.ariaBusy = "true";
    try {
      save(await stored(anchor.dataset.path));
    } catch (error) {
      explain(error);
    }
    anchor.ariaBusy = "false";
  });
}

/** @param {{address: string, name: string}} file */
function save({ address, name }) {
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), HANDED_OVER);
}
