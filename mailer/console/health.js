// What works and what does not, and how long the app's secret is still good.
import { call } from "./api.js";
import { h, told } from "./dom.js";
import { day, w } from "./words.js";

const DAY = 24 * 60 * 60 * 1000;

export async function health() {
  const found = await call("GET", "health");
  const parts = Object.entries(found.parts);
  const state = found.status !== "ok" ? "failing" : parts.some(([, part]) => part.status === "warning") ? "warning" : "ok";
  const troubled = parts.filter(([, part]) => part.problems?.length);
  return [
    h(`p.verdict.${state}`, {}, w[state]),
    troubled.length ? h("dl.troubles", {}, troubled.map(trouble)) : null,
    h("ul.parts", {}, parts.map(([name, part]) => h(`li.${part.status}`, {}, w.parts[name] ?? name, h("span.state", {}, w.states[part.status])))),
    found.secret_expires_on ? secret(found.secret_expires_on) : null,
  ];
}

function trouble([name, part]) {
  return [h("dt", {}, w.parts[name] ?? name), part.problems.map((problem) => h("dd", {}, told(problem)))];
}

function secret(expires) {
  const days = Math.ceil((new Date(expires) - Date.now()) / DAY);
  const told = days > 0 ? w.secret(day(expires), days) : w.expired(day(expires));
  return h(`p.secret.${days > 60 ? "far" : "near"}`, {}, told);
}
