// A practice case: the panel and the keys of a case, and a plain submit.
import { Panel } from "./diagnosis.js";
import { mountKeys } from "./keys.js";

const { signal } = new AbortController(); // the page is left whole
const form = document.getElementById("diagnosis");

if (form) new Panel(form, { signal, note() {} }).enable(true);
mountKeys(document.body, { signal });
