// The list of all shortcuts, where each can be given another key.
import { capOf, isReserved, nameOf } from "./key-names.js";

// `changed` is called whenever a key or the switch has changed.
export function mountKeysDialog(root, { signal, bindings, changed }) {
  const element = root.querySelector("dialog.keys");
  if (!element) return;
  const dialog = new KeysDialog(element, { bindings, changed });
  const on = (target, name, listener) => target?.addEventListener(name, listener, { signal });
  on(root.querySelector("[data-action=keyboard]"), "click", () => dialog.open());
  on(element, "keydown", (event) => dialog.take(event));
  on(element, "click", (event) => dialog.ask(event.target.dataset.of));
  on(element, "cancel", (event) => dialog.isWaiting && event.preventDefault());
  on(element.querySelector(".restore"), "click", () => dialog.restore());
  on(element.querySelector(".close"), "click", () => element.close());
  on(element.querySelector("[name=shortcuts-on]"), "change", () => dialog.turn());
}

class KeysDialog {
  #dialog;
  #bindings;
  #changed;
  #rows;
  #switch;
  #waiting = null; // the element whose key is being changed

  constructor(dialog, { bindings, changed }) {
    this.#dialog = dialog;
    this.#bindings = bindings;
    this.#changed = changed;
    this.#rows = dialog.querySelector("tbody");
    this.#switch = dialog.querySelector("[name=shortcuts-on]");
  }

  get isWaiting() {
    return this.#waiting !== null;
  }

  open() {
    this.#say("");
    this.#fill();
    this.#dialog.showModal();
  }

  // For the new key of this action, if it is one.
  ask(action) {
    const element = this.#bindings.all().find(([each]) => each.dataset.action === action)?.[0];
    if (!element) return;
    this.#refill(element).textContent = this.#dialog.dataset.press;
    this.#waiting = element;
    this.#say(this.#dialog.dataset.pressFor, { action: titleOf(element) });
  }

  // The key that was asked for.
  take(event) {
    const name = nameOf(event);
    const element = this.#waiting;
    if (!element || !name) return;
    if (event.key !== "Tab") event.preventDefault();
    if (event.key === "Tab" || event.key === "Escape") {
      this.#refill(element);
      this.#say("");
      return;
    }
    const { reserved, keptFor, taken, done } = this.#dialog.dataset;
    const other = this.#bindings.find(name);
    const values = { key: capOf(name), action: titleOf(other ?? element) };
    if (isReserved(name) || event.ctrlKey || event.altKey || event.metaKey) {
      this.#say(reserved, values);
    } else if (this.#bindings.isKeptFrom(element, name)) {
      this.#say(keptFor, values);
    } else if (other && other !== element) {
      this.#say(taken, values);
    } else {
      this.#bindings.assign(element.dataset.action, name);
      this.#changed();
      this.#refill(element);
      this.#say(done, values);
    }
  }

  restore() {
    this.#bindings.reset();
    this.#changed();
    this.#fill();
    this.#say(this.#dialog.dataset.restored);
  }

  turn() {
    this.#bindings.switchOff(!this.#switch.checked);
    this.#changed();
  }

  #fill() {
    this.#waiting = null;
    this.#rows.replaceChildren();
    this.#switch.checked = !this.#bindings.isOff;
    let group = "";
    for (const [element, names] of this.#bindings.all()) {
      const its = groupOf(element);
      if (its && its !== group) this.#rows.append(this.#heading(its));
      group = its;
      this.#rows.append(this.#row(element, names));
    }
  }

  // The list anew, with the focus on this element's button, which is returned.
  #refill(element) {
    this.#fill();
    const button = this.#rows.querySelector(`[data-of="${element.dataset.action}"]`);
    button.focus();
    return button;
  }

  #heading(text) {
    const made = this.#dialog.querySelector(".group-row").content.cloneNode(true);
    made.querySelector("th").textContent = text;
    return made;
  }

  #row(element, names) {
    const made = this.#dialog.querySelector(".action-row").content.cloneNode(true);
    const change = made.querySelector("button");
    made.querySelector("th").textContent = titleOf(element);
    made.querySelector("td").replaceChildren(...names.flatMap((name) => [cap(name), " "]));
    change.dataset.of = element.dataset.action;
    change.setAttribute("aria-label", `${change.textContent}: ${titleOf(element)}`);
    return made;
  }

  #say(text, values = {}) {
    const said = text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
    this.#dialog.querySelector(".said").textContent = said;
  }
}

function cap(name) {
  const made = document.createElement("kbd");
  made.textContent = capOf(name);
  return made;
}

const textOf = (element) => {
  const copy = element.cloneNode(true);
  copy.querySelectorAll("kbd, input, select").forEach((each) => each.remove());
  return copy.textContent.trim().replace(/\s+/g, " ");
};

// What a control is called on the page.
function titleOf(element) {
  const label = element.getAttribute("aria-label");
  return label ?? textOf(element.closest("label") ?? element);
}

function groupOf(element) {
  const group = element.closest("fieldset, [role=group][aria-label], [role=toolbar][aria-label]");
  if (!group) return "";
  return group.getAttribute("aria-label") ?? textOf(group.querySelector("legend"));
}
