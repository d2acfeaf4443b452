/* Keeps the status page up to date: the page is asked for again and its live part replaced only where it changed, so
   nothing flickers and nobody loses the place. Without this file the page is the same, and is reloaded by hand. */
"use strict";

(function () {
  const live = document.getElementById("blesta-live");
  const control = document.getElementById("blesta-refresh");
  if (!live || !control || !window.fetch || !window.DOMParser) {
    return;
  }
  const button = control.querySelector("button");
  const told = control.querySelector("[role=status]");
  const seconds = Number(control.dataset.seconds) || 30;
  let timer = 0;
  let running = true;
  let asking = false;

  function focusedPlace() {
    const focused = document.activeElement;
    if (!focused || !live.contains(focused)) {
      return null;
    }
    return Array.from(live.querySelectorAll("a[href], button, [tabindex]")).indexOf(focused);
  }

  function replace(part, fresh) {
    const place = focusedPlace();
    part.replaceWith(fresh);
    if (place !== null && document.activeElement === document.body) {
      const targets = live.querySelectorAll("a[href], button, [tabindex]");
      if (targets[place]) {
        targets[place].focus({ preventScroll: true });
      }
    }
  }

  function show(text) {
    const page = new DOMParser().parseFromString(text, "text/html");
    const fresh = page.getElementById("blesta-live");
    if (!fresh) {
      // The session has ended, or the permission was taken away.
      stop(control.dataset.ended);
      return;
    }
    const before = live.dataset.verdict;
    for (const part of Array.from(fresh.children)) {
      const old = part.id ? document.getElementById(part.id) : null;
      if (old && old.parentElement === live) {
        if (old.outerHTML !== part.outerHTML) {
          replace(old, document.importNode(part, true));
        }
      }
    }
    const there = Array.from(live.children).map((part) => part.id).join();
    if (there !== Array.from(fresh.children).map((part) => part.id).join()) {
      live.replaceChildren(...Array.from(fresh.children, (part) => document.importNode(part, true)));
    }
    live.dataset.verdict = fresh.dataset.verdict;
    if (before !== fresh.dataset.verdict) {
      told.textContent = fresh.dataset.verdict;
    }
  }

  async function refresh() {
    if (asking || document.hidden) {
      return;
    }
    asking = true;
    try {
      const answer = await fetch(window.location.href, { credentials: "same-origin", cache: "no-store" });
      if (answer.ok) {
        show(await answer.text());
        control.classList.remove("blesta-stale");
      } else {
        control.classList.add("blesta-stale");
      }
    } catch {
      control.classList.add("blesta-stale");
    } finally {
      asking = false;
    }
  }

  function start() {
    running = true;
    button.textContent = control.dataset.pause;
    timer = window.setInterval(refresh, seconds * 1000);
  }

  function stop(words) {
    running = false;
    window.clearInterval(timer);
    button.textContent = control.dataset.resume;
    if (words) {
      told.textContent = words;
    }
  }

  button.addEventListener("click", function () {
    if (running) {
      stop("");
    } else {
      start();
      refresh();
    }
  });
  document.addEventListener("visibilitychange", function () {
    if (running) {
      refresh();
    }
  });
  control.hidden = false;
  start();
})();
