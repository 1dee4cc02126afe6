// Asks for confirmation of destructive actions in a dialog of the page.

const dialog = document.getElementById("confirm");
const question = document.getElementById("confirm-question");
const yes = document.getElementById("confirm-yes");
let confirmedForm = null;

document.body.addEventListener("htmx:confirm", (event) => {
  const { elt: form, issueRequest } = event.detail;
  if (!event.detail.question) return;
  event.preventDefault();
  if (form === confirmedForm) {
    confirmedForm = null;
    issueRequest(true);
    return;
  }
  const button = event.detail.triggeringEvent?.submitter;
  question.textContent = button?.dataset.question ?? event.detail.question;
  yes.textContent = button?.dataset.yes ?? form.dataset.yes;
  dialog.returnValue = "no";
  dialog.addEventListener(
    "close",
    () => {
      const current = currentElement(button);
      if (dialog.returnValue !== "yes") current?.focus();
      else if (form.isConnected) issueRequest(true);
      else submit(current);
    },
    { once: true },
  );
  dialog.showModal();
});

// A live update may have replaced the button meanwhile. The new element has the same ID.
function currentElement(button) {
  return button?.isConnected ? button : document.getElementById(button?.id);
}

function submit(button) {
  confirmedForm = button?.form ?? null;
  confirmedForm?.requestSubmit(button);
}
