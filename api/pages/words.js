// Words: what the numbers of a job say to a person.

export const ENDED = ["completed", "canceled"];

/** A job of at most so many photos shows them all, and no figures. */
export const FEW = 24;

const STATES = {
  queued: "Waiting its turn",
  running: "Coloring",
  paused: "Paused",
  canceling: "Stopping",
  completed: "Done",
  canceled: "Canceled",
};

/** Units of time, seconds each, from the largest. */
const UNITS = [
  [86_400, "day"],
  [3600, "hour"],
  [60, "minute"],
  [1, "second"],
];

/** @param {number} value @returns {string} */
export const grouped = (value) => value.toLocaleString();

/** @param {number} value @param {string} word @returns {string} */
export const count = (value, word) => `${grouped(value)} ${word}${value === 1 ? "" : "s"}`;

/** @param {string} moment @returns {string} */
export const dated = (moment) => new Date(moment).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });

/** @param {any} job @returns {string} what it is about, in a word or two */
export function stateWord(job) {
  if (job.waiting_for) return "Waiting for a worker";
  if (job.state !== "completed" || !job.counts.failed) return STATES[job.state] ?? job.state;
  return job.counts.succeeded ? `Done, ${grouped(job.counts.failed)} failed` : "Failed";
}

/** @param {any} job @returns {string} which of the page's looks its state has */
export function mood(job) {
  if (job.waiting_for || job.state === "paused") return "held";
  if (job.state === "completed") return job.counts.failed ? "bad" : "good";
  return ENDED.includes(job.state) ? "over" : "going";
}

/** @param {any} job @returns {string} */
export function summary(job) {
  const { succeeded, failed, canceled } = job.counts;
  const parts = [`${grouped(succeeded)} of ${grouped(job.total)} colored`];
  if (failed) parts.push(`${grouped(failed)} failed`);
  if (canceled) parts.push(`${grouped(canceled)} canceled`);
  return parts.join(", ");
}

/**
 * What comes next, or how it went.
 * @param {any} job @param {number | null} rate photos a second @returns {string}
 */
export function outlook(job, rate) {
  if (job.waiting_for) return `Waiting for ${job.waiting_for}. It goes on by itself once there is one; nothing is lost.`;
  if (job.state === "queued") return "It begins as soon as a worker is free.";
  if (job.state === "paused") return begun(job, "Nothing more begins until you resume it.");
  if (job.state === "canceling") return begun(job, "Nothing more begins.");
  if (ENDED.includes(job.state)) return job.total > FEW ? ending(job) : "";
  return rate ? ahead(left(job) / rate, job.total > FEW ? rate : null) : "";
}

/** @param {any} job @returns {number} photos that are to be done yet */
export const left = (job) => job.counts.queued + job.counts.running;

/** @param {any} job @param {string} rest @returns {string} */
function begun(job, rest) {
  const { running } = job.counts;
  return running ? `${count(running, "photo")} that had begun will still be done. ${rest}` : rest;
}

/** @param {any} job @returns {string} */
function ending(job) {
  const seconds = (Date.parse(job.finished_at) - Date.parse(job.created_at)) / 1000;
  return `Ended ${dated(job.finished_at)}, ${duration(seconds)} after it was sent.`;
}

/** @param {number} seconds @param {number | null} rate @returns {string} */
function ahead(seconds, rate) {
  const pace = rate ? `, at ${pacing(rate)}` : "";
  if (seconds < 60) return seconds > 5 || rate ? `Less than a minute left${pace}.` : "";
  const until = seconds < 3600 ? "" : ` (until ${dated(new Date(Date.now() + seconds * 1000).toISOString())})`;
  return `About ${duration(seconds)} left${until}${pace}.`;
}

/** @param {number} seconds @returns {string} in the largest unit of which there are two, so that it is true to a third */
export function duration(seconds) {
  const [size, name] = UNITS.find(([size]) => seconds >= 2 * size) ?? [1, "second"];
  return count(Math.max(1, Math.round(seconds / size)), name);
}

/** @param {number} rate photos a second @returns {string} */
function pacing(rate) {
  const [size, name] = UNITS.toReversed().find(([size]) => rate * size >= 2) ?? UNITS[0];
  return `${count(Math.round(rate * size), "photo")} ${name === "hour" ? "an" : "a"} ${name}`;
}
