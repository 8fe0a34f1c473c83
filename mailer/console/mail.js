// One mail: what is known of it, its way from accepted to delivered, and what can be done.
import { call, Refused } from "./api.js";
import { $, h, told } from "./dom.js";
import { acceptedAt } from "./record.js";
import { agreed, inWords } from "./question.js";
import { choose, chosen, reload, say } from "./state.js";
import { moment, w } from "./words.js";

const MOMENT = 1000; // milliseconds between acceptance and the first status
const CAN = { failed: ["replay"], uncertain: ["replay"], suppressed: ["replay"], queued: ["cancel"], scheduled: ["cancel"], held: ["release", "cancel"] };

/** Show the mail that the address names; throws Refused. */
export async function mail(id) {
  draw(await call("GET", `emails/${encodeURIComponent(id)}`));
  const dialog = $("#mail");
  if (dialog.open) return;
  dialog.addEventListener("close", () => closed(id), { once: true });
  dialog.showModal();
}

/** The address forgets the mail, and the focus goes back to its row, which may have been drawn anew meanwhile. */
function closed(id) {
  choose({ ...chosen(), mail: "" });
  if (document.activeElement === document.body) ($(`#mails a[href*="${CSS.escape(id)}"]`) ?? $("#mails")).focus();
}

function draw(record) {
  const can = [...(record.status === "queued" && record.error ? ["retry"] : []), ...(CAN[record.status] ?? [])];
  $("#mail").replaceChildren(
    h("header", {}, h("h2", { id: "mail-title" }, w.mail, " ", h("code", {}, record.id)), closing()),
    h("p.now", {}, h(`span.status.${record.status}`, {}, w.statuses[record.status] ?? record.status), " ", w.meanings[record.status] ?? ""),
    record.error ? h("p.error", {}, h("code", { lang: "en" }, record.error.code), " ", told(record.error.message)) : null,
    can.length ? h("div.buttons", {}, can.map((action) => h("button", { type: "button", class: action === "cancel" ? "" : "main", onclick: () => act(action, record) }, w.actions[action]))) : "",
    h("dl.facts", {}, facts(record)),
    h("h3", {}, w.way),
    h("ol.way", {}, way(record)),
  );
}

function closing() {
  const form = h("form", { method: "dialog" }, h("button", { autofocus: true, "aria-label": w.close }, "✕"));
  return form;
}

function facts(record) {
  const known = [
    [w.from, record.from],
    [w.pool, record.pool],
    [w.caller, record.caller],
    [w.template, record.template],
    [w.version, record.template_version],
    [w.recipients, record.recipients],
    [w.priority, w.priorities[record.priority] ?? record.priority],
    [w.tags, Object.entries(record.tags ?? {}).map(([name, value]) => `${name}: ${value}`).join(", ")],
    [w.expected, record.expected_at && moment(record.expected_at)],
    [w.attempts, record.attempts],
    [w.resent, record.resent],
    [w.gate, record.gate],
    [w.request, record.request_id],
  ];
  return known.filter(([, value]) => value).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, String(value))));
}

/** The statuses, what people did, and what became of each recipient's copy, in the order of time. */
function way(record) {
  const accepted = acceptedAt(record.id);
  const steps = Object.entries(record.times).map(([status, at]) => ({ at, status, text: w.meanings[status] }));
  // Of each status the last time is known: a mail that was queued anew was accepted long before.
  if (!steps.some(({ at }) => new Date(at) - new Date(accepted) < MOMENT)) steps.push({ at: accepted, status: "accepted", text: w.meanings.accepted });
  for (const one of record.done ?? []) steps.push({ at: one.at, status: "done", name: w.done[one.action] ?? one.action, text: one.by ? w.by(one.by) : "" });
  for (const { copy, places } of copies(record.delivery ?? {})) {
    const said = [copy.code, copy.message].filter(Boolean).join(" ");
    const text = copy.code === "recipient_suppressed" ? w.leftOut(places.length) : said && told(said);
    steps.push({ at: copy.at, status: copy.status, text: [places.join(", "), " ", text] });
  }
  steps.sort((one, other) => new Date(one.at) - new Date(other.at));
  return steps.map(({ at, status, name, text }) =>
    h(`li.${status}`, {}, h("time", { datetime: at }, moment(at)), h("div", {}, h("strong", {}, name ?? w.statuses[status] ?? status), " ", text ?? "")),
  );
}

/** The recipients' copies, those together that have the same to tell. */
function copies(delivery) {
  const found = new Map();
  for (const [place, copy] of Object.entries(delivery)) {
    const key = JSON.stringify(copy);
    if (!found.has(key)) found.set(key, { copy, places: [] });
    found.get(key).places.push(place);
  }
  return found.values();
}

async function act(action, record) {
  const beware = action === "replay" && record.status === "uncertain" ? w.oneMayDouble : null;
  if (!(await agreed({ title: w.ask[action](1), text: w.tell[action], beware, button: w.actions[action] }))) return;
  try {
    draw(await call("POST", `emails/${record.id}/${action}`));
  } catch (error) {
    if (!(error instanceof Refused) || error.status === 401) throw error;
    $("#mail .now").before(h("p.trouble", { role: "alert" }, inWords(error)));
    return;
  }
  say(w.changed);
  await reload("failures", "waiting", "mails");
}
