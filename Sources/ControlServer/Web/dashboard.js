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
function bytes(value) {
  for (const [size, unit] of [[1e12, 'TB'], [1e9, 'GB'], [1e6, 'MB'], [1e3, 'kB']])
    if (value >= size) return (value / size).toFixed(1) + ' ' + unit;
  return Math.round(value) + ' B';
}
// Times with date and zone, as the commands write them.
const date = seconds => new Date(seconds * 1000).toISOString().slice(0, 10);
const clock = seconds => new Date(seconds * 1000).toISOString().slice(11, 19);
const moment = text => new Date(text).toISOString().slice(0, 19).replace('T', ' ') + ' UTC';
function times(start, end) {
  const text = seconds => date(seconds) + ' ' + clock(seconds);
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
  drawRates(rates);
}

// Whether no fence is in force.
function isDryRun() { return fences.length > 0 && fences.every(fence => fence.dry_run); }

// What is not in force, and whether new ones are added.
function fenceNote() {
  const dry = fences.filter(fence => fence.dry_run).length;
  if (isDryRun()) return '; a dry run: no packet is dropped';
  return (dry ? '; ' + dry + ' of them a dry run' : '') + (enforcing ? '' : '; no new ones are added while it observes');
}

// Fences, with a clock for each offender. Those that were decided together, on its port and on its
// addresses, are one row and are released together.
let fences = [], offenders = [], fetched = 0;
const place = fence => fence.target.replace(/^port:/, 'port ');
function grouped(list) {
  const groups = new Map();
  for (const fence of list) groups.set(fence.id, [...(groups.get(fence.id) || []), fence]);
  // Whoever releases an address releases the port that was fenced with it.
  const rank = fence => fence.target.startsWith('port:') ? 1 : 0;
  return [...groups.values()].map(group => group.sort((a, b) => rank(a) - rank(b)));
}
async function refreshFences() {
  try { fences = await read('/api/v1/quarantine'); } catch { return; }
  fetched = Date.now();
  offenders = grouped(fences);
  const body = $('fences').tBodies[0];
  $('fences-caption').textContent = fences.length === 0 ? 'Nothing is fenced.'
    : whole(offenders.length) + (offenders.length === 1 ? ' offender is fenced' : ' offenders are fenced')
      + (fences.length > offenders.length ? ', by ' + whole(fences.length) + ' rules' : '') + fenceNote();
  $('fences').tHead.hidden = fences.length === 0;
  body.replaceChildren(...offenders.map(group => {
    const fence = group[0], responses = [...new Set(group.map(one => one.response))].join(' and ');
    const also = group.slice(1).map(place).join(', ');
    const facts = responses + (group.every(one => one.dry_run) ? ', dry run' : '') + ', by ' + fence.by + (also ? '; also at ' + also : '');
    const details = group.length === 1 ? [] : [make('details', {class: 'small'}, make('summary', {}, group.length + ' rules'),
      make('ul', {}, ...group.map(one => make('li', {}, place(one) + ': ' + one.response + ', ' + whole(one.packets_held) + ' packets held back'
        + (one.dry_run ? ', dry run' : one.in_force ? '' : ', not in force') + ', until ' + moment(one.until)))))];
    return make('tr', {'data-id': fence.id},
      make('th', {scope: 'row'}, place(fence), fence.workload ? ' (' + fence.workload + ')' : '', make('br'),
        make('span', {class: 'small muted'}, facts)),
      make('td', {class: 'left nowrap'}, ''), make('td', {class: 'n'}, whole(group.reduce((sum, one) => sum + one.packets_held, 0))),
      make('td', {}, fence.reason, fence.evidence ? make('br') : '',
        fence.evidence ? make('span', {class: 'small muted'}, 'evidence: ' + fence.evidence) : '', ...details),
      make('td', {}, make('button', {type: 'button', class: 'act', onclick: () => release(group), 'aria-label': 'Release ' + place(fence)}, 'Release')));
  }));
  tick();
}
function tick() {
  const passed = (Date.now() - fetched) / 1000;
  document.querySelectorAll('#fences .left').forEach((cell, index) => {
    const group = offenders[index];
    if (!group) return;
    const left = Math.max(...group.filter(fence => fence.in_force || fence.dry_run).map(fence => fence.remaining_seconds));
    cell.textContent = Number.isFinite(left) ? span(left - passed) : 'not in force';
  });
}
function release(group) {
  const fence = group[0];
  $('ask-words').textContent = group.map(place).join(' and ') + (fence.workload ? ' (' + fence.workload + ')' : '')
    + ' can reach everything again at once, and is left alone for a while. It was fenced for: ' + fence.reason;
  const dialog = $('ask');
  dialog.returnValue = 'no';
  dialog.addEventListener('close', async () => {
    if (dialog.returnValue !== 'yes') return;
    // The rest of the group ends with its first one; of several addresses, each is named.
    const targets = group.filter((one, index) => index === 0 || !one.target.startsWith('port:'));
    try {
      for (const one of targets)
        await ask('/api/v1/quarantine?target=' + encodeURIComponent(one.target) + '&reason=' + encodeURIComponent($('reason').value), {method: 'DELETE'});
    } catch (error) {
      if (error.message !== 'locked') state('not released: ' + error.message, 'bad');
    }
    refreshFences().then(refreshIncidents);
  }, {once: true});
  dialog.showModal();
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
async function everything() {
  await refresh();
  if (!$('main').hidden) { refreshFences().then(refreshIncidents); refreshScores(); refreshTalkers(); mutesShow(); enforcementShow(); }
}
// When the functions of all files are there.
addEventListener('DOMContentLoaded', () => {
  theme();
  everything();
  follow();
  setInterval(refresh, 2000);
  setInterval(tick, 1000);
  setInterval(() => { if (!$('main').hidden) { refreshFences(); refreshScores(); } }, 10000);
  setInterval(() => { if (!$('main').hidden) { refreshIncidents(); refreshTalkers(); } }, 30000);
});
