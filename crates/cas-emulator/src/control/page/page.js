"use strict";
// Shows what the control interface tells, and passes on what a person asks for. It builds every
// element by name: nothing from a certificate or a request is ever read as HTML.

const byId = (id) => document.getElementById(id);

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// With --control-token, the address of the page ends with #token=TOKEN. Browsers do not send that.
const token = decodeURIComponent(location.hash.startsWith("#token=") ? location.hash.slice(7) : "");

async function ask(method, path, body) {
  return (await respond(method, path, body)).answer;
}

// The answer, and how many there are if it is a part of a list.
async function respond(method, path, body) {
  const response = await fetch("/_emulator/" + path, {
    method,
    headers: token === "" ? {} : { authorization: `Bearer ${token}` },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error ?? `HTTP status ${response.status}`);
  return { answer, total: Number(response.headers.get("x-total-count")) };
}

// Tables keep their labels for narrow screens, where the head of the table is out of sight.
function row(table, cells) {
  const labels = [...table.closest("table").querySelectorAll("th")].map((th) => th.textContent);
  return element("tr", {}, ...cells.map((cell, index) => {
    const td = element("td", { "data-label": labels[index] });
    td.append(cell);
    return td;
  }));
}

// Replaces the rows. What has the focus keeps it.
function fill(table, rows, none) {
  const focused = table.contains(document.activeElement) ? document.activeElement.id : "";
  const columns = table.closest("table").querySelectorAll("th").length;
  const empty = element("tr", {}, element("td", { class: "empty", colspan: columns }, none));
  table.replaceChildren(...(rows.length > 0 ? rows : [empty]));
  if (focused !== "") byId(focused)?.focus();
}

const code = (text) => element("span", { class: "code" }, text);

// --- Certificates ---

const SHOWN = 200;
const DAY = 24 * 60 * 60 * 1000;
// The newest certificates that match the search, how many match, and how many there are.
let found = { answer: [], total: 0, stored: 0 };
let now = new Date();

function daysLeft(certificate) {
  const days = Math.floor((new Date(certificate.not_after) - now) / DAY);
  if (days < 0) return element("span", { class: "bad" }, `expired ${-days} days ago`);
  return element("span", { class: days < 30 ? "bad" : "good" }, String(days));
}

const wanted = () => byId("search").value.trim();

async function askCertificates() {
  const query = `fields=summary&order=newest&limit=${SHOWN}`;
  const search = wanted();
  const [matching, all] = await Promise.all([
    respond("GET", `certificates?${query}&search=${encodeURIComponent(search)}`),
    respond("GET", "certificates?limit=0"),
  ]);
  return { ...matching, stored: all.total, search };
}

function showCertificates() {
  const rows = found.answer.map((certificate) => row(byId("certificates-rows"), [
    code(String(certificate.cert_id)), certificate.name, certificate.common_name,
    certificate.sans.join(", "), daysLeft(certificate),
    element("span", { class: "code", title: certificate.sha256 },
      certificate.sha256.slice(0, 16) + "…"),
  ]));
  const none = found.search ? "No certificate matches." : "No certificate is stored.";
  fill(byId("certificates-rows"), rows, none);
  const more = found.total > SHOWN ? `, the newest ${SHOWN} shown` : "";
  byId("certificates-count").textContent = `${found.total} of ${found.stored}${more}`;
}

// --- Requests ---

let requests = [];

// Asks for those that are new, and forgets those that the emulator has forgotten. Returns whether
// anything has changed. Of two that ask at once, one changes nothing.
async function askRequests() {
  const last = requests.at(-1)?.request_id ?? "";
  const { answer, total } = await respond("GET", `requests?after=${last}`);
  if (last !== (requests.at(-1)?.request_id ?? "")) return false;
  const all = [...requests, ...answer];
  const differs = answer.length > 0 || total !== requests.length;
  requests = all.slice(Math.max(all.length - total, 0));
  return differs;
}

const nameOf = (request) => {
  const value = request.parameters.Name?.value;
  return typeof value === "string" ? value : "";
};

function result(request) {
  if (request.code !== null) return element("span", { class: "bad" }, request.code);
  return element("span", { class: "good" }, "success");
}

function showRequests() {
  const [action, wanted] = [byId("filter-action").value, byId("filter-result").value];
  const name = byId("filter-name").value.trim().toLowerCase();
  const found = requests.filter((request) =>
    (action === "" || request.action === action)
    && (wanted === "" || (request.code === null) === (wanted === "ok"))
    && nameOf(request).toLowerCase().includes(name));
  const rows = found.slice(-SHOWN).reverse().map((request) => {
    const title = request.signature_mismatch ? "Signature" : "Details";
    const button = element("button", {
      type: "button", id: "request-" + request.request_id,
      "aria-label": `${title} of ${request.action ?? "the request"} at ${request.time}`,
    }, title);
    button.addEventListener("click", () => showDetails(request, button));
    return row(byId("requests-rows"), [
      code(request.time.slice(11, 23)), request.action ?? "", request.version ?? "",
      nameOf(request), String(request.status ?? "none"), result(request), request.fault ?? "",
      button,
    ]);
  });
  fill(byId("requests-rows"), rows, requests.length > 0 ? "No request matches." : "No request yet.");
  byId("requests-count").textContent = `${found.length} of ${requests.length}`;
  const known = [...byId("filter-action").options].map((option) => option.value);
  for (const other of new Set(requests.map((request) => request.action ?? ""))) {
    if (!known.includes(other)) byId("filter-action").append(element("option", {}, other));
  }
}

// The button that opened the details.
let opener = "";

function showDetails(request, button) {
  opener = button.id;
  byId("details-title").textContent = `${request.action ?? "Request"}, ${request.time}`;
  const list = element("dl");
  const add = (name, value) => list.append(element("dt", {}, name), element("dd", {}, value));
  add("RequestId", code(request.request_id));
  add("Connection", String(request.connection));
  add("Signature", request.signature ?? "none");
  for (const [name, { in: places, value }] of Object.entries(request.parameters)) {
    const text = typeof value === "string" ? value : `sha256:${value.sha256.slice(0, 16)}…`;
    const shown = text.startsWith("-----BEGIN ") ? text.split("\n")[0] + " …" : text;
    add(name, code(`${shown} (${places.join(", ")})`));
  }
  const parts = [list];
  if (request.signature_mismatch) parts.unshift(signature(request.signature_mismatch));
  byId("details-body").replaceChildren(...parts);
  byId("details").hidden = false;
  byId("details-title").focus();
}

// The two strings to sign, with the first difference marked.
function signature({ expected, signed, mistakes }) {
  const box = element("div", { class: "mismatch" });
  const sentences = mistakes.length > 0 ? mistakes : [
    "The emulator does not know what the client signed: most likely with another secret, or "
    + "something changed the request on its way.",
  ];
  box.append(element("p", {}, sentences.join(" ")));
  let at = 0;
  while (signed !== null && at < expected.length && expected[at] === signed[at]) at += 1;
  const side = (title, text) => {
    const id = "side-" + title.replaceAll(" ", "-").toLowerCase();
    const pre = element("pre", { tabindex: "0", "aria-labelledby": id });
    if (text === null) {
      pre.append("not known");
    } else if (signed === null) {
      pre.append(text);
    } else {
      pre.append(text.slice(0, at), element("mark", {}, text.slice(at, at + 1) || "(end)"),
        text.slice(at + 1));
    }
    return element("div", {}, element("h4", { id }, title), pre);
  };
  box.append(element("div", { class: "sides" },
    side("The emulator expects", expected), side("The client signed", signed)));
  return box;
}

function closeDetails() {
  byId("details").hidden = true;
  (byId(opener) ?? byId("requests-title")).focus();
}

// --- Faults ---

function showFaults(faults) {
  byId("faults-rows").replaceChildren(...faults.map((fault) => {
    const { kind, action = "*", left, ...others } = fault;
    const rest = Object.entries(others).filter(([name]) => name !== "times")
      .map(([name, value]) => `, ${name} ${typeof value === "object" ? JSON.stringify(value) : value}`);
    const calls = left === null ? "all calls" : left === 1 ? "1 more call" : `${left} more calls`;
    return element("li", {}, code(kind), ` on ${action}: ${calls}${rest.join("")}`);
  }));
  if (faults.length === 0) byId("faults-rows").replaceChildren(element("li", {}, "None."));
}

function faultOfForm() {
  const kind = byId("fault-kind").value;
  const number = (id) => Number(byId(id).value);
  const fault = { kind, action: byId("fault-action").value.trim() || "*" };
  fault.times = number("fault-times");
  if (number("fault-skip") > 0) fault.skip = number("fault-skip");
  if (["delay", "delay-after", "lag"].includes(kind)) fault.ms = number("fault-ms");
  if (kind === "error") {
    fault.status = number("fault-status");
    fault.code = byId("fault-code").value.trim();
  }
  return fault;
}

function showFaultFields() {
  const kind = byId("fault-kind").value;
  byId("fault-ms-label").hidden = !["delay", "delay-after", "lag"].includes(kind);
  byId("fault-status-label").hidden = byId("fault-code-label").hidden = kind !== "error";
}

// --- The page ---

// Runs an action of the person, shows its effect, and says in `message` why it failed.
async function act(message, action) {
  byId(message).textContent = "";
  try {
    await action();
    await refresh();
  } catch (error) {
    byId(message).textContent = error.message;
  }
}

const shown = {};

function changed(what, value) {
  const text = JSON.stringify(value);
  const differs = shown[what] !== text;
  shown[what] = text;
  return differs;
}

async function refresh() {
  try {
    const [stored, hasNewRequests, faults, clock] = await Promise.all([
      askCertificates(), askRequests(), ask("GET", "faults"), ask("GET", "clock"),
    ]);
    now = new Date(clock.now);
    byId("now").textContent = clock.now;
    byId("now").dateTime = clock.now;
    // Rows that do not change stay, so that a screen reader and a selection stay where they are.
    const today = clock.now.slice(0, 10);
    // What was typed meanwhile is asked for by itself.
    if (stored.search === wanted() && changed("certificates", [today, stored])) {
      found = stored;
      showCertificates();
    }
    if (hasNewRequests) showRequests();
    if (changed("faults", faults)) showFaults(faults);
    const plural = (count, what) => `${count} ${what}${count === 1 ? "" : "s"}`;
    byId("summary").textContent =
      `${plural(found.stored, "certificate")}, ${plural(requests.length, "request")}`;
  } catch (error) {
    byId("summary").textContent = `The emulator does not respond: ${error.message}.`;
  }
}

async function poll() {
  if (byId("live").checked && !document.hidden) await refresh();
  setTimeout(poll, 1000);
}

async function setClock(time) {
  await act("clock-message", () => ask("PUT", "clock", { now: time }));
}

byId("search").addEventListener("input", refresh);
for (const id of ["filter-action", "filter-result", "filter-name"]) {
  byId(id).addEventListener("input", showRequests);
}
byId("close-details").addEventListener("click", closeDetails);
byId("details").addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeDetails();
});
byId("clear-requests").addEventListener("click", async () => {
  await ask("DELETE", "requests");
  await refresh();
});
byId("fault-kind").addEventListener("input", showFaultFields);
byId("add-fault").addEventListener("submit", (event) => {
  event.preventDefault();
  act("faults-message", () => ask("POST", "faults", faultOfForm()));
});
byId("clear-faults").addEventListener("click", () =>
  act("faults-message", () => ask("DELETE", "faults")));
byId("set-clock").addEventListener("submit", (event) => {
  event.preventDefault();
  setClock(byId("clock-time").value.trim());
});
byId("real-clock").addEventListener("click", () => setClock(null));
for (const button of document.querySelectorAll("[data-days]")) {
  button.addEventListener("click", () => {
    const later = new Date(now.getTime() + Number(button.dataset.days) * DAY);
    setClock(later.toISOString().slice(0, 19) + "Z");
  });
}
showFaultFields();
poll();
