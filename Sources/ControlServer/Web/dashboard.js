'use strict';
const $ = id => document.getElementById(id);
const SVG = 'http://www.w3.org/2000/svg';
let token = sessionStorage.getItem('token') || '';
let enforcing = false, mapped = '', mayAct = true, recorded = false;

// Elements: names and text of the network only ever become text.
function make(name, properties, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties || {})) {
    if (key === 'class') element.className = value;
    else if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}
function draw(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}
const number = new Intl.NumberFormat('en');
const whole = value => number.format(Math.round(value));
const compact = new Intl.NumberFormat('en', {notation: 'compact', maximumFractionDigits: 1});
// For tiles: what is longer than six figures.
const short = value => value < 1e6 ? whole(value) : compact.format(value);
function bits(value) {
  for (const [size, unit] of [[1e9, 'Gbit/s'], [1e6, 'Mbit/s'], [1e3, 'kbit/s']])
    if (value >= size) return (value / size).toFixed(1) + ' ' + unit;
  return Math.round(value) + ' bit/s';
}
function span(seconds) {
  seconds = Math.max(0, Math.round(seconds));
  const parts = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];
  const first = parts.findIndex(([size]) => seconds >= size);
  if (first < 0) return '0 s';
  const [size, unit] = parts[first];
  const next = parts[first + 1];
  const rest = next ? Math.floor(seconds % size / next[0]) : 0;
  return Math.floor(seconds / size) + ' ' + unit + (rest ? ' ' + rest + ' ' + next[1] : '');
}
// Start and end with date and zone, as the commands write them.
function times(start, end) {
  const text = seconds => new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ');
  const [first, last] = [text(start), text(end)];
  return first + ' to ' + (first.slice(0, 10) === last.slice(0, 10) ? last.slice(11) : last) + ' UTC';
}

async function ask(path, options) {
  const headers = token ? {Authorization: 'Bearer ' + token} : {};
  const answer = await fetch(path, {...options, headers: {...headers, ...(options || {}).headers}});
  if (answer.status === 401) { locked(token ? 'That is not the token of this node.' : ''); throw new Error('locked'); }
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).detail || answer.statusText);
  return answer;
}
const read = async path => (await ask(path)).json();

function locked(words) {
  token = '';
  sessionStorage.removeItem('token');
  $('login').hidden = false;
  $('main').hidden = true;
  $('refused').textContent = words;
  state('locked', '');
}
function state(words, kind) { $('live').textContent = words; $('live').className = kind; }

// Status, every two seconds.
async function refresh() {
  // Without the token there is nothing to ask for.
  if (!$('login').hidden && !token) return;
  try {
    mayAct = (await read('/api/v1/caller')).may_act;
    $('main').classList.toggle('look', !mayAct);
    const [status, rates] = await Promise.all([read('/api/v1/status'), read('/api/v1/rates')]);
    $('login').hidden = true;
    $('main').hidden = false;
    show(status, rates);
    state(mayAct ? 'live' : 'live, to look only', 'good');
  } catch (error) {
    if (error.message !== 'locked') state('the monitor does not answer: ' + error.message, 'bad');
  }
}
function show(status, rates) {
  // Contacts are the model's: they change with it.
  const model = status.model ? status.model.id : '';
  if (model !== mapped) { mapped = model; refreshContacts(); }
  enforcing = status.is_enforcing;
  recorded = status.sinks.some(sink => sink.name.startsWith('packets to '));
  $('node').textContent = status.interfaces.join(', ');
  $('headline').textContent = status.phase === 'learning' ? 'Learning what is usual'
    : enforcing ? 'Detecting, and fencing offenders' : 'Detecting; offenders are only reported';
  $('troubles').replaceChildren(...status.troubles.map(text => make('li', {}, text)));
  $('learning').hidden = !status.learning;
  if (status.learning) {
    const learning = status.learning;
    $('progress').value = 100 * learning.seconds_done / Math.max(1, learning.seconds_total);
    $('learned').textContent = span(learning.seconds_done) + ' of ' + span(learning.seconds_total) + ': '
      + whole(learning.workloads) + ' workloads, ' + whole(learning.windows) + ' windows, ' + whole(learning.facts) + ' contacts'
      + (learning.suspects.length ? '. Not clean: ' + learning.suspects.join('; ') : '');
  }
  const tiles = [
    ['Packets a second', short(status.packets_per_second)], ['Traffic', bits(status.bits_per_second)],
    ['Missed by the kernel', short(status.capture.kernel_drops)], ['Flows', short(status.flow.active_flows || 0)],
    ['Addresses', whole(status.hosts)], ['Alerts', short(status.alerts)], ['Fences', whole(status.fences)],
    ['Up', span((status.updated - status.started) / 1e9)]];
  $('tiles').replaceChildren(...tiles.map(([name, value]) => make('div', {}, make('dt', {}, name), make('dd', {}, value))));
  $('about').textContent = 'Lazaret ' + status.version + ', model ' + (status.model ? status.model.id.slice(0, 12) : 'none yet')
    + '; names from ' + status.identities + '; malformed packets '
    + whole(Object.values(status.malformed).reduce((sum, count) => sum + count, 0)) + '.';
  const most = Math.max(1, ...rates.map(rate => rate.packets));
  const points = rates.slice(-600).map((rate, index, all) =>
    (600 - all.length + index) + ' ' + (58 - 54 * rate.packets / most).toFixed(1));
  const svg = $('rates');
  svg.replaceChildren(draw('title', {}, 'Packets a second, at most ' + whole(most)));
  if (points.length > 1) {
    const first = points[0].split(' ')[0];
    svg.append(draw('path', {d: 'M' + first + ' 60L' + points.join('L') + 'L599 60Z'}));
  }
}

