// Recent: the other jobs that the server has, a line each, a page at a time.

import { fromTemplate } from "./cards.js";
import { visible } from "./following.js";
import { explain } from "./notices.js";
import { remembered } from "./remembered.js";
import { call } from "./server.js";
import { ENDED, count, dated, mood, stateWord, summary } from "./words.js";

const AT_ONCE = 10;

/** How often the lines are looked at while a job in them goes on, seconds. */
const REFRESH = 30;

const at = (id) => document.getElementById(id);

export class Recent {
  #pages = 1;

  /** @param {(job: any) => void} open */
  constructor(open) {
    this.open = open;
    at("older").addEventListener("click", () => {
      this.#pages += 1;
      this.show().catch(explain);
    });
  }

  /** Shows the newest jobs again, as many pages of them as somebody has asked for. */
  async show() {
    const rows = [];
    let next = null;
    for (let page = 0; page < this.#pages && (next || !page); page += 1) {
      const answer = await (await call(`v1/jobs?limit=${AT_ONCE}${next ? `&cursor=${next}` : ""}`)).json();
      rows.push(...answer.jobs);
      next = answer.next;
    }
    this.#draw(rows.filter((job) => !remembered().includes(job.id)));
    at("older").hidden = !next;
    at("recent").hidden = !next && !at("recent-list").childElementCount;
  }

  /** Goes on looking for as long as the page is open, where somebody sees it and there is something to see. */
  async watch() {
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, REFRESH * 1000));
      await visible();
      if (at("recent-list").querySelector("[data-going]")) await this.show().catch(explain);
    }
  }

  /** Draws the lines; the keyboard stays on its own. @param {any[]} jobs */
  #draw(jobs) {
    const here = /** @type {HTMLElement} */ (document.activeElement)?.dataset.job;
    at("recent-list").replaceChildren(...jobs.map((job) => this.#line(job)));
    if (here) /** @type {HTMLElement} */ (at("recent-list").querySelector(`[data-job="${here}"]`))?.focus();
  }

  /** @param {any} job @returns {HTMLElement} */
  #line(job) {
    const row = fromTemplate("line");
    const button = row.querySelector("button");
    button.dataset.job = job.id;
    button.toggleAttribute("data-going", !ENDED.includes(job.state));
    row.querySelector(".title").textContent = count(job.total, "photo");
    row.querySelector(".when").textContent = dated(job.created_at);
    row.querySelector(".badge").textContent = stateWord(job);
    /** @type {HTMLElement} */ (row.querySelector(".badge")).dataset.mood = mood(job);
    row.querySelector(".state").textContent = summary(job);
    button.addEventListener("click", () => {
      row.remove();
      this.open(job);
    });
    return row;
  }
}
