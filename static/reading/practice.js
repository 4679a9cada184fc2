// A practice case: the viewer, the panel and the keys of a case, and a plain submit.
import { Panel } from "./diagnosis-panel.js";
import { mountKeys } from "./keys.js";
import { mountViewer } from "./viewer.js";

const { signal } = new AbortController(); // the page is never taken apart
const note = () => {}; // nobody times practice
const form = document.getElementById("diagnosis");

if (form) new Panel(form, { signal, note }).enableOnceSettled();
mountViewer(document.querySelector(".panes"), { signal, note });
mountKeys(document.body, { signal });