// Fences, with a clock for each.
let fences = [], fetched = 0;
async function refreshFences() {
  try { fences = await read('/api/v1/quarantine'); } catch { return; }
  fetched = Date.now();
  const body = $('fences').tBodies[0];
  $('fences-caption').textContent = fences.length === 0 ? 'Nothing is fenced.'
    : fences.length + (fences.length === 1 ? ' active fence' : ' active fences') + (enforcing ? '' : '; a dry run: no packet is dropped');
  $('fences').tHead.hidden = fences.length === 0;
  body.replaceChildren(...fences.map(fence => make('tr', {},
    make('th', {scope: 'row'}, fence.target, fence.workload ? ' (' + fence.workload + ')' : '', make('br'),
      make('span', {class: 'small muted'}, fence.response + (fence.dry_run ? ', dry run' : '') + ', by ' + fence.by)),
    make('td', {class: 'left nowrap'}, ''), make('td', {class: 'n'}, whole(fence.packets_held)),
    make('td', {}, fence.reason, fence.evidence ? make('br') : '',
      fence.evidence ? make('span', {class: 'small muted'}, 'evidence: ' + fence.evidence) : ''),
    make('td', {}, make('button', {type: 'button', class: 'act', onclick: () => release(fence), 'aria-label': 'Release ' + fence.target}, 'Release')))));
  tick();
}
function tick() {
  const passed = (Date.now() - fetched) / 1000;
  document.querySelectorAll('#fences .left').forEach((cell, index) => {
    const fence = fences[index];
    if (fence) cell.textContent = fence.in_force || fence.dry_run ? span(fence.remaining_seconds - passed) : 'not in force';
  });
}
function release(fence) {
  $('ask-words').textContent = fence.target + (fence.workload ? ' (' + fence.workload + ')' : '')
    + ' can reach everything again at once, and is left alone for a while. It was fenced for: ' + fence.reason;
  const dialog = $('ask');
  dialog.returnValue = 'no';
  dialog.addEventListener('close', async () => {
    if (dialog.returnValue !== 'yes') return;
    const query = 'target=' + encodeURIComponent(fence.target) + '&reason=' + encodeURIComponent($('reason').value);
    try { await ask('/api/v1/quarantine?' + query, {method: 'DELETE'}); } catch (error) {
      if (error.message !== 'locked') state('not released: ' + error.message, 'bad');
    }
    refreshFences().then(refreshIncidents);
  }, {once: true});
  dialog.showModal();
}

// A host that was released is an offender of the past.
const held = incident => incident.decision === 'quarantine' && fences.some(fence => fence.id === incident.quarantine_id);

