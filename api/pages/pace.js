// Pace: how fast a job goes now, going by what the page has seen of it.

import { left } from "./words.js";

/** What was seen longer ago says nothing of now, and what was seen for less says too little; milliseconds. */
const LONGEST = 120_000;
const SHORTEST = 8000;

export class Pace {
  /** @type {{at: number, left: number}[]} */
  #seen = [];

  /** Takes a look at the job; returns photos a second, or null where nobody can tell. @param {any} job */
  rate(job) {
    const now = { at: performance.now(), left: left(job) };
    // A pause is no part of the pace, so it begins anew after one.
    if (job.state !== "running") this.#seen = [];
    else this.#seen = [...this.#seen.filter((look) => now.at - look.at < LONGEST), now];
    const first = this.#seen[0];
    if (!first || now.at - first.at < SHORTEST) return job.eta_seconds ? now.left / job.eta_seconds : null;
    return first.left > now.left ? ((first.left - now.left) * 1000) / (now.at - first.at) : null;
  }
}
