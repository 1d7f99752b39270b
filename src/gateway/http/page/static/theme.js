// Before the first paint: the colours that the reader has chosen. A script of its own, for modules run too late for it.
try {
  const theme = localStorage.getItem('holdfast.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // Without storage it is as the system has it.
}
