// Candidates: a row of small pictures to choose from, where a photo was colored at several temperatures.

import { show } from "./server.js";

let groups = 0;

/**
 * Fills the row of an item that has candidates, from likeliest to average; the one shown at first is the item's own result.
 * @param {HTMLElement} row @param {any} item @param {(candidate: any) => void} choose
 */
export function chooser(row, item, choose) {
  if (item.candidates.length < 2) return;
  groups += 1;
  row.hidden = false;
  for (const candidate of item.candidates.toSorted((one, other) => one.temperature - other.temperature)) {
    row.append(choice(candidate, candidate === item.candidates[0], `candidates-${groups}`, choose));
  }
}

/** @param {any} candidate @param {boolean} first @param {string} group @param {(candidate: any) => void} choose */
function choice(candidate, first, group, choose) {
  const label = document.createElement("label");
  const radio = document.createElement("input");
  const image = document.createElement("img");
  const words = document.createElement("span");
  radio.type = "radio";
  radio.name = group;
  radio.checked = first;
  radio.addEventListener("change", () => choose(candidate));
  image.alt = "";
  image.loading = "lazy";
  words.textContent = wordOf(candidate.temperature);
  words.title = `Temperature ${candidate.temperature}`;
  label.append(radio, image, words);
  // Where there is none the words are there to choose by.
  show(image, candidate.links.preview).catch(() => image.remove());
  return label;
}

/** @param {number} temperature @returns {string} */
function wordOf(temperature) {
  const manner = temperature < 0.3 ? "likeliest" : temperature > 0.5 ? "average" : "balanced";
  return `${manner} ${temperature}`;
}
