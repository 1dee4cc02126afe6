// Ticking all letters of the page, and acting on the ticked only where there are some.

const form = document.getElementById("ticked");
const all = document.getElementById("tick-all");

function boxes() {
  return [...form.querySelectorAll('input[name="letter"]')];
}

function show() {
  const ticked = boxes().filter((box) => box.checked).length;
  all.checked = ticked > 0 && ticked === boxes().length;
  all.indeterminate = ticked > 0 && !all.checked;
  for (const button of form.querySelectorAll("button")) button.disabled = ticked === 0;
}

if (form) {
  all.addEventListener("change", () => {
    for (const box of boxes()) box.checked = all.checked;
    show();
  });
  form.addEventListener("change", show);
  show();
}
