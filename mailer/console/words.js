// What the page says, in English or French; said.fr.js has what the app itself says.
import { en } from "./en.js";
import { fr } from "./fr.js";

const KEPT = "mailer-language";
const known = { en, fr };

export let language = sessionStorage.getItem(KEPT) ?? (navigator.languages.find((tag) => tag.slice(0, 2) in known) ?? "en").slice(0, 2);
export let w = known[language] ?? en;

/** Say everything in this language from now on. */
export function speak(chosen) {
  language = chosen;
  w = known[chosen];
  sessionStorage.setItem(KEPT, chosen);
}

/** The reader's own form of the language, such as en-GB, in which dates and times are written. */
const form = () => navigator.languages.find((tag) => tag.startsWith(language) && !tag.includes("@")) ?? language;

const DAY = { dateStyle: "medium" };
const MOMENT = { dateStyle: "medium", timeStyle: "medium" };

export const day = (text) => new Intl.DateTimeFormat(form(), DAY).format(new Date(text));
export const moment = (text) => new Intl.DateTimeFormat(form(), MOMENT).format(new Date(text));
export const clock = (date) => new Intl.DateTimeFormat(form(), { timeStyle: "short" }).format(date);
