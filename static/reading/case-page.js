// The case page: the images, the diagnosis, and the way to the next case without a reload. Without
// this module the forms still work, and the server checks everything again.
import { Clock } from "./clock.js";
import { alsoSay, entrust, onDelivery, pendingOf } from "./courier.js";
import { Panel } from "./diagnosis-panel.js";
import { Exposure } from "./ai-exposure.js";
import { mountKeys } from "./keys.js";
import { ask, keep } from "./outbox.js";
import { mountOverlay } from "./heatmap-controls.js";
import { decoded } from "./image-retries.js";
import { fetchUpcoming, spare } from "./prefetch.js";
import { mountViewer } from "./viewer.js";
import { scriptMessage } from "./script-messages.js";

const RETRY_MS = 2000;

let leaving = new AbortController();
let going = null;

function mount() {
  const { signal } = leaving;
  const form = document.getElementById("diagnosis");
  const clock = new Clock(form.dataset.code, { signal });
  const exposure = new Exposure(form.dataset.code, { signal });
  const note = (name, detail) => clock.note(name, detail);
  const panes = document.querySelector(".panes");
  const panel = new Panel(form, { signal, note });
  mountViewer(panes, { signal, note });
  if (panes.querySelector("canvas.overlay")) {
    mountOverlay(panes, { signal, note, shown: exposure.shown });
  } else if (document.querySelector(".aid")) {
    exposure.shown({ level: 0, opacity: 0, colourMap: "" });
  }
  mountKeys(document.body, { signal });
  form.addEventListener("submit", (event) => submit(event, { panel, clock, exposure }), { signal });
  onDelivery((answers) => delivered(answers, { panel, clock, exposure }), { signal });
  form.dataset.scripted = ""; // hold-diagnosis.js leaves it to this module
  begin({ panes, panel, clock, signal });
}

async function begin({ panes, panel, clock, signal }) {
  const images = [...panes.querySelectorAll(".pane img")];
  const waits = panes.querySelector("#image-waits");
  const onWait = () => (waits.hidden = signal.aborted);
  const painted = Promise.all(images.map((image) => decoded(image, { signal, onWait })))
    .then(nextFrame)
    .finally(() => (waits.hidden = true));
  const findPending = () => pendingOf(panel.code).catch(() => null);
  const pending = findPending();
  try {
    await painted;
  } catch {
    panel.endWait({ painted: false });
    panes.querySelector("#image-error").hidden = false;
    return;
  }
  if (signal.aborted) return;
  panel.endWait({ painted: true });
  clock.painted();
  if ((await pending) && (await findPending())) {
    panel.close(); // submitted before a reload, or in another tab, and still on its way
    panel.isOnItsWay = true;
    return;
  }
  panel.enableOnceSettled();
  fetchUpcoming(panel.form.dataset.upcoming, { signal });
}

const nextFrame = () =>
  new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));

async function submit(event, { panel, clock, exposure }) {
  const { form } = panel;
  event.preventDefault();
  if (!panel.isEnabled) return;
  const said = panel.answer(event.submitter);
  panel.close();
  const body = {
    ...said,
    code: panel.code,
    key: form.elements.key.value,
    trace: { ...clock.report(), exposure: exposure.report() },
  };
  const entry = {
    key: body.key,
    owner: document.getElementById("outbox").dataset.owner,
    code: panel.code,
    address: form.dataset.readings,
    body,
    since: Date.now(),
  };
  await keep(entry);
  panel.isOnItsWay = true;
  await entrust(form.elements.csrfmiddlewaretoken.value);
}

// Once this case's diagnosis is no longer on its way, whichever tab sent it, this case is over.
async function delivered(answers, { panel, clock, exposure }) {
  const answer = answers.find(({ entry }) => entry.code === panel.code);
  if (answer?.outcome === "incomplete") {
    panel.reopen(answer.message);
    return;
  }
  const isSettled = ["stored", "refused"].includes(answer?.outcome);
  if (isSettled || (panel.isOnItsWay && !(await pendingOf(panel.code)))) {
    clock.forget();
    exposure.forget();
    going ??= goOn(panel.form.dataset.current, answer?.next).finally(() => (going = null));
  }
}

// Put the case that is current now in the place of this one: the page that came with the answer
// to the submit, or one that is fetched.
async function goOn(address, page = null) {
  if (page) {
    show(parsed(page));
    return;
  }
  const { response, status, body } = await ask(address, (response) => response.text()).catch(
    () => ({ status: 500 }),
  );
  if (status >= 500) {
    alsoSay(scriptMessage("next-waits"));
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    return goOn(address);
  }
  alsoSay("");
  const found = parsed(body);
  if (response.redirected || !response.ok || !found.getElementById("diagnosis")) {
    location.assign(address); // another kind of page: the end of a stage, or the sign-in
    return;
  }
  show(found);
}

const parsed = (page) => new DOMParser().parseFromString(page, "text/html");

function show(page) {
  leaving.abort();
  leaving = new AbortController();
  const putImages = spare(page);
  document.title = page.title;
  for (const part of [".where", "main"]) {
    document.querySelector(part).replaceWith(page.querySelector(part));
  }
  putImages();
  window.scrollTo(0, 0);
  mount();
}

// A page that the browser brings back from its memory must be true again.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) window.location.reload();
});
mount();
