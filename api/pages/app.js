// The page: drop photos, see them get their colors, compare, download.

import { cardOf, failureCard, fromTemplate } from "./cards.js";
import { Refusal, call, submit, useKey } from "./server.js";

const ENDED = ["completed", "canceled"];
const REMEMBERED = "photochrom-jobs";
const MOST_FILES = 1000;
const CARDS_AT_ONCE = 60;
/** Temperatures of the three to choose from; the middle one is the usual. */
const SEVERAL = [0.38, 0.15, 0.8];

const at = (id) => document.getElementById(id);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// What this browser has submitted.

const remembered = () => JSON.parse(localStorage.getItem(REMEMBERED) ?? "[]");
const remember = (ids) => localStorage.setItem(REMEMBERED, JSON.stringify(ids.slice(0, 20)));
const forget = (id) => remember(remembered().filter((other) => other !== id));

// Words.

const count = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;

/** @param {any} job */
function stateOf(job) {
  const { succeeded, failed, canceled } = job.counts;
  const parts = [`${succeeded} of ${job.total} colored`];
  if (failed) parts.push(`${failed} failed`);
  if (canceled) parts.push(`${canceled} canceled`);
  if (job.waiting_for) parts.push(`waiting for ${job.waiting_for}`);
  else if (!ENDED.includes(job.state) && job.eta_seconds > 5) parts.push(`about ${job.eta_seconds} s left`);
  return parts.join(", ");
}

/** Tells what is wrong, until it is over. @param {string} text */
function trouble(text) {
  at("trouble").textContent = text;
  at("trouble").hidden = !text;
}

/** @param {any} error */
function explain(error) {
  if (error instanceof Refusal && error.status === 401) {
    at("key-form").hidden = false;
    at("key").focus();
    return;
  }
  trouble(error instanceof Refusal ? error.message : "The server does not answer. This page goes on when it is back.");
}

// One job on the page.

class JobView {
  /** @param {string} title */
  constructor(title) {
    this.node = fromTemplate("job");
    this.node.querySelector("h2").textContent = title;
    this.bar = this.node.querySelector("progress");
    this.cards = this.node.querySelector(".cards");
    this.more = this.node.querySelector(".more");
    this.id = "";
    this.cursor = 0;
    this.gone = false;
    this.room = CARDS_AT_ONCE;
    this.node.querySelector(".forget").addEventListener("click", () => this.close());
    this.node.querySelector(".cancel").addEventListener("click", () => this.cancel());
    this.more.addEventListener("click", () => {
      this.room += CARDS_AT_ONCE;
      this.take().catch(explain);
    });
    at("jobs").prepend(this.node);
  }

  /** @param {string} text */
  say(text) {
    this.node.querySelector(".state").textContent = text;
  }

  close() {
    this.gone = true;
    forget(this.id);
    this.node.remove();
  }

  async cancel() {
    await call(`v1/jobs/${this.id}/cancel`, { method: "POST" }).catch(explain);
  }

  /** Sends files and follows the job that they become. @param {File[]} files @param {object} recipe */
  async send(files, recipe) {
    try {
      const job = await submit(files, recipe, (share) => {
        this.bar.value = share;
        this.say(share < 1 ? `Sending, ${Math.round(share * 100)} %` : "Sent");
      });
      this.id = job.id;
      remember([job.id, ...remembered()]);
      await this.follow();
    } catch (error) {
      this.bar.hidden = true;
      if (!(error instanceof Refusal) || error.status === 401) explain(error);
      this.say(error instanceof Refusal ? "Not accepted" : "Not sent");
      this.cards.append(failureCard(files[0].name, error.code ?? "", error.message));
      at("news").textContent = `${files[0].name} was not accepted: ${error.message}`;
    }
  }

  /** Polls the job to its end, through whatever happens to the server. */
  async follow() {
    let etag = "";
    for (;;) {
      let pause = 2;
      try {
        const answer = await fetchJob(this.id, etag);
        pause = Number(answer.headers.get("Retry-After") ?? 1);
        trouble("");
        if (answer.status !== 304) {
          etag = answer.headers.get("ETag") ?? "";
          const job = await answer.json();
          this.show(job);
          await this.take();
          if (ENDED.includes(job.state)) return this.finish(job);
        }
      } catch (error) {
        if (error instanceof Refusal && error.status === 404) return this.close();
        explain(error);
      }
      if (this.gone) return undefined;
      await sleep(pause * 1000);
    }
  }

