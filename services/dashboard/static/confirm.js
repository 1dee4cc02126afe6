// What changes something for good is asked first, in a dialog of the page, in the page's words.

const dialog = document.getElementById("confirm");
const question = document.getElementById("confirm-question");
const yes = document.getElementById("confirm-yes");

document.body.addEventListener("htmx:confirm", (event) => {
  if (!event.detail.question) return;
  event.preventDefault();
  const button = event.detail.triggeringEvent?.submitter;
  question.textContent = button?.dataset.question ?? event.detail.question;
  yes.textContent = button?.dataset.yes ?? event.detail.elt.dataset.yes;
  dialog.returnValue = "no";
  dialog.addEventListener(
    "close",
    () => {
      if (dialog.returnValue === "yes") event.detail.issueRequest(true);
      else button?.focus();
    },
    { once: true },
  );
  dialog.showModal();
});
