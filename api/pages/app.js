// The page: drop photos, see them get their colors, compare, download.

import { filesOf } from "./dropped.js";
import { AWAY, Alarm, fetchJob } from "./following.js";
import { JobView, titleOf } from "./job.js";
import { explain } from "./notices.js";
import { Recent } from "./recent.js";
import { forgetOurs, remembered } from "./remembered.js";
import { call, hasKey, useKey } from "./server.js";
import { count } from "./words.js";

const MOST_FILES = 1000;
/** Temperatures of the three to choose from; the middle one is the usual. */
const SEVERAL = [0.38, 0.15, 0.8];

const at = (id) => document.getElementById(id);

const recent = new Recent((job) => open(job));
const told = { opened: (job) => open(job), closed: () => recent.show().catch(explain) };

// Jobs on the page.

/** Opens a job that the server has, under the eyes of whoever asked for it. @param {any} job */
function open(job) {
  const view = new JobView(titleOf(job), told);
  view.follow(job);
  view.part("h2").focus();
}

/** Opens a job that was open before, as soon as the server can tell of it again. @param {string} id */
async function reopen(id) {
  for (;;) {
    try {
      const job = await (await fetchJob(id)).json();
      new JobView(titleOf(job), told).follow(job);
      return;
    } catch (error) {
      if (error.status === 404) forgetOurs(id);
      else explain(error);
      if ([401, 403, 404].includes(error.status)) return;
      await new Alarm().sleep(error.retryAfter || AWAY);
    }
  }
}

async function reopenAll() {
  for (const id of remembered().toReversed()) await reopen(id);
}

// Handing photos over.

/** What is sent goes one job after the other. */
let sending = Promise.resolve();

/** @param {Iterable<File>} given */
function take(given) {
  const files = [...given].filter((file) => !file.name.startsWith("."));
  const wanted = recipe();
  for (let start = 0; start < files.length; start += MOST_FILES) {
    const part = files.slice(start, start + MOST_FILES);
    const view = new JobView(part.length === 1 ? part[0].name : count(part.length, "photo"), told);
    view.say("Waiting to be sent", "held");
    sending = sending.then(() => (view.closed ? undefined : view.send(part, wanted)));
  }
}

function recipe() {
  const wanted = { chroma_gain: Number(at("gain").value) };
  if (at("several").checked) wanted.candidates = SEVERAL;
  else wanted.temperature = Number(at("temperature").value);
  return at("model").value ? { ...wanted, model: at("model").value } : wanted;
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
    changeKey(at("key").value.trim());
  });
  at("forget-key").addEventListener("click", () => changeKey(""));
  at("forget-key").hidden = !hasKey();
  at("nets").hidden = hasKey();
}

/** Begins anew as whoever the key belongs to. @param {string} key */
function changeKey(key) {
  useKey(key);
  location.reload();
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

listen();
reopenAll();
showModels()
  .then(() => recent.show())
  .then(() => recent.watch())
  .catch(explain);
