// Loads the page again now and then and swaps its content, unless somebody is in the middle of something.
"use strict";
(() => {
  const main = () => document.querySelector("main[data-refresh]");
  if (!main()) return;
  const busy = () => {
    const at = document.activeElement;
    const inside = at && at !== main() && main().contains(at);
    return document.hidden || inside || String(document.getSelection() || "") !== "";
  };
  const opened = (root) => new Set([...root.querySelectorAll("details[open]")].map((each) => each.id));
  const refresh = async () => {
    if (busy()) return;
    const address = new URL(location.href);
    address.searchParams.delete("told");
    const answer = await fetch(address, { credentials: "same-origin", headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(String(answer.status));
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = next.querySelector("main[data-refresh]");
    if (!fresh || busy()) return;
    const kept = opened(main());
    for (const each of fresh.querySelectorAll("details")) each.open = kept.has(each.id);
    main().replaceChildren(...fresh.childNodes);
    const footer = next.querySelector("footer");
    if (footer) document.querySelector("footer").replaceChildren(...footer.childNodes);
    document.body.classList.remove("stale");
  };
  const tick = () => refresh().catch(() => document.body.classList.add("stale"));
  setInterval(tick, 1000 * Number(main().dataset.refresh));
})();
