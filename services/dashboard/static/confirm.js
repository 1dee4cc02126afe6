// What changes something for good is asked first, in a dialog of the page, in the page's words.

const dialog = document.getElementById("confirm");
const question = document.getElementById("confirm-question");
const yes = document.getElementById("confirm-yes");
let answered = null;

document.body.addEventListener("htmx:confirm", (event) => {
  const { elt: form, issueRequest } = event.detail;
  if (!event.detail.question) return;
  event.preventDefault();
  if (form === answered) {
    answered = null;
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
      const shown = asItIsNow(button);
      if (dialog.returnValue !== "yes") shown?.focus();
      else if (form.isConnected) issueRequest(true);
      else submit(shown);
    },
    { once: true },
  );
  dialog.showModal();
});

// What is live may have been drawn anew meanwhile: the same button is another element then.
function asItIsNow(button) {
  return button?.isConnected ? button : document.getElementById(button?.id);
}

function submit(button) {
  answered = button?.form ?? null;
  answered?.requestSubmit(button);
}
