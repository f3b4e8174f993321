// Pictures: the cards of a job. All of a few photos as they come; of many the colored ones, a page at a time.

import { cardOf } from "./cards.js";
import { explain, news } from "./notices.js";
import { call } from "./server.js";
import { FEW, grouped } from "./words.js";

/** Cards on a page of a large job. */
const ON_PAGE = 12;

const OVER = ["succeeded", "failed", "canceled"];

export class Pictures {
  /** Where the pages so far begin; the last is the one shown. */
  #starts = [0];

  /** @param {HTMLElement} node the job's element */
  constructor(node) {
    this.cards = node.querySelector(".cards");
    this.pager = /** @type {HTMLElement} */ (node.querySelector(".pager"));
    [this.back, this.on] = this.pager.querySelectorAll("button");
    this.job = null;
    /** Of the failures among a few photos. @type {string[]} */
    this.codes = [];
    this.back.addEventListener("click", () => this.#turn(() => this.#starts.pop()));
    this.on.addEventListener("click", () => this.#turn(() => this.#starts.push(this.#following())));
  }

  /** Fetches items only where some have ended that the page has room for. @param {any} job */
  async show(job) {
    this.job = job;
    this.few = job.total <= FEW;
    this.cards.classList.toggle("small", !this.few);
    if (this.cards.childElementCount < this.#due()) await this.#load();
    this.#tell();
  }

  /** How many cards there should be. */
  #due() {
    const { succeeded, failed, canceled } = this.job.counts;
    return this.few ? succeeded + failed + canceled : Math.min(ON_PAGE, succeeded - this.#before());
  }

  /** How many photos come before this page. */
  #before() {
    return (this.#starts.length - 1) * ON_PAGE;
  }

  /** Where the next page begins. */
  #following() {
    return Number(this.cards.lastElementChild.dataset.number) + 1;
  }

  /** @param {() => void} move */
  async #turn(move) {
    move();
    try {
      await this.#load();
      // The last photos may have ended out of their order, and stand on an earlier page.
      if (!this.cards.childElementCount) {
        this.#starts.pop();
        await this.#load();
      }
      this.#tell();
      news(this.#where());
    } catch (error) {
      explain(error);
    }
  }

  async #load() {
    const which = this.few ? `limit=${FEW}` : `state=succeeded&limit=${ON_PAGE}`;
    const path = `v1/jobs/${this.job.id}/items?cursor=${this.#starts.at(-1)}&${which}`;
    const { items } = await (await call(path)).json();
    this.codes = items.filter((item) => item.state === "failed").map((item) => item.code);
    this.#place(items.filter((item) => OVER.includes(item.state)));
  }

  /** Puts cards where they belong; one that is there already is left alone, with its slider. @param {any[]} items */
  #place(items) {
    const numbers = items.map((item) => String(item.number));
    for (const card of [...this.cards.children]) if (!numbers.includes(card.dataset.number)) card.remove();
    items.forEach((item, place) => {
      const there = this.cards.children[place];
      if (there?.dataset.number === numbers[place]) return;
      const card = cardOf(item);
      card.dataset.number = numbers[place];
      this.cards.insertBefore(card, there ?? null);
    });
  }

  #tell() {
    const { succeeded } = this.job.counts;
    this.pager.hidden = this.few || !succeeded;
    this.pager.querySelector("span").textContent = this.#where();
    enable(this.back, this.#starts.length > 1, this.on);
    enable(this.on, this.cards.childElementCount === ON_PAGE && this.#last() < succeeded, this.back);
  }

  /** How many photos there are up to the end of this page. */
  #last() {
    return this.#before() + this.cards.childElementCount;
  }

  #where() {
    return `Pictures ${grouped(this.#before() + 1)}–${grouped(this.#last())} of ${grouped(this.job.counts.succeeded)}`;
  }
}

/** A button that is switched off under the keyboard hands it on. @param {any} button @param {boolean} usable @param {any} other */
function enable(button, usable, other) {
  const here = document.activeElement === button;
  button.disabled = !usable;
  if (here && !usable) {
    other.disabled = false;
    other.focus();
  }
}
