// The list of all shortcuts, where each can be given another key.
import { capOf, isReserved, nameOf } from "./keynames.js";

// `changed` is called whenever a key or the switch has changed.
export function mountKeysDialog(root, { signal, bindings, changed }) {
  const dialog = root.querySelector("dialog.keys");
  if (!dialog) return;
  const rows = dialog.querySelector("tbody");
  const said = dialog.querySelector(".said");
  const on = dialog.querySelector("[name=shortcuts-on]");
  let waiting = null; // the element whose key is being changed

  function fill() {
    let group = null;
    rows.replaceChildren();
    for (const [element, names] of bindings.all()) {
      const its = groupOf(element);
      if (its !== group && its) rows.append(heading(its));
      group = its;
      rows.append(row(element, names));
    }
    on.checked = !bindings.isOff;
  }

  function heading(text) {
    const made = dialog.querySelector(".group-row").content.cloneNode(true);
    made.querySelector("th").textContent = text;
    return made;
  }

  function row(element, names) {
    const made = dialog.querySelector(".action-row").content.cloneNode(true);
    made.querySelector("th").textContent = titleOf(element);
    const [keys, change] = [made.querySelector("td"), made.querySelector("button")];
    keys.replaceChildren(...names.flatMap((name) => [cap(name), " "]));
    change.dataset.of = element.dataset.action;
    change.setAttribute("aria-label", `${change.textContent}: ${titleOf(element)}`);
    change.addEventListener("click", () => ask(element), { signal });
    return made;
  }

  function ask(element) {
    refill(element).textContent = dialog.dataset.press;
    waiting = element;
    say(dialog.dataset.pressFor, { action: titleOf(element) });
  }

  // The list anew, with the focus on this element's button, which is returned.
  function refill(element) {
    waiting = null;
    fill();
    const button = rows.querySelector(`[data-of="${element.dataset.action}"]`);
    button.focus();
    return button;
  }

  function take(event) {
    if (!waiting) return;
    const name = nameOf(event);
    const element = waiting;
    if (!name) return;
    if (event.key === "Tab" || event.key === "Escape") {
      if (event.key === "Escape") event.preventDefault();
      refill(element);
      say("");
      return;
    }
    event.preventDefault();
    const other = bindings.find(name);
    const values = { key: capOf(name), action: titleOf(other ?? element) };
    if (isReserved(name) || event.ctrlKey || event.altKey || event.metaKey) {
      say(dialog.dataset.reserved, values);
    } else if (other && other !== element) {
      say(dialog.dataset.taken, values);
    } else {
      bindings.assign(element.dataset.action, name);
      changed();
      refill(element);
      say(dialog.dataset.done, values);
    }
  }

  function say(text, values = {}) {
    said.textContent = text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  }

  function open() {
    waiting = null;
    say("");
    fill();
    dialog.showModal();
  }

  function restore() {
    bindings.reset();
    waiting = null;
    changed();
    fill();
    say(dialog.dataset.restored);
  }

  function turn() {
    bindings.switchOff(!on.checked);
    changed();
  }

  root.querySelector("[data-action=keyboard]")?.addEventListener("click", open, { signal });
  dialog.addEventListener("keydown", take, { signal });
  dialog.addEventListener("cancel", (event) => waiting && event.preventDefault(), { signal });
  dialog.querySelector(".restore").addEventListener("click", restore, { signal });
  dialog.querySelector(".close").addEventListener("click", () => dialog.close(), { signal });
  on.addEventListener("change", turn, { signal });
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
