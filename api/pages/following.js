// Following: polls a job to its end as the server asks, and not while nobody looks.

import { explain, trouble } from "./notices.js";
import { Refusal, call } from "./server.js";
import { ENDED } from "./words.js";

/** When to ask again where the server does not say, seconds. */
export const AWAY = 2;

/** A pause that can be cut short. */
export class Alarm {
  #wake = () => {};

  ring() {
    this.#wake();
  }

  /** @param {number} seconds @returns {Promise<void>} */
  sleep(seconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, seconds * 1000);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** @returns {Promise<void>} when somebody can see the page */
export function visible() {
  return new Promise((resolve) => {
    if (!document.hidden) resolve();
    else document.addEventListener("visibilitychange", () => resolve(), { once: true });
  });
}

/** @param {string} id @param {string} etag @returns {Promise<Response>} */
export function fetchJob(id, etag = "") {
  return call(`v1/jobs/${id}`, { cache: "no-store", headers: etag ? { "If-None-Match": etag } : {} });
}

/**
 * Follows a job through whatever happens to the server, until it has ended or nobody follows it any more.
 * Throws Refusal where the job is gone or the key does not hold.
 * @param {string} id @param {Alarm} alarm @param {() => boolean} wanted @param {(job: any) => Promise<void>} seen
 */
export async function follow(id, alarm, wanted, seen) {
  let etag = "";
  let job = null;
  while (wanted()) {
    let pause = AWAY;
    try {
      const answer = await fetchJob(id, etag);
      pause = Number(answer.headers.get("Retry-After") ?? 1);
      if (answer.status !== 304) job = await answer.json();
      etag = answer.headers.get("ETag") ?? etag;
      trouble("");
      await seen(job);
      if (ENDED.includes(job.state)) return;
    } catch (error) {
      if (error instanceof Refusal && [401, 403, 404].includes(error.status)) throw error;
      explain(error);
      pause = error.retryAfter || AWAY;
    }
    await alarm.sleep(pause);
    await visible();
  }
}
