// On every page: shows when the connection is lost, and handles the buttons that copy text.

const banner = document.getElementById("disconnected");

let failures = 0;

function setConnected(isConnected) {
  if (isConnected) failures = 0;
  banner.hidden = isConnected;
}

// The server ends an event stream after some minutes. The connection is lost if it cannot be reopened.
document.body.addEventListener("htmx:sseError", () => {
  failures += 1;
  if (failures > 1) setConnected(false);
});
document.body.addEventListener("htmx:sseOpen", () => setConnected(true));
document.body.addEventListener("htmx:sendError", () => setConnected(false));
document.body.addEventListener("htmx:afterOnLoad", () => setConnected(true));

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const text = document.getElementById(button.dataset.copy).textContent;
  if (!navigator.clipboard) {
    // Browsers offer no clipboard over plain HTTP to other hosts: select the text for the user instead.
    getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
    return;
  }
  await navigator.clipboard.writeText(text.trim());
  const label = button.textContent;
  button.textContent = button.dataset.copied;
  setTimeout(() => (button.textContent = label), 1500);
});