// Incidents; what was opened stays open.
let incidents = [], shown = 20;
$('older').onclick = () => { shown = Math.min(shown + 80, 999); refreshIncidents(); };
async function refreshIncidents() {
  if (!fetched) await refreshFences();
  try { incidents = await read('/api/v1/incidents?limit=' + (shown + 1)); } catch { return; }
  $('older').hidden = incidents.length <= shown || shown === 999;
  incidents = incidents.slice(0, shown);
  const box = $('incidents');
  // A comment that is being typed stays.
  const focus = document.activeElement;
  if (box.contains(focus) && focus.matches('input, select')) return;
  const open = new Set([...box.querySelectorAll('details[open]')].map(part => part.dataset.id));
  $('quiet').hidden = incidents.length > 0;
  box.replaceChildren(...incidents.map(incident => {
    const fenced = held(incident);
    const who = incident.workload === incident.offender ? incident.offender : incident.workload + ' (' + incident.offender + ')';
    const details = make('details', {class: 'incident', 'data-id': incident.event_id},
      make('summary', {},
        make('span', {class: 'tag ' + (fenced ? 'fence' : 'seen')}, fenced ? 'quarantine' : incident.decision === 'quarantine' ? 'was fenced' : 'watch'),
        make('span', {class: 'who'}, make('strong', {}, who), incident.target_text ? ' \u2192 ' + incident.target_text : ''),
        make('span', {class: 'when small muted'}, times(incident.start, incident.end)),
        make('span', {class: 'why'}, incident.summary + (incident.technique ? ' (' + incident.technique + ')' : ''))));
    details.addEventListener('toggle', () => { if (details.open && !details.dataset.full) explain(details, incident); });
    if (open.has(incident.event_id)) details.open = true;
    return details;
  }));
  drawMap();
}
async function explain(details, incident) {
  details.dataset.full = '1';
  let event;
  try { event = await read('/api/v1/events/' + incident.event_id); } catch { event = null; }
  const reasons = event ? event.lazaret.reasons : incident.reasons.map(text => ({text}));
  const facts = [['Score', incident.score + ', threshold ' + incident.threshold], ['Against', 'the baseline of ' + incident.baseline],
    ['Odd windows', whole(incident.windows)], ['More', 'lazaret explain ' + incident.event_id]];
  if (event && event.dest_ip) facts.splice(1, 0, ['Last contact', event.dest_ip + (event.dest_port ? ' ' + event.proto + ' ' + event.dest_port : '')]);
  if (incident.evidence) facts.splice(1, 0, ['Evidence', incident.evidence + ', ' + incident.evidence_text]);
  if (incident.target) facts.splice(1, 0, ['Target', incident.target_text || incident.target]);
  details.append(make('ul', {class: 'reasons'}, ...reasons.map(reason)),
    make('dl', {class: 'facts small'}, ...facts.flatMap(([name, value]) => [make('dt', {}, name), make('dd', {}, value)])));
}
function reason(reason) {
  const item = make('li', {}, reason.text);
  if (reason.value === undefined) return item;
  const scale = value => Math.log1p(Math.max(0, value));
  const most = Math.max(scale(reason.value), scale(reason.baseline_p99), 1e-9);
  const bar = draw('svg', {role: 'img', viewBox: '0 0 100 18', preserveAspectRatio: 'none'});
  bar.append(
    draw('title', {}, 'Value ' + reason.value + ' ' + (reason.unit || '') + '; clean windows: median ' + reason.baseline_p50 + ', 99 % at most ' + reason.baseline_p99),
    draw('rect', {class: 'track', width: 100, height: 18}),
    draw('rect', {class: 'band', width: 100 * scale(reason.baseline_p99) / most, height: 18}),
    draw('rect', {class: 'value', y: 5, width: Math.max(.4, 100 * scale(reason.value) / most), height: 8}));
  item.append(bar);
  return item;
}

// Evidence: the fifty workloads with the most, of those that match. Half of the height is the budget's line.
async function refreshScores() {
  let answer;
  const query = 'minutes=' + $('span').value + '&match=' + encodeURIComponent($('filter').value);
  try { answer = await read('/api/v1/scores?' + query); } catch { return; }
  const cells = 60;
  $('scores').replaceChildren(...answer.workloads.map(row => {
    const most = Math.max(...row.scores);
    const step = row.scores.length / cells;
    const svg = draw('svg', {role: 'img', viewBox: '0 0 ' + cells + ' 18', preserveAspectRatio: 'none'});
    svg.append(draw('title', {}, row.workload + ': highest evidence ' + (most / 100).toFixed(2)), draw('rect', {class: 'track', width: cells, height: 18}));
    for (let cell = 0; cell < cells; cell++) {
      const first = Math.floor(cell * step);
      const high = Math.max(0, ...row.scores.slice(first, Math.max(first + 1, Math.floor((cell + 1) * step))));
      if (high > 0) svg.append(draw('rect', {class: high >= 50 ? 'cell high' : 'cell', x: cell + .1, width: .8, y: 18 - 18 * high / 100, height: 18 * high / 100}));
    }
    svg.append(draw('rect', {class: 'line', y: 9, width: cells, height: .4}));
    return make('div', {class: 'row small'}, make('span', {title: row.workload}, row.workload), svg, make('span', {class: 'n'}, (most / 100).toFixed(2)));
  }));
  const more = answer.total - answer.workloads.length;
  $('more').textContent = more > 0 ? 'and ' + whole(more) + ' more: filter by name'
    : answer.total === 0 ? 'There is no evidence against any workload.' : '';
}

