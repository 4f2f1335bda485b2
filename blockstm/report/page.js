"use strict";
{
  const PRINT_WIDTH = 680; // of a page of A4 between its margins, in CSS pixels
  const NARROW = 480;
  const { config, charts } = JSON.parse(document.getElementById("charts").textContent);
  const views = [];

  const draw = async (place) => {
    const limit = place.clientWidth < NARROW ? 150 : 280;
    const specification = charts[place.dataset.chart];
    place.replaceChildren();
    const { view } = await vegaEmbed(place, specification, {
      mode: "vega-lite",
      renderer: "svg",
      actions: false,
      ast: true, // expressions are interpreted, not compiled: the page allows no eval
      config: { ...config, axisY: { labelLimit: limit, labelFontSize: place.clientWidth < NARROW ? 11 : 12 } },
    });
    views.push({ place, view });
  };

  const fit = (limit) => {
    for (const { place, view } of views) {
      view.width(Math.min(place.clientWidth, limit)).run();
    }
  };

  addEventListener("beforeprint", () => fit(PRINT_WIDTH));
  addEventListener("afterprint", () => fit(Infinity));

  Promise.all(Array.from(document.querySelectorAll("[data-chart]"), draw))
    .then(() => { document.documentElement.dataset.charts = "drawn"; })
    .catch((error) => { console.error("a chart cannot be drawn:", error); });
}
