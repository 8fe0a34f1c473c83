// Questions before something is done, and the one for the key.
import { key } from "./api.js";
import { $, h, told } from "./dom.js";
import { w } from "./words.js";

/** Whether somebody agrees: the question, what follows from it, what to beware of, and the name of the button. */
export function agreed({ title, text, beware, button }) {
  return ask(
    h("h2", { id: "question-title" }, title),
    h("p", {}, text),
    beware ? h("p.beware", {}, beware) : null,
    h("div.buttons", {}, h("button.main", { value: "yes", autofocus: !beware }, button), h("button", { value: "no", autofocus: Boolean(beware) }, w.no)),
  ).then((answer) => answer === "yes");
}

/** Ask for the key and keep it for this tab. */
export async function askKey({ wrong, signIn }) {
  const input = h("input", { id: "key", type: "password", required: true, autocomplete: "off", autofocus: true, spellcheck: "false" });
  const answer = await ask(
    h("h2", { id: "question-title" }, w.keyAsk),
    wrong ? h("p.beware", { role: "alert" }, w.keyWrong) : null,
    h("p", {}, w.keyTell),
    h("label", { for: "key" }, w.key, input),
    h("div.buttons", {}, h("button.main", { value: "yes" }, w.use), signIn ? h("a", { href: signIn }, w.signIn) : null),
  );
  if (answer === "yes" && input.value) key.set(input.value.trim());
  return answer === "yes";
}

/** What a Refused means. */
export function inWords(error) {
  if (error.status === 0) return w.noAnswer;
  if (error.status === 401) return w.keyAsk;
  return error.message ? told(error.message) : w.refused(error.status);
}

function ask(...content) {
  const dialog = $("#question");
  dialog.replaceChildren(h("form", { method: "dialog" }, content));
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true });
  });
}