  /** @param {any} job */
  show(job) {
    this.bar.value = job.progress;
    this.say(stateOf(job));
    this.node.querySelector(".cancel").hidden = ENDED.includes(job.state);
  }

  /** Adds cards for the items that have ended, in their order, as far as there is room. */
  async take() {
    while (this.cursor !== null && this.cards.childElementCount < this.room) {
      const answer = await call(`v1/jobs/${this.id}/items?cursor=${this.cursor}&limit=20`);
      const page = await answer.json();
      for (const item of page.items) {
        if (!["succeeded", "failed", "canceled"].includes(item.state)) return;
        this.cards.append(cardOf(item));
        this.cursor = item.number + 1;
      }
      this.cursor = page.next;
    }
    this.more.hidden = this.cursor === null;
  }

  /** @param {any} job */
  finish(job) {
    this.bar.hidden = true;
    at("news").textContent = stateOf(job);
  }
}

/** @param {string} id @param {string} etag */
function fetchJob(id, etag) {
  return call(`v1/jobs/${id}`, { cache: "no-store", headers: etag ? { "If-None-Match": etag } : {} });
}

/** Opens a job that the server has. @param {string} id */
async function open(id) {
  try {
    const job = await (await fetchJob(id, "")).json();
    const view = new JobView(`${count(job.total, "photo")}, ${new Date(job.created_at).toLocaleString()}`);
    view.id = id;
    await view.follow();
  } catch (error) {
    if (error instanceof Refusal && error.status === 404) forget(id);
    else explain(error);
  }
}

// Handing photos over.

/** @param {Iterable<File>} given */
function take(given) {
  const files = [...given].filter((file) => !file.name.startsWith("."));
  for (let start = 0; start < files.length; start += MOST_FILES) {
    const part = files.slice(start, start + MOST_FILES);
    const title = part.length === 1 ? part[0].name : count(part.length, "photo");
    new JobView(title).send(part, recipe());
  }
}

function recipe() {
  const wanted = { chroma_gain: Number(at("gain").value) };
  if (at("several").checked) wanted.candidates = SEVERAL;
  else wanted.temperature = Number(at("temperature").value);
  return at("model").value ? { ...wanted, model: at("model").value } : wanted;
}

/** Reads files out of what was dropped, folders with all that is in them. @param {DataTransfer} dropped */
async function filesOf(dropped) {
  const entries = [...dropped.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...dropped.files];
  const found = [];
  for (const entry of entries) await walk(entry, found);
  return found;
}

/** @param {any} entry @param {File[]} found */
async function walk(entry, found) {
  if (entry.isFile) {
    found.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return;
    for (const child of some) await walk(child, found);
  }
}

function listen() {
  const drop = at("drop");
  at("files").addEventListener("change", (event) => {
    take(event.target.files);
    event.target.value = "";
  });
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  document.addEventListener("dragleave", () => drop.classList.remove("over"));
  document.addEventListener("drop", async (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    take(await filesOf(event.dataTransfer));
  });
  document.addEventListener("paste", (event) => take(event.clipboardData.files));
  for (const name of ["gain", "temperature"]) {
    at(name).addEventListener("input", () => {
      at(`${name}-value`).textContent = at(name).value;
    });
  }
  at("several").addEventListener("change", () => {
    at("temperature").disabled = at("several").checked;
  });
  drop.addEventListener("submit", (event) => event.preventDefault());
  at("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    useKey(at("key").value);
    location.reload();
  });
}

// What the server has.

async function showModels() {
  const known = await (await call("v1/models")).json();
  // What no worker serves would wait for one.
  const models = known.models.filter((model) => model.available || model.default);
  at("model-row").hidden = models.length < 2;
  if (models.length < 2) return;
  for (const model of models) at("model").append(new Option(model.name, model.name, model.default, model.default));
}

async function showRecent() {
  const { jobs } = await (await call("v1/jobs?limit=10")).json();
  const others = jobs.filter((job) => !remembered().includes(job.id));
  at("recent").hidden = !others.length;
  for (const job of others) {
    const row = document.createElement("li");
    const button = document.createElement("button");
    button.className = "quiet";
    button.textContent = `${new Date(job.created_at).toLocaleString()}: ${stateOf(job)}`;
    button.addEventListener("click", () => {
      row.remove();
      open(job.id);
    });
    row.append(button);
    at("recent-list").append(row);
  }
}

listen();
for (const id of remembered().toReversed()) open(id);
showModels().then(showRecent).catch(explain);
