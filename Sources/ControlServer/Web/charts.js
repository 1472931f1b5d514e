'use strict';
// Charts with real axes: drawn in pixels, so that text has the same size at every width.

// Round times between two seconds, at most `limit` of them.
function ticks(first, last, limit) {
  const steps = [60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 14400, 21600, 43200, 86400];
  const step = steps.find(size => (last - first) / size <= limit) || 86400;
  const found = [];
  for (let time = Math.ceil(first / step) * step; time <= last; time += step) found.push(time);
  return found;
}
// The date and zone of an axis of time.
const zone = (first, last) => date(first) + (date(first) === date(last) ? '' : ' to ' + date(last)) + ', UTC';
function timeAxis(svg, first, last, left, right, top) {
  const place = time => left + (right - left) * (time - first) / Math.max(1, last - first);
  for (const time of ticks(first, last, Math.max(2, Math.floor((right - left) / 70)))) {
    const x = place(time).toFixed(1), near = place(time) - left < 18 ? 'start' : right - place(time) < 18 ? 'end' : 'middle';
    svg.append(draw('line', {class: 'tick', x1: x, x2: x, y1: top, y2: top + 5}),
      draw('text', {class: 'dim', x, y: top + 17, 'text-anchor': near}, clock(time).slice(0, 5)));
  }
  svg.append(draw('text', {class: 'dim', x: left, y: top + 32}, zone(first, last)));
  return place;
}
// The least of 1, 2, 5, 10 … that is not below a value.
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 5, 10].map(digit => digit * power).find(size => size >= value);
}
function sized(svg, height) {
  const width = Math.max(240, svg.parentElement.clientWidth);
  svg.setAttribute('viewBox', '0 0 ' + width + ' ' + height);
  svg.setAttribute('width', width);
  svg.setAttribute('height', height);
  svg.replaceChildren();
  return width;
}

// Packets a second in the last hour; where no monitor ran, there is no line.
let lastRates = [];
function drawRates(rates) {
  lastRates = rates;
  const svg = $('rates'), width = sized(svg, 150), left = 56, right = width - 8, bottom = 110;
  const now = Math.floor(Date.now() / 1000), last = Math.max(now, ...rates.map(rate => rate.second)), first = last - 3600;
  const shown = rates.filter(rate => rate.second >= first);
  const most = roundUp(Math.max(1, ...shown.map(rate => rate.packets)));
  svg.append(draw('title', {}, 'Packets a second, at most ' + whole(Math.max(0, ...shown.map(rate => rate.packets)))));
  const place = timeAxis(svg, first, last, left, right, bottom);
  const height = value => bottom - (bottom - 10) * value / most;
  for (const value of [0, most / 2, most])
    svg.append(draw('line', {class: 'grid', x1: left, x2: right, y1: height(value), y2: height(value)}),
      draw('text', {class: 'dim', x: left - 6, y: height(value) + 4, 'text-anchor': 'end'}, compact.format(value) + '/s'));
  let part = [];
  const end = () => {
    if (part.length > 0) {
      const [from, to] = [place(part[0].second), Math.min(right, place(part[part.length - 1].second + 10))];
      const points = part.map(rate => place(rate.second).toFixed(1) + ' ' + height(rate.packets).toFixed(1));
      svg.append(draw('path', {d: 'M' + from.toFixed(1) + ' ' + bottom + 'L' + points.join('L')
        + 'L' + to.toFixed(1) + ' ' + height(part[part.length - 1].packets).toFixed(1) + 'L' + to.toFixed(1) + ' ' + bottom + 'Z'}));
    }
    part = [];
  };
  for (const rate of shown) {
    if (part.length > 0 && rate.second - part[part.length - 1].second > 20) end();
    part.push(rate);
  }
  end();
}

// Evidence: the fifty workloads with the most, of those that match. 50 is the budget's line.
let lastScores = null;
async function refreshScores() {
  const query = 'minutes=' + $('span').value + '&match=' + encodeURIComponent($('filter').value);
  try { lastScores = await read('/api/v1/scores?' + query); } catch { return; }
  drawScores();
}
function drawScores() {
  if (!lastScores) return;
  const cells = 60, height = 26, minutes = +$('span').value;
  const share = value => whole(value * 2) + ' %';
  const rows = lastScores.workloads.map(row => {
    const most = Math.max(...row.scores), step = row.scores.length / cells;
    const svg = draw('svg', {role: 'img', viewBox: '0 0 ' + cells + ' ' + height, preserveAspectRatio: 'none'});
    svg.append(draw('title', {}, row.workload + ': highest evidence ' + share(most) + ' of the line'), draw('rect', {class: 'track', width: cells, height}));
    for (let cell = 0; cell < cells; cell++) {
      const first = Math.floor(cell * step);
      const high = Math.max(0, ...row.scores.slice(first, Math.max(first + 1, Math.floor((cell + 1) * step))));
      if (high > 0) svg.append(draw('rect', {class: high >= 50 ? 'cell high' : 'cell', x: cell + .1, width: .8, y: height - height * high / 100, height: height * high / 100}));
    }
    svg.append(draw('rect', {class: 'line', y: height / 2 - .4, width: cells, height: .8}));
    return make('div', {class: 'row small'}, make('span', {title: row.workload}, row.workload), svg, make('span', {class: 'n'}, share(most)));
  });
  const axis = draw('svg', {class: 'axis', 'aria-hidden': 'true'}), place = make('span', {class: 'pic'}, axis);
  $('scores').replaceChildren(...rows, ...(rows.length ? [make('div', {class: 'row small'}, make('span', {}, ''), place, make('span', {}, ''))] : []));
  if (rows.length) {
    const width = sized(axis, 36), last = Math.floor(Date.now() / 60000) * 60 + 60;
    timeAxis(axis, last - 60 * minutes, last, 0, width, 0);
  }
  const more = lastScores.total - lastScores.workloads.length;
  $('more').textContent = more > 0 ? 'and ' + whole(more) + ' more: filter by name'
    : lastScores.total === 0 ? 'There is no evidence against any workload.' : '';
}
$('span').addEventListener('change', refreshScores);
let typing = 0;
$('filter').addEventListener('input', () => { clearTimeout(typing); typing = setTimeout(refreshScores, 300); });

