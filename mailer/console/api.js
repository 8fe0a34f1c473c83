// Calls of the API beside this page, with the function key that somebody gave for this tab.

const BASE = new URL("../", import.meta.url); // …/api/console/api.js stands below …/api/
const KEY = "mailer-key";

export class Refused extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export const key = {
  get: () => sessionStorage.getItem(KEY),
  set: (text) => sessionStorage.setItem(KEY, text),
  forget: () => sessionStorage.removeItem(KEY),
};

/** What the app answers; throws Refused with what it says. */
export async function call(method, path, { query = {}, body } = {}) {
  const url = new URL(path, BASE);
  for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
  const headers = { Accept: "application/json", ...(body ? { "Content-Type": "application/json" } : {}) };
  if (key.get()) headers["x-functions-key"] = key.get();
  let answer;
  try {
    const sent = body && JSON.stringify(body);
    // A redirection would lead to a page for signing in, which no script can read.
    answer = await fetch(url, { method, headers, body: sent, cache: "no-store", redirect: "manual" });
  } catch {
    throw new Refused(0, "no_answer", "");
  }
  if (answer.type === "opaqueredirect") throw new Refused(401, "sign_in", "");
  const content = await answer.json().catch(() => null);
  if (answer.ok && content) return content;
  if (path === "health" && content?.parts) return content;
  const error = content?.error ?? {};
  throw new Refused(answer.status, error.code ?? `http_${answer.status}`, error.message ?? "");
}

/** A list, at most so many calls of it until there are enough: what was found, and the query by which it goes on. */
export async function list(path, query, { calls, enough = Infinity }) {
  const found = [];
  let next = query;
  for (let made = 0; next && made < calls && found.length < enough; made += 1) {
    const page = await call("GET", path, { query: next });
    found.push(...page.value);
    // Only its query is followed: wherever the link leads, the key goes to no other host.
    next = page.nextLink ? Object.fromEntries(new URL(page.nextLink, BASE).searchParams) : null;
  }
  return { found, next, partial: Boolean(next) };
}
