// Selects all dead letters of the page, and disables the buttons while none is selected.

const form = document.getElementById("selected-letters");
const all = document.getElementById("select-all");

function boxes() {
  return [...form.querySelectorAll('input[name="letter"]')];
}

function update() {
  const selected = boxes().filter((box) => box.checked).length;
  all.checked = selected > 0 && selected === boxes().length;
  all.indeterminate = selected > 0 && !all.checked;
  for (const button of form.querySelectorAll("button")) button.disabled = selected === 0;
}

if (form) {
  all.addEventListener("change", () => {
    for (const box of boxes()) box.checked = all.checked;
    update();
  });
  form.addEventListener("change", update);
  update();
}