// The map: who talks to whom when all is well, and what offenders did beyond it.
let contacts = [];
async function refreshContacts() {
  try { contacts = await read('/api/v1/contacts'); } catch { return; }
  drawMap();
}
function drawMap() {
  const limit = 60;
  const lately = incidents.slice(0, 20);
  const fenced = new Set(lately.filter(held).map(incident => incident.workload));
  const offenders = new Set(lately.map(incident => incident.workload));
  const count = new Map();
  const seen = name => count.set(name, (count.get(name) || 0) + 1);
  for (const contact of contacts) { seen(contact.from); seen(contact.to); }
  for (const name of offenders) if (!count.has(name)) count.set(name, 0);
  const names = [...count].sort((a, b) => (offenders.has(b[0]) - offenders.has(a[0])) || b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    .slice(0, limit).map(([name]) => name).sort();
  const place = new Map(names.map((name, index) => {
    const angle = 2 * Math.PI * index / Math.max(1, names.length) - Math.PI / 2;
    return [name, {x: 360 + 230 * Math.cos(angle), y: 280 + 230 * Math.sin(angle), angle}];
  }));
  const lines = new Map();
  for (const contact of contacts)
    if (place.has(contact.from) && place.has(contact.to)) {
      const key = contact.from + '\u0000' + contact.to;
      lines.set(key, [...(lines.get(key) || []), contact.service]);
    }
  const svg = $('map');
  svg.replaceChildren();
  for (const [key, services] of lines) {
    const [from, to] = key.split('\u0000').map(name => place.get(name));
    const line = draw('line', {x1: from.x, y1: from.y, x2: to.x, y2: to.y});
    line.append(draw('title', {}, key.replace('\u0000', ' to ') + ': ' + services.join(', ')));
    svg.append(line);
  }
  for (const [name, spot] of place) {
    const bad = offenders.has(name);
    svg.append(draw('circle', {cx: spot.x, cy: spot.y, r: bad ? 8 : 5, class: fenced.has(name) ? 'offender' : bad ? 'watched' : ''}));
    const right = Math.cos(spot.angle) > -.01;
    const text = name.length > 18 ? name.slice(0, 17) + '\u2026' : name;
    svg.append(draw('text', {x: spot.x + (right ? 10 : -10), y: spot.y + 4, 'text-anchor': right ? 'start' : 'end'}, text + (fenced.has(name) ? ' (offender)' : bad ? ' (watched)' : '')));
  }
  $('map-words').textContent = names.length === 0 ? 'Nothing is learned yet.'
    : names.length + ' of ' + count.size + ' workloads, lines are contacts of clean traffic; '
      + (fenced.size ? 'offenders of late: ' + [...fenced].join(', ') : 'no offenders') + '.';
}

// Events as they come tell when there is something to fetch.
async function follow() {
  for (;;) {
    if (!$('main').hidden) try {
      const answer = await ask('/api/v1/events/stream');
      const reader = answer.body.getReader();
      const decoder = new TextDecoder();
      let due = null;
      for (;;) {
        const {done, value} = await reader.read();
        if (done) break;
        if (decoder.decode(value, {stream: true}).includes('data:') && !due)
          due = setTimeout(() => { due = null; refreshFences().then(refreshIncidents); }, 500);
      }
    } catch { /* the next try tells */ }
    await new Promise(resolve => setTimeout(resolve, 3000));
  }
}

function theme() {
  const root = document.documentElement;
  const dark = () => root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme:dark)').matches;
  const label = () => { $('theme').textContent = dark() ? 'Light theme' : 'Dark theme'; };
  const kept = localStorage.getItem('theme');
  if (kept) root.dataset.theme = kept;
  label();
  matchMedia('(prefers-color-scheme:dark)').addEventListener('change', label);
  $('theme').addEventListener('click', () => { root.dataset.theme = dark() ? 'light' : 'dark'; localStorage.setItem('theme', root.dataset.theme); label(); });
}

$('login').addEventListener('submit', event => {
  event.preventDefault();
  token = $('token').value.trim();
  sessionStorage.setItem('token', token);
  $('token').value = '';
  everything();
});
$('span').addEventListener('change', refreshScores);
let typing = 0;
$('filter').addEventListener('input', () => { clearTimeout(typing); typing = setTimeout(refreshScores, 300); });
async function everything() {
  await refresh();
  if (!$('main').hidden) { refreshFences().then(refreshIncidents); refreshScores(); mutesShow(); enforcementShow(); }
}
theme();
everything();
follow();
setInterval(refresh, 2000);
setInterval(tick, 1000);
setInterval(() => { if (!$('main').hidden) { refreshFences(); refreshScores(); } }, 10000);
setInterval(() => { if (!$('main').hidden) refreshIncidents(); }, 30000);
