// What every page does: it says when the connection is lost, and copies what is to be copied.

const banner = document.getElementById("disconnected");

let failures = 0;

function connected(is) {
  failures = is ? 0 : failures;
  banner.hidden = is;
}

// A stream ends after some minutes and is opened again; it is lost when that fails.
document.body.addEventListener("htmx:sseError", () => {
  failures += 1;
  if (failures > 1) connected(false);
});
document.body.addEventListener("htmx:sseOpen", () => connected(true));
document.body.addEventListener("htmx:sendError", () => connected(false));
document.body.addEventListener("htmx:afterOnLoad", () => connected(true));

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const text = document.getElementById(button.dataset.copy).textContent;
  if (!navigator.clipboard) {
    // Not offered over plain HTTP from afar: what is selected can be copied by hand.
    getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
    return;
  }
  await navigator.clipboard.writeText(text.trim());
  const before = button.textContent;
  button.textContent = button.dataset.copied;
  setTimeout(() => (button.textContent = before), 1500);
});
