// The list of mails, with its filters in the address.
import { call, list, Refused } from "./api.js";
import { $, h } from "./dom.js";
import { acceptedAt } from "./record.js";
import { agreed } from "./question.js";
import { choose, chosen, reload, say } from "./state.js";
import { moment, w } from "./words.js";

const PAGE = 50;
const CALLS = 3; // of one look: a page may be empty while there are more
const STATUSES = ["scheduled", "queued", "sending", "sent", "failed", "uncertain", "held", "canceled", "suppressed"];
const TEXTS = ["to", "from", "error", "tag", "template", "caller"];
const FILTERS = ["status", ...TEXTS, "since", "until"];
const EXAMPLES = { to: "ada@example.com", from: "shop@contoso.com", error: "ErrorAccessDenied", tag: "flow:checkout", template: "order-confirmation", caller: "shop" };

/** The form, filled with what the address names. */
export function filters() {
  const now = chosen();
  const form = $("#filters");
  const focused = form.contains(document.activeElement) && document.activeElement.id;
  const fields = [
    statuses((now.status ?? "").split(",")),
    TEXTS.map((name) => h("label", {}, w[name], h("input", { name, id: `by-${name}`, value: now[name] ?? "", placeholder: EXAMPLES[name], spellcheck: "false", autocapitalize: "none" }))),
    ["since", "until"].map((name) => h("label", {}, w[name], h("input", { name, id: `by-${name}`, type: "datetime-local", value: local(now[name]) }))),
  ];
  form.replaceChildren(...fields.flat(), h("div.buttons", {}, h("button.main", { id: "search" }, w.search), h("button", { type: "reset", id: "clear" }, w.clear)));
  if (focused) $(`#${focused}`)?.focus(); // it was drawn anew under somebody's hands
  form.onsubmit = (event) => {
    event.preventDefault();
    const data = new FormData(form);
    const given = { ...Object.fromEntries(data), status: data.getAll("status").join(",") };
    for (const name of ["since", "until"]) given[name] &&= new Date(given[name]).toISOString();
    choose(given);
  };
  form.onreset = () => choose({});
}

/** Any number of statuses, behind a line that says which are chosen. */
function statuses(wanted) {
  const line = h("span.chosen");
  const boxes = STATUSES.map((value) => h("input", { type: "checkbox", name: "status", value, id: `by-status-${value}`, checked: wanted.includes(value) }));
  const told = () => line.replaceChildren(boxes.filter((box) => box.checked).map((box) => w.statuses[box.value]).join(", ") || w.any);
  told();
  return h(
    "details.statuses",
    {},
    h("summary", { id: "by-status" }, h("span", {}, w.status), line),
    h("fieldset", { "aria-label": w.status, onchange: told }, boxes.map((box) => h("label", {}, box, w.statuses[box.value]))),
  );
}

/** A field of a form takes the time of this zone, without its offset. */
function local(text) {
  if (!text || Number.isNaN(Date.parse(text))) return "";
  const date = new Date(text);
  return new Date(date - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export async function mails() {
  const now = chosen();
  const query = { limit: PAGE, ...Object.fromEntries(FILTERS.map((name) => [name, now[name]])) };
  const body = h("tbody");
  const heads = [w.accepted, w.status, w.from, w.template, w.error, w.tags, w.mail];
  const table = h("table", {}, h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))), body);
  const tail = h("div.tail");
  await grow(query, body, tail, heads);
  return [table, tail];
}

async function grow(query, body, tail, heads) {
  const { found, next } = await list("emails", query, { calls: CALLS, enough: PAGE });
  body.append(...found.map((mail) => row(mail, heads)));
  const count = body.rows.length;
  body.parentElement.hidden = !count;
  const more = async (event) => {
    event.target.disabled = true;
    const last = body.rows.length;
    await grow(next, body, tail, heads);
    body.rows[last]?.querySelector("a").focus();
  };
  const nothing = next ? w.noMailsYet : w.noMails;
  tail.replaceChildren(
    h("p.hint", {}, count ? w.found(count) : nothing),
    ...(next ? [h("button", { type: "button", onclick: more }, w.more)] : []),
    ...(count && chosen().status === "held" ? [h("button", { type: "button", onclick: () => releaseAll([...body.rows].map((one) => one.dataset.mail)) }, w.releaseShown(count))] : []),
  );
}

/** Let all of these go that were held, one by one, telling how far that has come; what is refused stays in the list. */
async function releaseAll(ids) {
  if (!(await agreed({ title: w.ask.release(ids.length), text: w.tell.release, button: w.actions.release }))) return null;
  let done = 0;
  for (const id of ids) {
    try {
      await call("POST", `emails/${id}/release`);
      done += 1;
      say(w.released(done, ids.length));
    } catch (error) {
      if (!(error instanceof Refused) || error.status === 401) throw error;
    }
  }
  return reload("failures", "waiting", "mails");
}

function row(mail, heads) {
  const accepted = acceptedAt(mail.id);
  const link = new URLSearchParams({ ...chosen(), mail: mail.id });
  const cells = [
    h("time", { datetime: accepted }, moment(accepted)),
    [h(`span.status.${mail.status}`, {}, w.statuses[mail.status] ?? mail.status), mail.expected_at ? h("span.when", {}, ` ${w.expected} `, h("time", { datetime: mail.expected_at }, moment(mail.expected_at))) : null],
    mail.from ?? mail.pool ?? "",
    mail.template ?? "",
    mail.error ? h("code", { lang: "en" }, mail.error.code) : "",
    Object.entries(mail.tags ?? {}).map(([name, value]) => h("span.tag", {}, `${name}: ${value}`)),
    h("a", { href: `#${link}`, "aria-label": `${w.mail} …${mail.id.slice(-8)}` }, `…${mail.id.slice(-8)}`),
  ];
  return h("tr", { "data-mail": mail.id }, cells.map((cell, index) => h("td", { "data-head": heads[index], class: cell.length === 0 ? "none" : null }, h("div", {}, cell))));
}
