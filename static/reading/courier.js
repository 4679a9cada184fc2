// Sends what waits in the outbox, and says where the reader's diagnoses are: what it says is
// always true. Runs on every page of a reader.
import { forget, isUnwritten, keep, kept, send } from "./outbox.js";
import { scriptMessage } from "./script-messages.js";

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
    say(scriptMessage("sending"));
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
  const all = await kept();
  const own = all.filter((entry) => entry.owner === line.dataset.owner);
  const unsent = own.filter((entry) => !entry.refused);
  const others = all.filter((entry) => entry.owner !== line.dataset.owner && !entry.refused).length;
  failures = ["waiting", "held"].includes(last?.outcome) ? failures + 1 : 0;
  if (unsent.length) {
    sayWhereabouts(unsent, answers);
  } else if (last?.outcome === "stored") {
    say(scriptMessage("stored", { time: timeOf(last.at) }));
  } else if (others) {
    say(scriptMessage("of-another", { count: others }));
  } else if (last || line.dataset.state === "waiting") {
    say("");
  }
  line.dataset.state = unsent.length ? "waiting" : "at-rest";
  refusals.replaceChildren(...own.filter((entry) => entry.refused).map(refusal));
}

function sayWhereabouts(unsent, answers) {
  const count = unsent.length;
  const isUnsafe = unsent.some(isUnwritten);
  const { outcome } = answers.at(-1) ?? {};
  const held = answers.find((answer) => answer.outcome === "held");
  if (outcome === "signed-out") {
    const state = isUnsafe ? "unwritten" : "signed-out";
    say(scriptMessage(state, { count }), signIn({ elsewhere: isUnsafe }));
  } else {
    const reason = held && outcome !== "waiting" ? held.message : "";
    const safe = reason ? "" : scriptMessage("waiting", { count });
    say(`${reason} ${isUnsafe ? scriptMessage("unwritten") : safe}`.trim());
  }
  if (outcome !== "signed-out" || isUnsafe) {
    timer = setTimeout(look, RETRY_MS[Math.min(failures, RETRY_MS.length) - 1] ?? RETRY_MS[0]);
  }
}

function say(text, ...controls) {
  line.replaceChildren(text, ...controls.flatMap((control) => [" ", control]));
}

const timeOf = (at) => new Date(at).toLocaleTimeString(document.documentElement.lang);

// Elsewhere: in a tab of its own, where what this page alone keeps stays here.
function signIn({ elsewhere = false } = {}) {
  const link = document.createElement("a");
  link.href = `${line.dataset.signIn}?next=${encodeURIComponent(location.pathname)}`;
  link.textContent = scriptMessage("sign-in");
  if (elsewhere) Object.assign(link, { target: "_blank", rel: "noopener" });
  return link;
}

function refusal(entry) {
  const notice = document.createElement("p");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.textContent = scriptMessage("understood");
  button.addEventListener("click", async () => {
    await forget(entry.key);
    notice.remove();
  });
  const values = { time: timeOf(entry.since), reason: entry.refused };
  notice.append(scriptMessage("refused", values), " ", button);
  return notice;
}

// A browser whose database fails is asked again: what it kept may still be there.
function look(token = null) {
  return deliver(token).catch(() => {
    say(scriptMessage("keeps-nothing"));
    timer = setTimeout(look, RETRY_MS.at(-1));
  });
}

for (const sign of ["online", "focus", "pageshow"]) window.addEventListener(sign, () => look());
