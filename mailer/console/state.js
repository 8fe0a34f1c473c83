// What several parts of the page share: what is chosen, what is told, what is loaded anew.
import { $ } from "./dom.js";

export const state = { period: "24h" };

/** Tell what was done, also to who does not see it. */
export function say(text) {
  $("#said").textContent = text;
}

/** The filters and the mail that the address names. */
export function chosen() {
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}

/** Put them into the address, so that it can be sent to somebody; what is empty is left out. */
export function choose(values) {
  const given = Object.entries(values).filter(([, value]) => value);
  location.hash = new URLSearchParams(given).toString();
}

let load = () => {};

/** How sections are loaded anew. */
export function loading(how) {
  load = how;
}

export const reload = (...sections) => load(...sections);
