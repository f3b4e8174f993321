// Cards: one result or failure each.

import { chooser } from "./candidates.js";
import { adviceOn, warningOf } from "./codes.js";
import { doubt } from "./doubt.js";
import { pictureUrl } from "./server.js";

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

/** Says so where the server has made no small picture to look at. @param {HTMLElement} card */
function unseen(card) {
  for (const part of card.querySelectorAll(".compare, .candidates, .doubt")) part.setAttribute("hidden", "");
  card.querySelector(".note").textContent = "This server has no preview of this photo. The download has the result.";
}

/** @param {HTMLImageElement} image @param {string} path */
async function show(image, path) {
  image.src = await pictureUrl(path);
}

/** @param {HTMLAnchorElement} anchor @param {string} path */
export function link(anchor, path) {
  anchor.dataset.path = path;
  anchor.href = path.replace(/^\//, "");
}

/** Has a link fetched with the key, where there is one. @param {HTMLAnchorElement} anchor */
export function fetchOnClick(anchor) {
  anchor.addEventListener("click", async (event) => {
    const address = await needsFetch(anchor.dataset.path, event);
    if (address) {
      anchor.href = address;
      anchor.click();
    }
  });
}

/** With a key the browser cannot follow the link by itself. @param {string} path @param {Event} event */
async function needsFetch(path, event) {
  const anchor = /** @type {HTMLAnchorElement} */ (event.currentTarget);
  if (!sessionStorage.getItem("photochrom-key") || anchor.href.startsWith("blob:")) return null;
  event.preventDefault();
  return pictureUrl(path);
}
