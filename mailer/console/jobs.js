// How far replays and retries of all mails of a cause have come, and how they ended.
import { h } from "./dom.js";
import { moment, w } from "./words.js";

/** One job, as a paragraph; `code` where it stands outside of the card of its cause. */
export function progress(job, { code } = {}) {
  const gone = job.done + job.left_out;
  const told = [
    w.jobs[job.action](job.done, job.partial ? w.noLess(job.count) : String(job.count)),
    job.left_out ? w.notDone(job.left_out) : "",
    job.status === "running" ? w.jobStates.running : w.jobStates[job.status](moment(job.ended_at)),
    w.askedFor(moment(job.asked_at), job.by),
  ].filter(Boolean).join(" ");
  return h(
    `p.job.${job.status}`,
    {},
    code ? [h("code", { lang: "en" }, job.code), " "] : null,
    told,
    job.status === "running" ? h("progress", { max: Math.max(job.count, gone), value: gone, "aria-label": told }) : null,
  );
}

/** Those that belong to this cause. */
export const jobsOf = (jobs, action, code) => jobs.filter((job) => job.action === action && job.code === code);
