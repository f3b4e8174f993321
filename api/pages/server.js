// The server: calls, and what it says when it refuses or is away.

let key = sessionStorage.getItem("photochrom-key") ?? "";

/** The server refused a call. */
export class Refusal extends Error {
  /** @param {{code: string, detail: string, status: number}} problem */
  constructor(problem) {
    super(problem.detail);
    this.code = problem.code;
    this.status = problem.status;
  }
}

/** Keeps an API key until the browser is closed. @param {string} text */
export function useKey(text) {
  key = text;
  sessionStorage.setItem("photochrom-key", text);
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
  if (answer.status >= 400) throw await refusalOf(answer.status, await answer.text());
  return answer;
}

/** @param {number} status @param {string} text @returns {Refusal} */
export function refusalOf(status, text) {
  try {
    return new Refusal({ status, ...JSON.parse(text) });
  } catch {
    return new Refusal({ status, code: "no_answer", detail: `The server answered ${status}.` });
  }
}

/**
 * Submits files as one job, with the progress of sending.
 * @param {File[]} files @param {object} recipe @param {(share: number) => void} onSent
 * @returns {Promise<any>} the job
 */
export function submit(files, recipe, onSent) {
  const form = new FormData();
  form.append("recipe", JSON.stringify(recipe));
  for (const file of files) form.append("image", file, file.webkitRelativePath || file.name);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "v1/jobs");
    for (const [name, value] of Object.entries(credentials())) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => onSent(event.loaded / event.total);
    request.onerror = () => reject(new TypeError("The server does not answer."));
    request.onload = () => {
      if (request.status === 202) resolve(JSON.parse(request.responseText));
      else reject(refusalOf(request.status, request.responseText));
    };
    request.send(form);
  });
}

/** The address of a stored picture: with a key it is fetched, since an image element sends none. @param {string} path */
export async function pictureUrl(path) {
  if (!key) return path.replace(/^\//, "");
  return URL.createObjectURL(await (await call(path)).blob());
}
