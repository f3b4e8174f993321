// One job on the page: how far it is, what can be done with it, what went wrong, and its pictures.

import { failureCard, fetchOnClick, fromTemplate, link } from "./cards.js";
import { Controls } from "./controls.js";
import { Failures } from "./failures.js";
import { Alarm, follow } from "./following.js";
import { explain, news, wantsKey, wordsOf } from "./notices.js";
import { Pace } from "./pace.js";
import { Pictures } from "./pictures.js";
import { forget, remember } from "./remembered.js";
import { Refusal, submit } from "./server.js";
import { ENDED, FEW, count, dated, grouped, mood, outlook, stateWord, summary } from "./words.js";

const FIGURES = ["succeeded", "failed", "running", "queued", "canceled"];

export class JobView {
  /** @param {string} title @param {{opened: (job: any) => void, closed: () => void}} told */
  constructor(title, told) {
    this.node = fromTemplate("job");
    this.id = "";
    this.job = null;
    this.told = told;
    this.closed = false;
    this.alarm = new Alarm();
    this.pace = new Pace();
    this.sending = new AbortController();
    this.controls = new Controls(this.node, { changed: (job) => this.changed(job), retried: told.opened });
    this.failures = new Failures(this.node, (codes, all) => this.controls.why(codes, all));
    this.pictures = new Pictures(this.node);
    this.part("h2").textContent = title;
    this.part(".forget").addEventListener("click", () => this.close());
    this.part(".stop").addEventListener("click", () => this.sending.abort());
    fetchOnClick(/** @type {HTMLAnchorElement} */ (this.part(".report")));
    document.getElementById("jobs").prepend(this.node);
  }

  /** @param {string} name @returns {HTMLElement} */
  part(name) {
    return this.node.querySelector(name);
  }

  /** @param {string} word @param {string} look @param {string} more */
  say(word, look, more = "") {
    this.part(".badge").textContent = word;
    this.part(".badge").dataset.mood = look;
    this.part(".state").textContent = more;
  }

  close() {
    this.closed = true;
    this.alarm.ring();
    forget(this.id);
    this.node.remove();
    this.told.closed();
  }

  /** Sends files; the job that they become is followed from then on. @param {File[]} files @param {object} recipe */
  async send(files, recipe) {
    this.underWay(true);
    this.say("Sending", "going");
    try {
      const job = await submit(files, recipe, (share) => this.sent(share), this.sending.signal);
      this.follow(job);
    } catch (error) {
      this.notSent(error);
    }
    this.underWay(false);
  }

  /** What is being sent is stopped, not closed. @param {boolean} sending */
  underWay(sending) {
    this.part(".stop").hidden = !sending;
    this.part(".forget").hidden = sending;
  }

  /** @param {number} share of the bytes */
  sent(share) {
    this.fill([share, 0, 0]);
    this.part(".state").textContent = share < 1 ? `${Math.round(share * 100)} % of the bytes` : "All is sent; the server looks at it.";
  }

  /** @param {any} error */
  notSent(error) {
    const name = this.part("h2").textContent;
    this.part(".bar").hidden = true;
    if (this.sending.signal.aborted) return this.say("Not sent", "over", "You stopped it. The server has kept nothing of it.");
    if (!(error instanceof Refusal) || wantsKey(error)) explain(error);
    this.say(error instanceof Refusal ? "Not accepted" : "Not sent", "bad");
    const reason = wantsKey(error) ? wordsOf(error) : error.message;
    this.part(".cards").append(failureCard(name, error.code ?? "", reason));
    news(`${name} was not accepted: ${reason}`);
    return undefined;
  }

  /** @param {any} job */
  async follow(job) {
    this.id = job.id;
    remember(job.id);
    this.show(job);
    const wanted = () => !this.closed;
    try {
      await follow(job.id, this.alarm, wanted, (now) => this.seen(now));
    } catch (error) {
      if (error.status === 404) this.close();
      else this.lose(error);
    }
  }

  /** The server does not tell this key of the job, or not any more. @param {any} error */
  lose(error) {
    explain(error);
    this.say("Out of sight", "held");
    this.part(".bar").hidden = this.part(".controls").hidden = true;
    this.part(".outlook").textContent = "The server goes on with it. This page shows it again once it has a key that may look at it.";
  }

  /** Shows what a control has made of the job, and asks again soon. @param {any} job */
  changed(job) {
    this.show(job);
    this.alarm.ring();
  }

  /** @param {any} job */
  async seen(job) {
    // An answer that was under way while a control changed the job tells what was before.
    if (!ENDED.includes(job.state) && job.revision < this.job.revision) return;
    const justEnded = ENDED.includes(job.state) && !ENDED.includes(this.job.state);
    this.show(job);
    await this.pictures.show(job);
    if (job.total <= FEW) this.controls.why(this.pictures.codes, true);
    if (job.total === 1) this.name();
    if (justEnded) news(summary(job));
  }

  /** @param {any} job */
  show(job) {
    this.job = job;
    const ended = ENDED.includes(job.state);
    const many = job.total > FEW;
    this.say(stateWord(job), mood(job), summary(job));
    // The eye has it from the figures, or from the pictures where all are there.
    this.part(".state").classList.toggle("visually-hidden", many || mood(job) === "good");
    this.part(".when").textContent = `${job.retry_of ? "Retry, sent" : "Sent"} ${dated(job.created_at)}`;
    this.part(".outlook").textContent = outlook(job, this.pace.rate(job));
    this.part(".bar").hidden = ended && !many;
    this.fill(["succeeded", "failed", "canceled"].map((state) => job.counts[state] / job.total));
    this.part(".figures").hidden = !many;
    for (const state of FIGURES) this.figure(state, job.counts[state], ended);
    link(/** @type {HTMLAnchorElement} */ (this.part(".report")), `/v1/jobs/${job.id}/report.csv`);
    this.part(".report").hidden = !many;
    this.controls.show(job);
    this.failures.show(job, ended);
  }

  /** Figures that only some jobs have stand there only where they say something. @param {string} state @param {number} value @param {boolean} ended */
  figure(state, value, ended) {
    const figure = this.part(`.figure.${state}`);
    figure.querySelector("dd").textContent = grouped(value);
    figure.hidden = !value && (ended || ["failed", "canceled"].includes(state)) && state !== "succeeded";
  }

  /** @param {number[]} shares succeeded, failed, canceled; of 1 */
  fill(shares) {
    const bar = this.part(".bar");
    shares.forEach((share, place) => {
      // One failure in a million can still be seen.
      const width = share ? `max(${100 * share}%, 6px)` : "0";
      /** @type {HTMLElement} */ (bar.children[place]).style.setProperty("flex-basis", width);
    });
    bar.setAttribute("aria-valuenow", String(Math.floor(100 * shares.reduce((sum, share) => sum + share))));
  }

  /** A job of one photo is named after it. */
  name() {
    const name = this.part(".cards .name")?.textContent;
    if (name) this.part("h2").textContent = name;
  }
}

/** @param {any} job @returns {string} */
export const titleOf = (job) => count(job.total, "photo");
