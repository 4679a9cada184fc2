// Sends what waits in the outbox, and says where the reader's diagnoses are: what it says is
// always true. Runs on every page of a reader.
import { forget, keep, kept, send } from "./outbox.js";
import { word } from "./words.js";

const RETRY_MS = [1000, 2000, 4000, 8000, 15000];

const line = document.getElementById("outbox");
const refusals = document.getElementById("refusals");
const listeners = new Set();
let failures = 0;
let timer = 0;
let underway = null;

// `listener` is called with what the server, or its silence, has answered: [{entry, outcome, …}].
export function onDelivery(listener, { signal }) {
  listeners.add(listener);
  signal.addEventListener("abort", () => listeners.delete(listener));
}

// Send all that waits, oldest first; one sending at a time.
export function deliver(token = null) {
  underway ??= sendAll(token).finally(() => (underway = null));
  return underway;
}

// Send a diagnosis that is kept; a failure of the browser's own is tried again, like any other.
export async function entrust(token) {
  await underway?.catch(() => {});
  await look(token);
}

// The diagnosis of this case that is still on its way.
export async function pendingOf(code) {
  return (await mine()).find((entry) => entry.code === code && !entry.refused);
}

// Beside what the line says already.
export function alsoSay(text) {
  line.querySelector("span")?.remove();
  const also = document.createElement("span");
  also.textContent = ` ${text}`;
  if (text) line.append(also);
}

const mine = async () => (await kept()).filter((entry) => entry.owner === line.dataset.owner);

async function sendAll(token) {
  clearTimeout(timer);
  const answers = [];
  for (const entry of await mine()) {
    if (entry.refused) continue;
    say(word("sending"));
    const wantsNext = isOnScreen(entry);
    const answer = { entry, ...(await send(entry, { token, wantsNext })) };
    answers.push(answer);
    if (answer.outcome === "incomplete" && isOnScreen(entry)) await forget(entry.key);
    else if (["refused", "incomplete"].includes(answer.outcome)) {
      await keep({ ...entry, refused: answer.message });
    }
    if (["waiting", "signed-out"].includes(answer.outcome)) break;
  }
  for (const listener of [...listeners]) listener(answers); // one may add that of the next case
  await report(answers);
}

// Whether its reader sees it here, to complete it or to go on from it.
const isOnScreen = (entry) => document.getElementById("diagnosis")?.dataset.code === entry.code;

async function report(answers) {
  const last = answers.at(-1);
  const held = answers.find((answer) => answer.outcome === "held");
  const all = await kept();
  const own = all.filter((entry) => entry.owner === line.dataset.owner);
  const unsent = own.filter((entry) => !entry.refused).length;
  const others = all.filter((entry) => entry.owner !== line.dataset.owner && !entry.refused).length;
  failures = ["waiting", "held"].includes(last?.outcome) ? failures + 1 : 0;
  if (unsent && last?.outcome === "signed-out") {
    say(word("signed-out", { count: unsent }), signIn());
  } else if (unsent) {
    say(held && last.outcome !== "waiting" ? held.message : word("waiting", { count: unsent }));
    timer = setTimeout(look, RETRY_MS[Math.min(failures, RETRY_MS.length) - 1] ?? RETRY_MS[0]);
  } else if (last?.outcome === "stored") {
    say(word("stored", { time: timeOf(last.at) }));
  } else if (others) {
    say(word("of-another", { count: others }));
  } else if (last || line.dataset.state === "waiting") {
    say("");
  }
  line.dataset.state = unsent ? "waiting" : "at-rest";
  refusals.replaceChildren(...own.filter((entry) => entry.refused).map(refusal));
}

function say(text, ...controls) {
  line.replaceChildren(text, ...controls.flatMap((control) => [" ", control]));
}

const timeOf = (at) => new Date(at).toLocaleTimeString(document.documentElement.lang);

function signIn() {
  const link = document.createElement("a");
  link.href = `${line.dataset.signIn}?next=${encodeURIComponent(location.pathname)}`;
  link.textContent = word("sign-in");
  return link;
}

function refusal(entry) {
  const told = document.createElement("p");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.textContent = word("understood");
  button.addEventListener("click", async () => {
    await forget(entry.key);
    told.remove();
  });
  told.append(word("refused", { time: timeOf(entry.since), reason: entry.refused }), " ", button);
  return told;
}

// A browser whose database fails is asked again: what it kept may still be there.
function look(token = null) {
  return deliver(token).catch(() => {
    say(word("keeps-nothing"));
    timer = setTimeout(look, RETRY_MS.at(-1));
  });
}

for (const sign of ["online", "focus", "pageshow"]) window.addEventListener(sign, () => look());
