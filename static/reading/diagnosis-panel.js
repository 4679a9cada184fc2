// The diagnosis panel: level 1 opens its branch of level 2; nothing is final before the submit.

// The second click of a double click must not answer the next case, which has its button in the
// same place.
const SETTLING_MS = 600;
// Images that were fetched ahead are painted sooner than this: nothing flashes up for them.
const TELL_AFTER_MS = 400;

export class Panel {
  isOnItsWay = false; // kept in the outbox, not yet answered for
  #enabled = false;
  #arePainted = false; // the images
  #buttons;
  #keep;
  #notice;

  constructor(form, { signal, note }) {
    this.form = form;
    this.code = form.dataset.code;
    this.note = note;
    this.#buttons = form.querySelectorAll("button[type=submit]");
    this.#keep = form.querySelector("button[name=keep]");
    this.#notice = form.querySelector("#until-painted"); // practice has none
    form.addEventListener("change", (event) => this.#changed(event), { signal });
    form.addEventListener("reset", () => setTimeout(() => this.#cleared()), { signal });
    this.#narrow();
    this.#enable(false);
    this.#beginWait();
  }

  get isClosed() {
    return this.form.inert;
  }

  // Whether a submit is taken now.
  get isEnabled() {
    return this.#enabled;
  }

  enableOnceSettled() {
    setTimeout(() => this.isClosed || this.#enable(true), SETTLING_MS);
  }

  // The images are painted, or finally can't be, which the page says: they are not on their way.
  endWait({ painted }) {
    this.#arePainted = painted;
    this.#notice.remove();
    for (const button of this.#buttons) button.removeAttribute("aria-describedby");
  }

  // After the submit nothing can be changed, whatever the line does.
  close() {
    this.form.inert = true;
    this.form.classList.add("submitted");
    this.#enable(false);
  }

  // The server finds it incomplete, and has stored nothing. It may have been sent before a reload.
  reopen(message) {
    this.isOnItsWay = false;
    this.form.inert = false;
    this.form.classList.remove("submitted");
    const error = this.form.querySelector("#incomplete");
    error.textContent = message;
    error.hidden = false;
    this.#enable(this.#arePainted);
  }

  // What was said, as the API takes it. `button` is the one that submitted.
  answer(button) {
    const said = Object.fromEntries(new FormData(this.form));
    const kept = button?.name === "keep" ? button.dataset : said;
    const number = (text) => (text ? Number(text) : null);
    return {
      malignancy: kept.malignancy ?? "",
      etiology: kept.etiology ?? "",
      confidence: number(said.confidence),
      quality_problem: said.quality_problem ?? "",
      quality_note: said.quality_note ?? "",
      trust: number(said.trust),
      usefulness: number(said.usefulness),
    };
  }

  // Say why the buttons are disabled, beside them and to those who listen.
  #beginWait() {
    if (!this.#notice) return;
    for (const button of this.#buttons) button.setAttribute("aria-describedby", this.#notice.id);
    setTimeout(() => (this.#notice.hidden = false), TELL_AFTER_MS);
  }

  #enable(enabled) {
    this.#enabled = enabled;
    for (const button of this.#buttons) button.disabled = !enabled;
    this.#guardKeep();
  }

  // "Keep" is not for somebody who has chosen otherwise: clear the choice first.
  #guardKeep() {
    const isChosen = this.form.querySelector("input[name=malignancy]:checked") !== null;
    if (this.#keep) this.#keep.disabled = !this.#enabled || isChosen;
  }

  #narrow() {
    const chosen = this.form.querySelector("input[name=malignancy]:checked")?.value;
    for (const group of this.form.querySelectorAll("[data-branch]")) {
      const open = group.dataset.branch === chosen;
      for (const input of group.querySelectorAll("input")) {
        input.disabled = !open;
        if (!open) input.checked = false;
      }
    }
    this.#guardKeep();
  }

  #changed({ target }) {
    this.note("choose", `${target.name} ${target.type === "text" ? "" : target.value}`.trim());
    if (target.name === "malignancy") this.#narrow();
  }

  #cleared() {
    this.note("clear");
    this.#narrow();
  }
}