// Reasons as bars on one scale: a quarter of the width is the range of 99 % of the clean windows, and
// the rest ten steps of the detector beyond it.
const cleanPart = 25, mostSteps = 10;
const stepPlace = steps => cleanPart + (100 - cleanPart) * Math.min(steps, mostSteps) / mostSteps;
function reasonItem(reason) {
  const item = make('li', {}, reason.text);
  if (reason.value === undefined || reason.steps === undefined) return item;
  const within = reason.baseline_p99 > 0 ? Math.max(0, Math.min(1, reason.value / reason.baseline_p99)) : 1;
  const end = reason.steps > 0 ? stepPlace(reason.steps) : cleanPart * within;
  const bar = draw('svg', {role: 'img', viewBox: '0 0 100 18', preserveAspectRatio: 'none'});
  const facts = number.format(reason.value) + ' ' + (reason.unit || '') + '; clean windows: median ' + number.format(reason.baseline_p50)
    + ', 99 % at most ' + number.format(reason.baseline_p99) + (reason.steps > 0 ? '; ' + number.format(reason.steps) + ' steps beyond' : '');
  bar.append(draw('title', {}, facts), draw('rect', {class: 'track', width: 100, height: 18}),
    draw('rect', {class: 'band', width: cleanPart, height: 18}),
    draw('rect', {class: 'value', y: 5, width: Math.max(.4, end), height: 8}));
  item.append(bar, make('span', {class: 'small muted'}, facts));
  return item;
}
function reasonRuler() {
  const svg = draw('svg', {class: 'axis', height: 18, width: '100%', 'aria-hidden': 'true'});
  const mark = (place, text, anchor) => svg.append(draw('line', {class: 'tick', x1: place + '%', x2: place + '%', y1: 0, y2: 5}),
    draw('text', {class: 'dim', x: place + '%', y: 16, 'text-anchor': anchor}, text));
  mark(cleanPart, '99 %', 'middle');
  for (let steps = 2; steps <= mostSteps; steps += 2) mark(stepPlace(steps), '+' + steps, steps === mostSteps ? 'end' : 'middle');
  return make('li', {class: 'ruler'}, svg, make('span', {class: 'small muted'},
    'One scale for all reasons: steps beyond 99 % of the clean windows. For counts and bytes, a step is a factor, between 1.6 and 5.'));
}

// The workloads with the most traffic, from the flow history.
async function refreshTalkers() {
  const body = $('talkers').tBodies[0], until = Math.floor(Date.now() / 1000);
  let found;
  try {
    found = await read('/api/v1/talkers?limit=15&order=' + $('talk-order').value + '&from=' + (until - 60 * $('talk-span').value));
  } catch (error) {
    if (error.message !== 'locked') { $('talk-words').textContent = error.message; $('talkers').hidden = true; }
    return;
  }
  $('talkers').hidden = found.talkers.length === 0;
  $('talk-words').textContent = found.talkers.length === 0 ? 'No flow has ended in this time.'
    : Math.min(found.talkers.length, found.total) + ' of ' + whole(found.total) + ' workloads and addresses'
      + (found.forged ? ' with evidence that they are real; all others are one row' : '') + ', '
      + times(found.from, found.to) + '; flows that have ended' + (found.partial ? ', the latest of them only' : '') + '.';
  const cell = (name, text) => make('td', {class: 'n', 'data-name': name}, text);
  body.replaceChildren(...found.talkers.map(talker => make('tr', {}, make('th', {scope: 'row'}, talker.name),
    cell('sent', bytes(talker.bytes_sent)), cell('received', bytes(talker.bytes_received)), cell('flows', whole(talker.flows)),
    cell('peers', whole(talker.peers)), cell('new peers', whole(talker.new_peers)))));
}
$('talk-span').addEventListener('change', refreshTalkers);
$('talk-order').addEventListener('change', refreshTalkers);

// Charts are drawn again for another width.
let resizing = 0;
addEventListener('resize', () => {
  clearTimeout(resizing);
  resizing = setTimeout(() => { if (!$('main').hidden) { drawRates(lastRates); drawScores(); drawMap(); } }, 200);
});
