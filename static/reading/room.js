// The case page: the images, the diagnosis, and the way to the next case without a reload. Without
// this module the forms still work, and the server checks everything again.
import { Clock } from "./clock.js";
import { entrust, onDelivery, pendingOf, say } from "./courier.js";
import { Panel } from "./diagnosis.js";
import { Exposure } from "./exposure.js";
import { mountKeys } from "./keys.js";
import { mountOverlay } from "./overlay.js";
import { fetchUpcoming, spare } from "./prefetch.js";
import { mountViewer } from "./viewer.js";
import { word } from "./words.js";

const RETRY_MS = 2000;

let leaving = new AbortController();

function mount() {
  const { signal } = leaving;
  const form = document.getElementById("diagnosis");
  const clock = new Clock(form.dataset.code, { signal });
  const note = (name, detail) => clock.note(name, detail);
  const panes = document.querySelector(".panes");
  const panel = new Panel(form, { signal, note });
  const exposure = new Exposure({ signal });
  mountViewer(panes, { signal, note });
  if (panes.querySelector("canvas.overlay")) {
    mountOverlay(panes, { signal, note, shown: exposure.shown });
  } else if (document.querySelector(".aid")) {
    exposure.shown({ level: 0, opacity: 0, colourMap: "" });
  }
  mountKeys(document.body, { signal });
  form.addEventListener("submit", (event) => submit(event, { panel, clock, exposure }), { signal });
  onDelivery((delivery) => delivered(delivery, { panel, clock }), { signal });
  begin({ panes, panel, clock, signal });
}

async function begin({ panes, panel, clock, signal }) {
  const images = [...panes.querySelectorAll(".pane img")];
  const painted = Promise.all(images.map((image) => image.decode())).then(nextFrame);
  const pending = pendingOf(panel.form.dataset.code).catch(() => null);
  try {
    await painted;
  } catch {
    document.getElementById("image-error").hidden = false;
    return;
  }
  clock.painted();
  if (await pending) {
    panel.close(); // submitted before a reload, and still on its way
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
  if (form.inert) return;
  const said = panel.answer(event.submitter);
  panel.close();
  const body = {
    ...said,
    code: form.dataset.code,
    key: form.elements.key.value,
    trace: { ...clock.told(), exposure: exposure.told() },
  };
  const entry = {
    key: body.key,
    owner: document.getElementById("outbox").dataset.owner,
    code: body.code,
    address: form.dataset.readings,
    body,
    since: Date.now(),
  };
  try {
    await entrust(entry, form.elements.csrfmiddlewaretoken.value);
  } catch {
    submitPlainly(form, event.submitter);
  }
}

// For a browser that keeps nothing: the form goes its own way, as without scripts.
function submitPlainly(form, button) {
  if (button?.name) form.append(Object.assign(document.createElement("input"), {
    type: "hidden", name: button.name, value: button.value,
  }));
  form.submit();
}

async function delivered({ entry, outcome, status, message }, { panel, clock }) {
  if (entry.code !== panel.form.dataset.code || !["stored", "refused"].includes(outcome)) return;
  if (status === 400) {
    panel.reopen(message);
    return;
  }
  clock.forget();
  await goOn();
}

// Fetch the case that is current now and put it in the place of this one.
async function goOn() {
  const response = await fetch(location.pathname, { cache: "no-store" }).catch(() => null);
  if (!response || response.status >= 500) {
    say(word("next-waits"));
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    return goOn();
  }
  const html = response.ok && !response.redirected ? await response.text() : "";
  const page = new DOMParser().parseFromString(html, "text/html");
  if (!page.getElementById("diagnosis")) {
    location.reload(); // another kind of page: the end of a stage, or the sign-in
    return;
  }
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
