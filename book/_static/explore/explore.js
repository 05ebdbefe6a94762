/* Figures that the reader moves, with nothing behind them but these files.

   An author writes, in any page one folder deep (no blank line inside):

     <figure class="explorer" data-explorer="network" data-network="E" data-measure="macs">
     <img src="../_static/explore/network.png" alt="What the still picture shows.">
     <figcaption>What to look for.</figcaption>
     </figure>

   data-explorer is "receptive-field", "network", "neighbours", "evidence" or "verdict". Any other data- attribute sets
   the control of that name at the start: stack, channels, out | network, beside, width, size, classes, batch, norm | k,
   alpha, beta, n, by | study, preset, protocol, seeds | claim.
   The page's address sets them too: explore.html?study=evidence. The still picture stays where scripts are off or one
   of them fails.

   Plain scripts and not modules, and data in a script and not in JSON: browsers refuse modules and `fetch` to a page
   that is opened from disk, as this book is by many. Loaded on every page, this one brings the others only where a
   figure needs them. */
"use strict";

window.explore = {
  base: document.currentScript.src,

  /** By name, what an explorer is: a function of the figure and of its data- attributes that gives the nodes to show. */
  kinds: {},

  /** Replaces the still picture of a figure by its explorer. */
  begin(figure) {
    const { explorer, ...chosen } = { ...figure.dataset, ...Object.fromEntries(new URLSearchParams(location.search)) };
    const made = explore.kinds[explorer](figure, chosen);
    figure.querySelector("img").replaceWith(made);
    figure.dataset.ready = "";
  },

  load(part) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = new URL(`${part}.js`, explore.base);
      script.async = false; // in the order asked for
      script.onload = resolve;
      script.onerror = () => reject(new Error(`${script.src} did not load`));
      document.head.append(script);
    });
  },

  async start() {
    const figures = [...document.querySelectorAll("figure.explorer[data-explorer]")];
    if (!figures.length) return;
    const wanted = new Set(figures.map((figure) => figure.dataset.explorer));
    await Promise.all(["data", "costs", "draw", ...wanted].map(explore.load));
    figures.forEach(explore.begin);
  },
};

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", explore.start);
else explore.start();
