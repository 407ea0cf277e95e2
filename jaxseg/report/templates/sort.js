for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th"), row = head.parentElement, body = row.closest("table").tBodies[0];
    const place = [...row.children].indexOf(head), numbers = head.classList.contains("n");
    const first = numbers ? "descending" : "ascending";
    const order = head.getAttribute("aria-sort") === first
      ? (numbers ? "ascending" : "descending") : first;
    for (const other of row.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", order);
    const key = line => line.children[place].dataset.sort ?? line.children[place].textContent.trim();
    const turn = order === "ascending" ? 1 : -1;
    const lines = [...body.rows].sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x === "" || y === "") return (x === "") - (y === ""); // what is undefined stays last
      return turn * (numbers ? parseFloat(x) - parseFloat(y) : x.localeCompare(y, "en", { numeric: true }));
    });
    body.append(...lines);
  });
}
