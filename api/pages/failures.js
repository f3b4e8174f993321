// Failures: what went wrong in a job of many photos, grouped by code.

import { adviceOn, failureOf } from "./codes.js";
import { wordsOf } from "./notices.js";
import { call } from "./server.js";
import { FEW, count, grouped } from "./words.js";

/** As many as the server gives at once. */
const AT_ONCE = 1000;
/** Names that a group shows; the report has all. */
const NAMES = 20;

export class Failures {
  /** @type {Map<string, any[]>} items by code */
  #groups = new Map();
  #cursor = 0;
  #looking = false;
  /** How many the job had when they were counted. */
  #known = 0;
  #ended = false;

  /**
   * @param {HTMLElement} node the job's element
   * @param {(codes: string[], all: boolean) => void} told is called with what was found, and whether that is all
   */
  constructor(node, told) {
    this.told = told;
    this.box = /** @type {HTMLDetailsElement} */ (node.querySelector(".failures"));
    this.list = this.box.querySelector("ul");
    this.rest = /** @type {HTMLElement} */ (this.box.querySelector(".rest"));
    this.job = null;
    this.box.addEventListener("toggle", () => this.box.open && this.job.counts.failed !== this.#known && this.#count());
    this.rest.querySelector("button").addEventListener("click", () => this.#look());
  }

  /** Counts again only once the job has ended, and when somebody opens the list. @param {any} job @param {boolean} ended */
  show(job, ended) {
    this.job = job;
    this.#ended = ended;
    const failed = job.counts.failed;
    this.box.hidden = !failed || job.total <= FEW;
    this.box.querySelector("summary").textContent = ended ? `Why ${count(failed, "photo")} failed` : "Why photos failed so far";
    if (this.box.hidden || !ended) return;
    if (!this.box.open) this.box.open = true;
    else if (failed !== this.#known) this.#count();
  }

  async #count() {
    this.#groups.clear();
    this.#cursor = 0;
    await this.#look();
  }

  async #look() {
    if (this.#looking) return;
    this.#looking = true;
    const known = this.job.counts.failed;
    let more = false;
    try {
      const path = `v1/jobs/${this.job.id}/items?state=failed&cursor=${this.#cursor}&limit=${AT_ONCE}`;
      const { items, next } = await (await call(path)).json();
      for (const item of items) this.#groups.set(item.code, [...(this.#groups.get(item.code) ?? []), item]);
      this.#cursor = next;
      this.#known = known;
      this.#draw();
      this.told([...this.#groups.keys()], next === null);
      // Nobody else looks again where the job has ended meanwhile.
      more = this.#ended && this.job.counts.failed !== known;
    } catch (error) {
      this.list.replaceChildren(element("li", wordsOf(error)));
      this.told([], false);
    }
    this.#looking = false;
    if (more) await this.#count();
  }

  #draw() {
    const groups = [...this.#groups].toSorted(([, one], [, other]) => other.length - one.length);
    this.list.replaceChildren(...groups.map(([code, items]) => group(code, items)));
    const looked = groups.reduce((sum, [, items]) => sum + items.length, 0);
    this.rest.hidden = this.#cursor === null;
    this.rest.querySelector("span").textContent = `These are the first ${grouped(looked)} of ${grouped(this.#known)}.`;
  }
}

/** @param {string} code @param {any[]} items @returns {HTMLElement} */
function group(code, items) {
  const row = document.createElement("li");
  const title = element("p", "", "reason");
  title.append(element("strong", grouped(items.length)), ` ${failureOf(code)} `, element("code", code));
  const which = document.createElement("details");
  const names = document.createElement("ul");
  for (const item of items.slice(0, NAMES)) names.append(element("li", `${item.filename}: ${item.detail}`));
  if (items.length > NAMES) names.append(element("li", `and ${grouped(items.length - NAMES)} more; the report names them all`));
  which.append(element("summary", "Which files"), names);
  row.append(title, element("p", adviceOn(code), "advice"), which);
  return row;
}

/** @param {string} tag @param {string} text @param {string} look @returns {HTMLElement} */
function element(tag, text, look = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = look;
  return made;
}
