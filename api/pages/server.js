// The server: calls, and what it says when it refuses or is away.

let key = sessionStorage.getItem("photochrom-key") ?? "";

/** The server refused a call. */
export class Refusal extends Error {
  /** @param {{code: string, detail: string, status: number, needs?: string[]}} problem @param {number} retryAfter seconds, 0 where nothing is said */
  constructor(problem, retryAfter = 0) {
    super(problem.detail);
    this.code = problem.code;
    this.status = problem.status;
    /** Scopes any one of which the call needs; none where that was not the reason. @type {string[]} */
    this.needs = problem.needs ?? [];
    this.retryAfter = retryAfter;
  }
}

/** Keeps an API key until the tab is closed, or none. @param {string} text */
export function useKey(text) {
  key = text;
  sessionStorage.setItem("photochrom-key", text);
}

export const hasKey = () => key !== "";

/**
 * Tells this key from others, and nobody what it is: 32 of its 256 bits (FNV-1a). The browser's own digests are only there
 * over https.
 * @returns {string}
 */
export function keyMark() {
  let mark = 0x811c9dc5;
  for (const char of key) mark = Math.imul(mark ^ char.charCodeAt(0), 0x01000193) >>> 0;
  return mark.toString(16);
}

/** @returns {Record<string, string>} the headers that every call carries */
export function credentials() {
  return key ? { Authorization: `Bearer ${key}` } : {};
}

/**
 * Calls the server.
 * @param {string} path
 * @param {RequestInit} [options]
 * @returns {Promise<Response>} the answer; throws Refusal, or TypeError where nobody answers
 */
export async function call(path, options = {}) {
  const answer = await fetch(path.replace(/^\//, ""), { ...options, headers: { ...credentials(), ...options.headers } });
  if (answer.status >= 400) {
    throw refusalOf(answer.status, await answer.text(), answer.headers.get("Retry-After"));
  }
  return answer;
}

/** @param {number} status @param {string} text @param {string | null} retryAfter @returns {Refusal} */
function refusalOf(status, text, retryAfter) {
  try {
    return new Refusal({ status, ...JSON.parse(text) }, Number(retryAfter));
  } catch {
    return new Refusal({ status, code: "no_answer", detail: `The server answered ${status}.` }, Number(retryAfter));
  }
}

/**
 * Submits files as one job, with the progress of sending.
 * @param {File[]} files @param {object} recipe @param {(share: number) => void} onSent @param {AbortSignal} signal
 * @returns {Promise<any>} the job; throws Refusal, or TypeError where nobody answers or the sending is given up
 */
export function submit(files, recipe, onSent, signal) {
  const form = new FormData();
  form.append("recipe", JSON.stringify(recipe));
  for (const file of files) form.append("image", file, file.webkitRelativePath || file.name);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "v1/jobs");
    for (const [name, value] of Object.entries(credentials())) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => onSent(event.loaded / event.total);
    request.onerror = () => reject(new TypeError("The server does not answer."));
    request.onabort = () => reject(new TypeError("The sending was stopped."));
    signal.addEventListener("abort", () => request.abort());
    request.onload = () => {
      if (request.status === 202) resolve(JSON.parse(request.responseText));
      else reject(refusalOf(request.status, request.responseText, request.getResponseHeader("Retry-After")));
    };
    request.send(form);
  });
}

/**
 * Where a stored file can be had. With a key it is asked for, since neither a picture nor a link of a page sends one; the
 * server tells a link to its storage then, since the storage does not answer the scripts of a page.
 * @param {string} path
 * @returns {Promise<{address: string, name: string}>} the name where the address does not tell it
 */
export async function stored(path) {
  if (!key) return { address: path.replace(/^\//, ""), name: "" };
  const answer = await patiently(path);
  if (answer.headers.get("Content-Type")?.startsWith("text/uri-list")) return { address: (await answer.text()).trim(), name: "" };
  return { address: URL.createObjectURL(await answer.blob()), name: nameIn(answer.headers.get("Content-Disposition") ?? "") };
}

/** Asks for a stored file as often as the server wishes: the pictures of a page may be more than a quota lets pass at once. @param {string} path */
async function patiently(path) {
  for (;;) {
    try {
      return await call(path, { headers: { Accept: "text/uri-list, */*" } });
    } catch (error) {
      if (!error.retryAfter) throw error;
      await new Promise((resolve) => setTimeout(resolve, error.retryAfter * 1000));
    }
  }
}

/** @param {string} disposition RFC 6266 @returns {string} */
function nameIn(disposition) {
  const wide = /filename\*=UTF-8''([^;]+)/i.exec(disposition);
  if (wide) return decodeURIComponent(wide[1]);
  const [, quoted, bare] = /filename=(?:"((?:\\.|[^"\\])*)"|([^;]+))/i.exec(disposition) ?? [];
  return quoted?.replace(/\\(.)/g, "$1") ?? bare ?? "";
}

/** Shows a stored picture in an image. @param {HTMLImageElement} image @param {string} path */
export async function show(image, path) {
  image.dataset.path = path;
  const { address } = await stored(path);
  // Somebody may have chosen another since.
  if (image.dataset.path !== path) return URL.revokeObjectURL(address);
  image.addEventListener("load", () => URL.revokeObjectURL(address), { once: true });
  image.src = address;
  return undefined;
}

/**
 * Changes a job.
 * @param {string} path @param {object | null} body @param {Record<string, string>} headers
 * @returns {Promise<any>} the job; throws Refusal, or TypeError where nobody answers
 */
export async function post(path, body = null, headers = {}) {
  const typed = body ? { "Content-Type": "application/json", ...headers } : headers;
  return (await call(path, { method: "POST", headers: typed, body: body && JSON.stringify(body) })).json();
}
