// Sends what waits in the outbox, and says where the reader's diagnoses are: the line that it
// writes is always true. Runs on every page of a reader.
import { forget, keep, send, waiting } from "./outbox.js";
import { word } from "./words.js";

const RETRY_MS = [1000, 2000, 4000, 8000, 15000];

const line = document.getElementById("outbox");
const listeners = new Set();
let failures = 0;
let timer = 0;
let underway = null;

// Called with ({entry, outcome, message}) whenever the server, or its silence, has answered.
export function onDelivery(listener, { signal }) {
  listeners.add(listener);
  signal.addEventListener("abort", () => listeners.delete(listener));
}

// Send all that waits, oldest first; one sending at a time.
export function deliver(token = null) {
  underway ??= sendAll(token).finally(() => (underway = null));
  return underway;
}

// Keep a diagnosis and send it. Throws where the browser can't keep anything.
export async function entrust(entry, token) {
  await keep(entry);
  await underway;
  await deliver(token);
}

export async function pendingOf(code) {
  const entries = await mine();
  return entries.find((entry) => entry.code === code && !entry.refused);
}

async function mine() {
  return (await waiting()).filter((entry) => entry.owner === line.dataset.owner);
}

async function sendAll(token) {
  clearTimeout(timer);
  const answers = [];
  for (const entry of await mine()) {
    if (entry.refused) continue;
    say(word("sending"));
    const answer = { entry, ...(await send(entry, token)) };
    answers.push(answer);
    if (answer.outcome === "refused" && answer.status !== 400) {
      await keep({ ...entry, refused: answer.message || word("no") });
    }
    if (["waiting", "signed-out"].includes(answer.outcome)) break;
  }
  await report(answers.at(-1));
  for (const answer of answers) for (const listener of listeners) listener(answer);
}

async function report(last) {
  const all = await waiting();
  const own = all.filter((entry) => entry.owner === line.dataset.owner);
  const refused = own.filter((entry) => entry.refused);
  const unsent = own.length - refused.length;
  failures = last?.outcome === "waiting" ? failures + 1 : 0;
  if (refused.length) {
    say(word("refused", { reason: refused[0].refused }), understood(refused[0].key));
  } else if (unsent && last?.outcome === "signed-out") {
    say(word("signed-out", { count: unsent }), signIn());
  } else if (unsent) {
    say(word("waiting", { count: unsent }));
    timer = setTimeout(deliver, RETRY_MS[Math.min(failures, RETRY_MS.length) - 1] ?? RETRY_MS[0]);
  } else if (all.length > own.length) {
    say(word("of-another", { count: all.length - own.length }));
  } else if (last?.outcome === "stored") {
    say(word("stored", { time: new Date().toLocaleTimeString(document.documentElement.lang) }));
  }
  line.dataset.state = refused.length ? "refused" : unsent ? "waiting" : "stored";
}

export function say(text, ...controls) {
  line.replaceChildren(text, ...controls.flatMap((control) => [" ", control]));
}

function signIn() {
  const link = document.createElement("a");
  link.href = `${line.dataset.signIn}?next=${encodeURIComponent(location.pathname)}`;
  link.textContent = word("sign-in");
  return link;
}

function understood(key) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.textContent = word("understood");
  button.addEventListener("click", async () => {
    await forget(key);
    await report();
    if (line.dataset.state === "stored") say("");
  });
  return button;
}

for (const sign of ["online", "focus"]) window.addEventListener(sign, () => deliver());
window.addEventListener("pageshow", () => deliver().catch(() => say(word("keeps-nothing"))));
