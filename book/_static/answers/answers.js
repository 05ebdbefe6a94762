/* The page that answers: trained nets on a photograph of the reader's, all of it in the browser.

   In a page an author writes, for each part (no blank line inside):

     <figure class="explorer answers" data-part="compare">
     <img src="../_static/answers/compare.png" alt="What the still picture shows.">
     <figcaption>What to look for.</figcaption>
     </figure>

   data-part is "photograph", "compare", "where", "size", "change" or "inside". The still picture stays until there is a
   photograph to look at, and where scripts are off.

   Everything is a plain script, weights and photographs too, since a page that is opened from disk may fetch nothing. The
   nets come at the reader's first photograph, never before. Controls and numbers are those of the explorers. */
"use strict";

window.answers = {
  base: document.currentScript.src,

  /** By name, what a part is: a function of its figure that gives its nodes and how to show a photograph in them. */
  parts: {},

  /** The photograph that all parts show: `{ data, width, height, name }`, RGB bytes. */
  photo: null,

  load(file) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = new URL(file, answers.base);
      script.async = false; // in the order asked for
      script.onload = resolve;
      script.onerror = () => reject(new Error(`${script.src} did not load`));
      document.head.append(script);
    });
  },

  say(text, isWrong = false) {
    answers.says.textContent = text;
    answers.says.classList.toggle("wrong", isWrong);
  },

  /** Writes a sentence that is read aloud wherever it is written: only where it is new, and of a pointer when it rests. */
  tell(output, sentence, isPointed = false) {
    const write = () => {
      if (output.textContent !== sentence) output.textContent = sentence;
    };
    clearTimeout(output.later);
    if (isPointed) output.later = setTimeout(write, answers.RESTS);
    else write();
  },
  RESTS: 200, // ms

  /** The nets that are trained at one scale S, which the parts compare, and the one that was trained at many. */
  fixed: () => answers.known.nets.filter((net) => !Array.isArray(net.scale)),
  jittered: () => answers.known.nets.find((net) => Array.isArray(net.scale)),
  net: (name) => answers.known.nets.find((net) => net.name === name),

  /** A job that asks nets, so that a newer call ends an older one, and only while its figure can be seen, or always. */
  whenSeen(figure, job, always = false) {
    let newest = 0, waiting = false, seen = always;
    const begin = async () => {
      if (!seen || !waiting) return;
      const mine = ++newest, isStale = () => mine !== newest;
      waiting = false;
      try {
        await job(async (...question) => {
          const answer = await answers.ask(...question);
          if (isStale()) throw answers.STALE;
          return answer;
        });
      } catch (error) {
        if (error !== answers.STALE) throw error;
      } finally {
        if (!isStale()) figure.removeAttribute("aria-busy");
      }
    };
    new IntersectionObserver((entries) => {
      seen = always || entries[entries.length - 1].isIntersecting;
      begin();
    }, { rootMargin: "25%" }).observe(figure);
    return () => {
      waiting = true;
      newest++;
      figure.setAttribute("aria-busy", "true");
      return begin();
    };
  },
  STALE: Symbol("a newer question was asked"),

  /** Takes a photograph in, brings the nets if they are not here, and shows it in every part. */
  async show(photo) {
    answers.photo = photo;
    await answers.bring();
    for (const figure of document.querySelectorAll("figure.answers:not([data-part='photograph'])")) {
      if (!figure.show) {
        const { nodes, show } = answers.parts[figure.dataset.part](figure);
        figure.querySelector("img").replaceWith(explore.el("div", { class: "explorer-body" }, nodes));
        figure.show = show;
        figure.dataset.ready = "";
      }
      figure.show();
    }
  },

  async start() {
    const figures = [...document.querySelectorAll("figure.answers")];
    if (!figures.length) return;
    const parts = new Set(figures.map((figure) => figure.dataset.part));
    const scripts = ["kernel", "engine", "asking", "pictures", "reading", "nets", "photos", ...parts];
    await Promise.all(["../explore/draw", ...scripts].map((name) => answers.load(`${name}.js`)));
    const figure = figures.find(({ dataset }) => dataset.part === "photograph");
    figure.querySelector("img").replaceWith(explore.el("div", { class: "explorer-body" }, answers.parts.photograph(figure)));
    figure.dataset.ready = "";
  },
};

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", answers.start);
else answers.start();
