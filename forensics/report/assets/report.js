"use strict";
(() => {
  const charts = document.querySelector(".charts");
  if (!charts) return;
  const series = JSON.parse(document.getElementById("series").textContent);
  const detail = document.querySelector(".detail");
  const plots = [...charts.querySelectorAll(".chart")];
  const tickRow = charts.querySelector(".ticks");
  const WIDTH = plots[0].viewBox.baseVal.width;
  const HEIGHT = plots[0].viewBox.baseVal.height;
  const whole = { first: Number(charts.dataset.first), last: Number(charts.dataset.last) };
  const pictures = new Map();
  for (const image of document.querySelectorAll("img[data-track]")) {
    const own = pictures.get(image.dataset.track) || new Map();
    own.set(Number(image.dataset.frame), image);
    pictures.set(image.dataset.track, own);
  }
  const faceless = new Map(JSON.parse(charts.dataset.faceless));
  // Every moment at which any line has a value or no face was found, in order of time.
  const valued = series.flatMap(line => line.frame.map((frame, at) => [frame, line.seconds[at]]));
  const moments = [...new Map([...valued, ...faceless])]
    .map(([frame, seconds]) => ({ frame, seconds }))
    .sort((one, other) => one.seconds - other.seconds);
  let view = { ...whole };
  let at = 0;
  let held = false;

  const toX = seconds => (seconds - whole.first) / (whole.last - whole.first) * WIDTH;
  const clock = seconds => {
    const hundredths = Math.round(seconds * 100);
    const minutes = Math.floor(hundredths / 6000);
    const rest = ((hundredths % 6000) / 100).toFixed(2).padStart(5, "0");
    const hours = Math.floor(minutes / 60);
    return (hours ? `${hours}:${String(minutes % 60).padStart(2, "0")}` : String(minutes)) + ":" + rest;
  };

  function element(name, text) {
    const made = document.createElement(name);
    made.textContent = text;
    return made;
  }

  function show(first, last) {
    const span = Math.min(Math.max(last - first, 0.2), whole.last - whole.first);
    const start = Math.min(Math.max(first, whole.first), whole.last - span);
    view = { first: start, last: start + span };
    const left = toX(view.first);
    const width = toX(view.last) - left;
    for (const plot of plots) plot.setAttribute("viewBox", `${left} 0 ${width} ${HEIGHT}`);
    drawTicks();
  }

  function drawTicks() {
    const span = view.last - view.first;
    const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400];
    const most = Math.max(2, Math.floor(tickRow.clientWidth / 90));
    const step = steps.find(size => span / size <= most) || span;
    tickRow.replaceChildren();
    for (let number = Math.ceil(view.first / step); number * step <= view.last; number++) {
      const text = document.createElementNS("http://www.w3.org/2000/svg", "text");
      const share = (number * step - view.first) / span;
      text.setAttribute("x", `${share * 100}%`);
      text.setAttribute("y", "14");
      text.setAttribute("text-anchor", share > 0.96 ? "end" : "middle");
      text.textContent = clock(number * step);
      tickRow.append(text);
    }
  }

  function zoom(factor, around) {
    const centre = around === undefined ? (view.first + view.last) / 2 : around;
    show(centre - (centre - view.first) * factor, centre + (view.last - centre) * factor);
  }

  function pan(share) {
    const move = (view.last - view.first) * share;
    show(view.first + move, view.last + move);
  }

  function nearest(seconds) {
    let low = 0;
    let high = moments.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (moments[middle].seconds < seconds) low = middle + 1; else high = middle;
    }
    const before = Math.max(low - 1, 0);
    return seconds - moments[before].seconds < moments[low].seconds - seconds ? before : low;
  }

  function nearestPicture(track, frame) {
    const own = pictures.get(String(track));
    if (!own) return null;
    const frames = [...own.keys()];
    const closest = frames.reduce((best, one) => Math.abs(one - frame) < Math.abs(best - frame) ? one : best);
    return { image: own.get(closest), exact: closest === frame };
  }

  function select(number) {
    at = Math.min(Math.max(number, 0), moments.length - 1);
    const moment = moments[at];
    for (const plot of plots) {
      plot.querySelector(".cursor").setAttribute("d", `M${toX(moment.seconds)} 0V${HEIGHT}`);
    }
    const rows = [element("p", `${clock(moment.seconds)}, frame ${moment.frame}${held ? " (held)" : ""}`)];
    if (faceless.has(moment.frame)) rows.push(element("p", "no face was found in this frame"));
    const seen = new Set();
    for (const line of series) {
      const place = line.frame.indexOf(moment.frame);
      if (place < 0 || hidden.has(name(line.track))) continue;
      const value = line.value[place];
      const said = value === null ? `no score: ${line.reason[place]}` : value.toFixed(2).replace(/^-0\.00$/, "0.00");
      const box = document.createElement("div");
      const picture = line.track === null || seen.has(line.track) ? null : nearestPicture(line.track, moment.frame);
      if (picture) {
        const image = document.createElement("img");
        image.src = picture.image.src;
        image.width = image.height = 88;
        image.alt = picture.image.alt;
        box.append(image);
        if (!picture.exact) box.append(element("p", "(nearest picture)"));
      }
      seen.add(line.track);
      box.append(element("p", line.name), element("p", `${line.title.split(":")[0]}: ${said}`));
      rows.push(box);
    }
    detail.replaceChildren(...rows);
  }

  // As in the attributes of the page, where the whole frame has none.
  const name = track => track === null ? "" : String(track);
  const hidden = new Set();
  for (const box of document.querySelectorAll("input[data-person]")) {
    box.addEventListener("change", () => {
      const track = box.dataset.person;
      if (box.checked) hidden.delete(track); else hidden.add(track);
      for (const line of charts.querySelectorAll(`.line[data-track="${track}"]`)) line.classList.toggle("off", !box.checked);
      select(at);
    });
  }

  function secondsAt(event, plot) {
    const box = plot.getBoundingClientRect();
    return view.first + (event.clientX - box.left) / box.width * (view.last - view.first);
  }

  function hold(on) {
    held = on;
    charts.classList.toggle("held", on);
    select(at);
  }

  for (const plot of plots) {
    plot.addEventListener("pointermove", event => { if (!held) select(nearest(secondsAt(event, plot))); });
    plot.addEventListener("click", event => {
      const clicked = nearest(secondsAt(event, plot));
      const release = held && clicked === at;
      at = clicked;
      hold(!release);
    });
    plot.addEventListener("wheel", event => {
      if (!event.ctrlKey && !event.shiftKey) return;
      event.preventDefault();
      zoom(event.deltaY + event.deltaX > 0 ? 1.25 : 0.8, secondsAt(event, plot));
    }, { passive: false });
  }

  const tools = {
    in: () => zoom(0.5), out: () => zoom(2), left: () => pan(-0.5), right: () => pan(0.5),
    all: () => show(whole.first, whole.last),
  };
  for (const button of document.querySelectorAll("[data-do]")) button.addEventListener("click", tools[button.dataset.do]);
  for (const button of document.querySelectorAll(".goto")) {
    button.addEventListener("click", () => {
      const from = Number(button.dataset.from);
      const to = Number(button.dataset.to);
      show(from - (to - from), to + (to - from));
      hold(false);
      select(nearest(from));
      charts.scrollIntoView({ block: "center" });
    });
  }

  function step(by) {
    select(at + by);
    const { seconds } = moments[at];
    if (seconds < view.first || seconds > view.last) {
      const half = (view.last - view.first) / 2;
      show(seconds - half, seconds + half);
    }
  }

  const keys = {
    ArrowLeft: () => step(-1), ArrowRight: () => step(1), PageUp: () => pan(-0.5), PageDown: () => pan(0.5),
    Home: () => { select(0); tools.all(); }, End: () => { select(moments.length - 1); tools.all(); },
    "+": tools.in, "=": tools.in, "-": tools.out, Enter: () => hold(!held), Escape: () => hold(false),
  };
  charts.addEventListener("keydown", event => {
    const act = keys[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  });
  drawTicks();
  window.addEventListener("resize", drawTicks);
})();
(() => {
  // Paper has nothing to click: what is closed would be missing there.
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details.facts:not([open])")];
    for (const facts of opened) facts.open = true;
  });
  window.addEventListener("afterprint", () => { for (const facts of opened) facts.open = false; });
})();
