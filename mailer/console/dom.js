// Elements made of values: whatever the server says becomes text, never markup.
import { inFrench } from "./said.fr.js";
import { language } from "./words.js";

/** An element with attributes, listeners (`on…`) and children, which are elements or texts. */
export function h(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  return fill(document.createElement(tag), { ...(classes.length ? { class: classes.join(" ") } : {}), ...attributes }, children);
}

/** The same for a drawing. */
export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** The body of a section, or any element by its selector. */
export const $ = (selector) => document.querySelector(selector);

/** What the app itself says is in English: in French as far as its sentences are known. */
export const told = (text) => (language === "fr" ? inFrench(text) : [{ text, lang: "en" }]).map((piece) => h("span", { lang: piece.lang }, piece.text));
