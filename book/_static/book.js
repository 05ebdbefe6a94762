// Paper is white and cannot be unfolded: print in the light theme, with every solution open, and put both back afterwards.
let theme, closed;
addEventListener("beforeprint", () => {
  theme = document.documentElement.dataset.theme;
  closed = document.querySelectorAll("details:not([open])");
  document.documentElement.dataset.theme = "light";
  closed.forEach(details => { details.open = true; });
});
addEventListener("afterprint", () => {
  document.documentElement.dataset.theme = theme;
  closed.forEach(details => { details.open = false; });
});
