// Doubt: how unsure the net was of a photo's colors, and on demand a map of where.

import { show } from "./server.js";

/** @param {HTMLElement} card @param {any} item */
export function doubt(card, item) {
  const line = /** @type {HTMLElement} */ (card.querySelector(".doubt"));
  if (!item.uncertainty) return;
  const button = /** @type {HTMLButtonElement} */ (line.querySelector("button"));
  const map = /** @type {HTMLImageElement} */ (card.querySelector(".unsure"));
  const scale = /** @type {HTMLElement} */ (line.querySelector(".scale"));
  line.hidden = false;
  line.title = `Uncertainty, 0 to 1: mean ${item.uncertainty.mean}, 95th percentile ${item.uncertainty.p95}`;
  const words = `Unsure: ${Math.round(100 * item.uncertainty.mean)} %`;
  button.textContent = words;
  button.setAttribute("aria-label", `${words}. Show where in ${item.filename}`);
  button.addEventListener("click", async () => {
    const shown = button.getAttribute("aria-pressed") !== "true";
    try {
      if (shown && !map.src) await show(map, item.links.uncertainty);
    } catch {
      // A server that makes no previews has no map either.
      button.disabled = true;
      return;
    }
    button.setAttribute("aria-pressed", String(shown));
    map.hidden = scale.hidden = !shown;
    card.querySelector(".compare").classList.toggle("doubted", shown);
  });
  map.addEventListener("error", () => {
    map.hidden = scale.hidden = true;
    card.querySelector(".compare").classList.remove("doubted");
    button.disabled = true;
  });
}
