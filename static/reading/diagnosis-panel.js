// The diagnosis panel: level 1 opens its branch of level 2; nothing is final before the submit.

// The second click of a double click must not answer the next case, which has its button in the
// same place.
const SETTLING_MS = 600;

export class Panel {
  isOnItsWay = false; // kept in the outbox, not yet answered for
  #enabled = false;
  #keep;

  constructor(form, { signal, note }) {
    this.form = form;
    this.code = form.dataset.code;
    this.note = note;
    this.#keep = form.querySelector("button[name=keep]");
    form.addEventListener("change", (event) => this.#changed(event), { signal });
    form.addEventListener("reset", () => setTimeout(() => this.#cleared()), { signal });
    this.#narrow();
    this.#enable(false);
  }

  get isClosed() {
    return this.form.inert;
  }

  enableOnceSettled() {
    setTimeout(() => this.isClosed || this.#enable(true), SETTLING_MS);
  }

  // After the submit nothing can be changed, whatever the line does.
  close() {
    this.form.inert = true;
    this.form.classList.add("submitted");
    this.#enable(false);
  }

  // The server finds it incomplete, and has stored nothing.
  reopen(message) {
    this.isOnItsWay = false;
    this.form.inert = false;
    this.form.classList.remove("submitted");
    const error = this.form.querySelector("#incomplete");
    error.textContent = message;
    error.hidden = false;
    this.#enable(true);
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

  #enable(enabled) {
    this.#enabled = enabled;
    for (const button of this.form.querySelectorAll("button[type=submit]")) {
      button.disabled = !enabled;
    }
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
