// Controls: pause, resume, cancel, retry, priority, each of them there only while it makes sense.

import { prospect } from "./codes.js";
import { explain, news, wantsKey, wordsOf } from "./notices.js";
import { post } from "./server.js";
import { ENDED, count, grouped, left } from "./words.js";

/** A job of at most so many items goes before larger ones whatever its priority. */
const SMALL = 10;

export class Controls {
  #busy = false;
  /** Names a retry, so that one whose answer was lost is not made twice. */
  #retryKeys = {};
  /** Whether to try once more, which is known once somebody has looked why photos failed. */
  #prospect = { sensible: false, words: "" };

  /**
   * @param {HTMLElement} node the job's element
   * @param {{changed: (job: any) => void, retried: (job: any) => void}} told what is called with the job that a call gives
   */
  constructor(node, told) {
    this.node = node;
    this.told = told;
    this.job = null;
    this.pause = node.querySelector(".pause");
    this.cancel = node.querySelector(".cancel");
    this.priority = /** @type {HTMLSelectElement} */ (node.querySelector(".priority select"));
    this.retries = { failed: node.querySelector(".retry-failed"), canceled: node.querySelector(".retry-canceled") };
    this.pause.addEventListener("click", () => this.#steer(this.job.state === "paused" ? "resume" : "pause"));
    this.cancel.addEventListener("click", () => this.#ask());
    this.priority.addEventListener("change", () => this.#steer("priority", { priority: this.priority.value }));
    for (const [state, button] of Object.entries(this.retries)) button.addEventListener("click", () => this.#retry(state));
  }

  /** @param {any} job */
  show(job) {
    this.job = job;
    const over = ENDED.includes(job.state) || job.state === "canceling";
    const paused = job.state === "paused";
    this.pause.textContent = paused ? "Resume" : "Pause";
    this.#offer(this.pause, !over && (paused || job.total > SMALL));
    this.#offer(this.cancel, !over);
    this.#offer(this.priority.parentElement, !over && job.total > SMALL);
    if (document.activeElement !== this.priority) this.priority.value = job.priority;
    for (const [state, button] of Object.entries(this.retries)) {
      button.textContent = `Retry ${grouped(job.counts[state])} ${state}`;
      this.#offer(button, ENDED.includes(job.state) && job.counts[state] > 0 && (state !== "failed" || this.#prospect.sensible));
    }
    this.node.querySelector(".prospect").textContent = ENDED.includes(job.state) && job.counts.failed ? this.#prospect.words : "";
  }

  /** Takes note of why photos failed. @param {string[]} codes @param {boolean} all whether there are no others */
  why(codes, all) {
    this.#prospect = prospect(codes, all);
    this.show(this.job);
  }

  /** Shows or hides a control; the keyboard's place is not lost with it. @param {Element} control @param {boolean} sensible */
  #offer(control, sensible) {
    const here = control.contains(document.activeElement);
    control.toggleAttribute("hidden", !sensible);
    if (here && !sensible) this.node.querySelector("h2").focus();
  }

  /** Asks before it cancels, since that cannot be taken back. */
  #ask() {
    const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("confirm"));
    dialog.querySelector("p").textContent =
      `${count(left(this.job), "photo")} will stay without color. What is colored already stays.`;
    dialog.returnValue = "";
    dialog.addEventListener("close", () => dialog.returnValue === "cancel" && this.#steer("cancel"), { once: true });
    dialog.showModal();
  }

  /** @param {string} verb @param {object | null} body */
  async #steer(verb, body = null) {
    await this.#once(async () => {
      const job = await post(`v1/jobs/${this.job.id}/${verb}`, body);
      this.told.changed(job);
      const words = { pause: "Paused", resume: "Resumed", cancel: "Canceled", priority: `Priority ${job.priority}` };
      news(`${count(job.total, "photo")}: ${words[verb]}`);
    });
    if (this.job) this.priority.value = this.job.priority;
  }

  /** @param {string} state whose items are colored once more */
  async #retry(state) {
    await this.#once(async () => {
      this.#retryKeys[state] ??= crypto.getRandomValues(new Uint32Array(4)).join("-");
      const named = { "Idempotency-Key": this.#retryKeys[state] };
      const job = await post(`v1/jobs/${this.job.id}/retry`, { states: [state] }, named);
      delete this.#retryKeys[state];
      this.told.retried(job);
      news(`${count(job.total, "photo")} will be tried once more`);
    });
  }

  /** Makes one call at a time, and says beside the controls what went wrong. @param {() => Promise<void>} call */
  async #once(call) {
    if (this.#busy) return;
    const refused = /** @type {HTMLElement} */ (this.node.querySelector(".refused"));
    this.#busy = refused.hidden = true;
    try {
      await call();
    } catch (error) {
      refused.textContent = wordsOf(error);
      refused.hidden = false;
      if (wantsKey(error)) explain(error);
    }
    this.#busy = false;
  }
}
