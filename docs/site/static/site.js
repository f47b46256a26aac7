// The table of claims, by lesson and grade. Without this script all rows are there, and no choices.
for (const claims of document.querySelectorAll("div.claims")) {
  const form = claims.querySelector("form");
  const rows = [...claims.querySelectorAll("tbody tr")];
  const choose = () => {
    const { lesson, grade } = form.elements;
    for (const row of rows) {
      const fits = (choice, value) => !choice.value || choice.value === value;
      row.hidden = !fits(lesson, row.dataset.lesson) || !fits(grade, row.dataset.grade);
    }
    const shown = rows.filter((row) => !row.hidden).length;
    claims.querySelector(".count").textContent = `${shown} of ${rows.length} claims`;
  };
  form.addEventListener("change", choose);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  choose(); // a browser may remember a choice from before
}
