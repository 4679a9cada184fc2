// Holds the diagnosis from the first moment of the page. It is no module and stands in the head:
// modules run once all that they import is here, which takes seconds on a slow line, and until then
// the form would take a diagnosis of images that nobody has seen. diagnosis-panel.js, which knows
// when they are painted, takes over. Without scripts the form is a plain one; so it is, with them, if
// what takes over did not come or broke: the page is loaded with all its images then.
(() => {
  const hold = () => {
    for (const button of document.querySelectorAll("#diagnosis button[type=submit]")) {
      button.disabled = true;
      button.setAttribute("aria-describedby", "until-painted");
    }
    const notice = document.getElementById("until-painted");
    if (notice) notice.hidden = false;
  };
  const parsing = new MutationObserver(hold);
  parsing.observe(document, { childList: true, subtree: true });
  const end = () => {
    hold();
    parsing.disconnect();
  };
  document.addEventListener("readystatechange", end, { once: true }); // before any module runs
  window.addEventListener("load", () => {
    const form = document.getElementById("diagnosis");
    if (!form || "scripted" in form.dataset) return;
    for (const button of form.querySelectorAll("button[type=submit]")) {
      button.disabled = false;
      button.removeAttribute("aria-describedby");
    }
    document.getElementById("until-painted")?.remove();
  });
})();
