// The operator's page: its sections, each loaded by itself, so that what fails hides nothing else.
import { key, Refused } from "./api.js";
import { $, h } from "./dom.js";
import { failures } from "./failures.js";
import { health } from "./health.js";
import { mail } from "./mail.js";
import { filters, mails } from "./mails.js";
import { askKey, inWords } from "./question.js";
import { chosen, loading, say } from "./state.js";
import { waiting } from "./waiting.js";
import { clock, language, speak, w } from "./words.js";

const SECTIONS = { health, failures, waiting, mails };

/** Say all that stands in the page itself in the chosen language. */
function dress() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = w[element.dataset.word];
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", w[element.dataset.label]);
  for (const button of document.querySelectorAll("[data-language]")) button.setAttribute("aria-pressed", String(button.dataset.language === language));
  $("#zone").textContent = w.zone(Intl.DateTimeFormat().resolvedOptions().timeZone);
  $("#forget").hidden = !key.get();
  filters();
}

async function load(...names) {
  const results = await Promise.all(names.map(one));
  const refused = results.find((result) => result instanceof Refused && result.status === 401);
  if (refused) return unlock(refused);
  $("#forget").hidden = !key.get();
  return null;
}

/** Load one section; the Refused that it met, if it met one. */
async function one(name) {
  const body = $(`#${name} .body`);
  body.setAttribute("aria-busy", "true");
  if (!body.children.length) body.replaceChildren(h("p.hint", {}, w.loading));
  try {
    body.replaceChildren(...(await SECTIONS[name]()).filter(Boolean));
    return null;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    body.replaceChildren(h("p.trouble", { role: "alert" }, inWords(error)));
    return error;
  } finally {
    body.removeAttribute("aria-busy");
  }
}

async function unlock(refused) {
  const wrong = Boolean(key.get());
  key.forget();
  // Where Entra stands in front of the app: https://learn.microsoft.com/azure/app-service/overview-authentication-authorization
  const signIn = refused.code === "sign_in" ? `/.auth/login/aad?post_login_redirect_uri=${encodeURIComponent(location.pathname)}` : null;
  if (await askKey({ wrong, signIn })) await everything();
}

async function everything() {
  await load(...Object.keys(SECTIONS));
  $("#as-of").textContent = w.loaded(clock(new Date()));
  await open();
}

/** Show the mail that the address names, if it names one. */
async function open() {
  const { mail: id } = chosen();
  if (!id) return $("#mail").open && $("#mail").close();
  return guarded(() => mail(id));
}

/** What a click does may be refused, too. */
async function guarded(work) {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    say(error.message || inWords(error));
    if (error.status === 401) await unlock(error);
  }
}

let seen = "";

async function moved() {
  const { mail: _, ...rest } = chosen();
  if (JSON.stringify(rest) !== seen) {
    seen = JSON.stringify(rest);
    filters();
    await load("mails");
  }
  await open();
}

loading(load);
addEventListener("hashchange", moved);
addEventListener("unhandledrejection", (event) => {
  if (!(event.reason instanceof Refused)) return;
  event.preventDefault();
  guarded(() => Promise.reject(event.reason));
});
$(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address keeps its filters
  $("#mails").focus();
});
$("#refresh").addEventListener("click", () => {
  say("");
  everything();
});
$("#forget").addEventListener("click", () => {
  key.forget();
  location.reload();
});
for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => {
    speak(button.dataset.language);
    dress();
    everything();
  });
}
const { mail: _, ...rest } = chosen();
seen = JSON.stringify(rest);
dress();
everything();
