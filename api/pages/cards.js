// Cards: one result or failure each.

import { chooser } from "./candidates.js";
import { doubt } from "./doubt.js";
import { pictureUrl } from "./server.js";

/** What a person can do about a failure, by code. */
const ADVICE = {
  truncated: "The file is incomplete. Copy or scan it again.",
  corrupt: "The file is damaged. Copy or scan it again, or save it anew in another program.",
  unsupported_picture: "Save it anew in gray or RGB as TIFF, PNG or JPEG.",
  not_a_picture: "Choose a TIFF, JPEG, JPEG 2000, PNG, WebP or BMP file.",
  unsupported_media: "Choose a TIFF, JPEG, JPEG 2000, PNG, WebP or BMP file.",
  too_large: "Save a smaller copy, or ask whoever runs this server to raise the limit.",
  too_many_pixels: "Save a smaller copy, or ask whoever runs this server to raise the limit.",
  too_many_pages: "Save fewer pages into a file, or ask whoever runs this server to raise the limit.",
  metadata_too_large: "Save it without its profile or metadata, or ask whoever runs this server to raise the limit.",
  too_expensive: "The file may be damaged in an unusual way. Save it anew in another program, or smaller.",
  decode_crashed: "The file is damaged in an unusual way. Save it anew in another program.",
  already_color: "Nothing was made, as the options say.",
  worker_lost: "Try it once more. If it fails again, the file may be damaged in an unusual way.",
};

const WARNINGS = {
  low_color: "The net found almost no color for this picture.",
  multi_page: "The file has several pages; the first one was colored.",
  already_color: "The photo is in color already; its colors were replaced.",
  profile_replaced: "The color profile could not be kept; the result is sRGB.",
  profile_unreadable: "The color profile could not be read; the photo was taken as sRGB.",
  cmyk_without_profile: "The inks have no color profile; the photo was taken as if they were ideal.",
  depth_reduced: "The file format holds 8 bits a sample; the photo had more.",
  alpha_dropped: "The file format holds no transparency; it was left out.",
  format_changed: "The result is a PNG, since the photo's own format cannot say that the color was added.",
  metadata_dropped: "Some of the file's descriptions have no place in the result's format.",
  metadata_unreadable: "Some of the file's descriptions could not be read and were left out.",
  nan_as_black: "Some points of the photo are no numbers; they are black.",
  range_scaled: "The brightness values went beyond the usual range; they were scaled to fit.",
  extra_channels_dropped: "The file has further channels; they were left out.",
  gamma_ignored: "The file names an unusual gamma without a profile; the photo was taken as sRGB.",
};

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
  card.querySelector(".advice").textContent = ADVICE[code] ?? "";
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
    card.querySelector(".note").textContent = made.warnings.map((code) => WARNINGS[code] ?? code).join(" ");
    show(after, made.links.preview);
    link(download, made.links.result);
  };
  choose(item);
  show(before, item.links.master_preview);
  fetchOnClick(download);
  chooser(/** @type {HTMLElement} */ (card.querySelector(".candidates")), item, choose);
  doubt(card, item);
  return card;
}

/** @param {HTMLImageElement} image @param {string} path */
async function show(image, path) {
  image.src = await pictureUrl(path);
}

/** @param {HTMLAnchorElement} anchor @param {string} path */
function link(anchor, path) {
  anchor.dataset.path = path;
  anchor.href = path.replace(/^\//, "");
}

/** @param {HTMLAnchorElement} anchor */
function fetchOnClick(anchor) {
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
