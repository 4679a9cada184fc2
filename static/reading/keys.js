// Single-key shortcuts for what is on the page: a key clicks its button, radio or link. Off while
// somebody types, and off altogether for who wishes so.
import { Bindings } from "./bindings.js";
import { mountKeysDialog } from "./key-bindings-dialog.js";
import { capOf, nameOf } from "./key-names.js";

const TYPED_IN = "select, textarea, [contenteditable], input:not([type=radio], [type=checkbox], " +
  "[type=range], [type=button], [type=submit], [type=reset])";
const ARROWS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];

export function mountKeys(root, { signal }) {
  const bindings = new Bindings(root);
  const held = new Map();
  let pointed = false; // the focus came by a click: the control under it was not gone to by key

  const refresh = () => showHints(bindings);

  function press(event) {
    if (event.key === "Tab") pointed = false;
    const name = nameOf(event);
    if (bindings.isOff || !name || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
    if (isKeptBy(event.target, name, { pointed })) return;
    const element = bindings.find(name);
    if (!element) return;
    event.preventDefault();
    if (!isAtHand(element) || (event.repeat && !("repeat" in element.dataset))) return;
    if ("hold" in element.dataset) {
      held.set(event.code, element);
      element.dispatchEvent(new CustomEvent("holdstart"));
    } else {
      use(element);
    }
  }

  function release({ code }) {
    held.get(code)?.dispatchEvent(new CustomEvent("holdend"));
    held.delete(code);
  }

  const releaseAll = () => [...held.keys()].forEach((code) => release({ code }));

  document.addEventListener("keydown", press, { signal });
  document.addEventListener("keyup", release, { signal });
  document.addEventListener("pointerdown", () => (pointed = true), { signal, capture: true });
  window.addEventListener("blur", releaseAll, { signal });
  signal.addEventListener("abort", releaseAll);
  mountKeysDialog(root, { signal, bindings, changed: refresh });
  refresh();
}

// Whether the control that has the focus makes something of this key by itself.
function isKeptBy(target, name, { pointed }) {
  if (target.matches(TYPED_IN)) return true;
  if (name === "Enter") return target.matches("a[href], button, summary");
  if (name === "Space" && target.matches("button, summary")) return true;
  if (name === "Space") return target.matches("input") && !pointed;
  if (target.matches("input[type=range]")) return [...ARROWS, "Home", "End"].includes(name);
  return target.matches("input[type=radio]") && !pointed && ARROWS.includes(name);
}

function isAtHand(element) {
  return !element.matches(":disabled") && !element.closest("[hidden], [inert]");
}

function use(element) {
  if (element.matches(TYPED_IN)) element.focus();
  else element.click();
}

// Each control bears its first key; those who listen are told all of them.
function showHints(bindings) {
  for (const [element, names] of bindings.all()) {
    const place = element.matches("input, select") ? element.closest("label") : element;
    place?.querySelector(":scope > kbd.hint")?.remove();
    const isCalledSo = names.length && element.textContent.trim() === capOf(names[0]);
    if (bindings.isOff || !names.length) {
      element.removeAttribute("aria-keyshortcuts");
      continue;
    }
    const spoken = names.map((name) => (name === "+" ? "Plus" : name)); // ARIA joins keys by "+"
    element.setAttribute("aria-keyshortcuts", spoken.join(" "));
    if (isCalledSo) continue; // "+" needs no hint
    const hint = document.createElement("kbd");
    hint.className = "hint";
    hint.setAttribute("aria-hidden", "true");
    hint.textContent = capOf(names[0]);
    place?.append(" ", hint);
  }
}
