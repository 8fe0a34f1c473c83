// The panel's page: presets of the faults that /control/faults takes, and those that are switched on.

const DENIED = { outcome: "answer", status: 403, code: "ErrorAccessDenied", message: "Access is denied." };
const PRESETS = {
  "Graph is busy (429, come back in 20 s)": { call: "sendMail", outcome: "answer", status: 429, code: "ApplicationThrottled", headers: { "Retry-After": "20" } },
  "Graph fails before it takes a mail (503)": { call: "sendMail", outcome: "answer", status: 503, code: "ErrorServerBusy" },
  "Graph takes a mail and answers 504: a doubt": { call: "sendMail", when: "after", outcome: "answer", status: 504 },
  "Graph takes a mail and cuts the connection: a doubt": { call: "sendMail", when: "after", outcome: "reset" },
  "Graph refuses a mail for good (400)": { call: "sendMail", outcome: "answer", status: 400, code: "ErrorInvalidRecipients" },
  "The app has no permission (403)": { call: "sendMail", ...DENIED },
  "Graph does not answer at all": { call: "sendMail", outcome: "hang" },
  "Graph is slow (3 s a mail)": { call: "sendMail", delay: 3 },
  "Uploads of large files break off": { call: "uploadRange", outcome: "reset" },
  "Sent Items are closed to the app (403)": { call: "sentitems", ...DENIED },
  "Entra gives no tokens (503)": { call: "token", outcome: "answer", status: 503 },
  "Key Vault does not answer (503)": { call: "secret", outcome: "answer", status: 503 },
};
const $ = (id) => document.getElementById(id);
const names = new Map(); // of the faults that this page has switched on

async function control(method, path, body) {
  const answer = await fetch(`/control/${path}`, { method, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.status === 204 ? null : answer.json();
}

function cell(content) {
  const td = document.createElement("td");
  td.append(content);
  return td;
}

function row({ id, hits, left, fault }) {
  const off = document.createElement("button");
  off.textContent = "Switch off";
  off.addEventListener("click", () => done("Switched off.", () => control("DELETE", `faults/${id}`)));
  const tr = document.createElement("tr");
  const name = names.get(id) ?? `${fault.call}: ${fault.outcome} ${fault.outcome === "answer" ? fault.status : ""}`;
  tr.append(cell(fault.mailbox ? `${name} (${fault.mailbox})` : name), cell(`${hits} calls`), cell(left ?? "∞"), cell(off));
  return tr;
}

async function draw() {
  $("armed").replaceChildren(...(await control("GET", "faults")).map(row));
}

async function done(said, work) {
  try {
    await work();
    $("said").textContent = said;
  } catch (error) {
    $("said").textContent = error.message;
  }
  await draw();
}

$("preset").append(...Object.keys(PRESETS).map((name) => new Option(name, name)));
$("new").addEventListener("submit", (event) => {
  event.preventDefault();
  const { preset, times, mailbox } = Object.fromEntries(new FormData(event.target));
  done("Switched on.", async () => {
    const { id } = await control("POST", "faults", { ...PRESETS[preset], times: times ? Number(times) : null, mailbox: mailbox || null });
    names.set(id, preset);
  });
});
$("clear").addEventListener("click", () => done("All faults are switched off.", () => control("DELETE", "faults")));
$("rotate").addEventListener("click", () => done("The vault has a new secret.", () => control("POST", "rotate", { remove_old: true })));
setInterval(draw, 2000);
draw();
