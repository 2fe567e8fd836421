// The theme: a cookie, so that the server paints the right one at once.
addEventListener("click", ({ target }) => {
  if (!target.closest("[data-theme-switch]")) return;
  const root = document.documentElement;
  const dark = (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  root.dataset.theme = dark ? "light" : "dark";
  document.cookie = `theme=${root.dataset.theme};path=/;max-age=31536000;samesite=lax`;
});
