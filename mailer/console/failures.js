// Failed, uncertain and hindered mails by their cause, each with its cure and a button.
import { call } from "./api.js";
import { $, h, told } from "./dom.js";
import { jobsOf, progress } from "./jobs.js";
import { agreed } from "./question.js";
import { say, reload, state } from "./state.js";
import { moment, w } from "./words.js";

const HOURS = { "24h": 24, "7d": 7 * 24, "30d": 30 * 24 };
const AGAIN = 5000; // milliseconds until the next look at what goes on in the background

export async function failures() {
  const since = new Date(Date.now() - HOURS[state.period] * 3600_000).toISOString();
  const { value: found, partial, jobs = [] } = await call("GET", "failures", { query: { since } });
  follow(jobs);
  const inCards = found.map((group) => jobsOf(jobs, actionOf(group), group.code)[0]);
  const others = jobs.filter((job) => !inCards.includes(job));
  return [
    period(),
    found.length ? h("div.cards", {}, found.map((group, place) => card(group, since, inCards[place]))) : h("p.calm", {}, w.noFailures),
    partial ? h("p.hint", {}, w.partial) : null,
    others.length ? h("details.jobs", { open: others.some((job) => job.status === "running") }, h("summary", {}, w.lately(others.length)), others.map((job) => progress(job, { code: true }))) : null,
  ];
}

let timer;
let going = [];

/** Look again while something goes on, but not under somebody's hands; tell when it has ended. */
function follow(jobs) {
  const ended = jobs.filter((job) => job.status !== "running" && going.includes(job.id));
  if (ended.length) say(ended.map((job) => `${job.code}: ${w.jobs[job.action](job.done, String(job.count))}`).join(" "));
  going = jobs.filter((job) => job.status === "running").map((job) => job.id);
  clearTimeout(timer);
  const look = () => {
    if (document.hidden || $("#failures").contains(document.activeElement)) timer = setTimeout(look, AGAIN);
    else reload("failures");
  };
  if (going.length) timer = setTimeout(look, AGAIN);
}

const actionOf = (group) => (["failed", "uncertain"].includes(group.status) ? "replay" : "retry");

function period() {
  const choose = (event) => {
    state.period = event.target.value;
    reload("failures");
  };
  const options = Object.entries(w.periods).map(([value, text]) => h("option", { value, selected: value === state.period }, text));
  return h("label.period", {}, w.period, h("select", { id: "period", onchange: choose }, options));
}

function card(group, since, job) {
  const action = actionOf(group);
  const button = h("button.main", { type: "button", onclick: () => all(action, group, since) }, w.actions[action]);
  return h(
    `article.card.${group.status}`,
    { "aria-labelledby": `cause-${group.code}-${group.status}` },
    h("h3", { id: `cause-${group.code}-${group.status}` }, h("span.count", {}, String(group.count)), " ", h("code", { lang: "en" }, group.code)),
    h("p.when", {}, h(`span.status.${group.status}`, {}, w.statuses[group.status]), " ", w.span(moment(group.oldest), moment(group.newest))),
    h("p", {}, told(group.message)),
    group.cure ? h("p.cure", {}, h("strong", {}, w.cure), told(group.cure)) : null,
    group.may_double ? h("p.beware", {}, w.mayDouble) : null,
    h("p.such", {}, w.such, " ", group.ids.map((id) => [h("a", { href: `#mail=${id}` }, `…${id.slice(-8)}`), " "])),
    job ? progress(job) : null,
    h("div.buttons", {}, button),
  );
}

async function all(action, group, since) {
  const path = `failures/${encodeURIComponent(group.code)}/${action}`;
  const plan = await call("POST", path, { body: { since, dry_run: true } });
  if (!plan.count) {
    say(w.none);
    return reload("failures");
  }
  const doubles = plan.may_double === true ? plan.count : Number(plan.may_double);
  const beware = action === "replay" && doubles ? w.someMayDouble(doubles) : null;
  if (!(await agreed({ title: w.ask[action](plan.count), text: w.tell[action], beware, button: w.actions[action] }))) return null;
  const done = await call("POST", path, { body: { since, dry_run: false } });
  say(w.going(done.count));
  return reload("failures", "waiting", "mails");
}
