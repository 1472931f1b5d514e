'use strict';
// The map: who talks to whom when all is well, and whom offenders attacked. Those that mostly open
// flows are in the left column, and those that answer in the right one.

const forgedName = 'addresses that may be forged', scannedName = 'scanned addresses';
let contacts = [];
async function refreshContacts() {
  try { contacts = await read('/api/v1/contacts'); } catch { mapped = ''; return; }
  drawMap();
}
// Those that an incident acts on, and how many more. Of many, those without a name are only counted.
const mostTargets = 8;
function attacked(incident) {
  const all = incident.targets || [], total = Math.max(incident.target_count || 0, all.length);
  if (!all.length) return {names: [incident.target_addresses > 1 && !incident.target_workload ? scannedName : incident.target_workload || incident.target || ''], rest: 0};
  const nameOf = target => target.workload || target.address;
  const names = [...new Set((total > mostTargets ? all.filter(target => target.workload) : all).map(nameOf))].slice(0, mostTargets);
  if (!names.length) return {names: [scannedName], rest: 0};
  return {names, rest: total - all.filter(target => names.includes(nameOf(target))).length};
}
// Pairs of offenders and targets in the incidents of the last 24 hours.
function attacks() {
  const known = new Set(contacts.flatMap(contact => [contact.from, contact.to]));
  const since = Date.now() / 1000 - 86400, found = new Map();
  for (const incident of recent.filter(incident => incident.end >= since)) {
    const isForged = incident.evidence === 'address' && (incident.workload === 'outside' || incident.workload === incident.offender) && !known.has(incident.offender);
    const from = isForged ? forgedName : incident.workload === 'outside' ? incident.offender : incident.workload;
    const {names, rest} = attacked(incident);
    for (const to of rest ? [...names, null] : names) {
      const key = from + '\u0000' + to;
      const pair = found.get(key) || {from, to, rest: 0, isHeld: false, texts: []};
      pair.isHeld = pair.isHeld || held(incident);
      pair.rest = Math.max(pair.rest, rest);
      if (pair.texts.length < 5) pair.texts.push(looksLike(incident) + (incident.target_text ? ' against ' + incident.target_text : ''));
      found.set(key, pair);
    }
  }
  // The targets that are not drawn are one, for each offender.
  return [...found.values()].map(pair => pair.to === null ? {...pair, to: '+' + pair.rest + ' more targets of ' + pair.from} : pair);
}
function chosen(pairs, offenders, targets, limit) {
  const opened = new Map(), answered = new Map();
  const count = (map, name) => map.set(name, (map.get(name) || 0) + 1);
  for (const pair of [...contacts, ...pairs]) { count(opened, pair.from); if (pair.to) count(answered, pair.to); }
  const degree = name => (opened.get(name) || 0) + (answered.get(name) || 0);
  const rank = name => offenders.has(name) ? 2 : targets.has(name) ? 1 : 0;
  const all = [...new Set([...opened.keys(), ...answered.keys()])];
  const names = all.sort((a, b) => rank(b) - rank(a) || degree(b) - degree(a) || (a < b ? -1 : 1)).slice(0, limit);
  const opens = name => offenders.has(name) || !targets.has(name) && (opened.get(name) || 0) >= (answered.get(name) || 0);
  const order = (a, b) => rank(b) - rank(a) || (a < b ? -1 : 1);
  return {total: all.length, left: names.filter(opens).sort(order), right: names.filter(name => !opens(name)).sort(order)};
}
// A name in lines that are no wider than there is room, broken behind its separators where it can be.
const pen = document.createElement('canvas').getContext('2d');
function wrapped(name, room) {
  const fits = text => pen.measureText(text).width <= room;
  const lines = [''];
  for (const part of name.match(/[^\s.:/_-]*[\s.:/_-]?/g)) {
    if (fits(lines[lines.length - 1] + part)) { lines[lines.length - 1] += part; continue; }
    if (lines[lines.length - 1]) lines.push('');
    for (const letter of part) {
      if (lines[lines.length - 1] && !fits(lines[lines.length - 1] + letter)) lines.push('');
      lines[lines.length - 1] += letter;
    }
  }
  return lines.map(line => line.trim());
}
function arrow(kind) {
  const tip = draw('marker', {id: 'tip-' + kind, viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 8, markerHeight: 8, markerUnits: 'userSpaceOnUse', orient: 'auto'});
  tip.append(draw('path', {class: 'tip-' + kind, d: 'M0 0L8 4L0 8z'}));
  return tip;
}
function drawMap() {
  const svg = $('map'), isNarrow = svg.parentElement.clientWidth < 560;
  const pairs = attacks();
  const offenders = new Map();
  for (const pair of pairs) offenders.set(pair.from, (offenders.get(pair.from) || false) || pair.isHeld);
  const targets = new Set(pairs.map(pair => pair.to).filter(name => name && !offenders.has(name)));
  const {total, left, right} = chosen(pairs, offenders, targets, isNarrow ? 28 : 56);
  // The longest name gives the columns their width, up to a third of the picture; longer ones are broken.
  const probe = draw('text');
  svg.append(probe);
  // In one word the font is empty, since its figures are all of one width.
  const style = getComputedStyle(probe);
  pen.font = style.fontSize + ' ' + style.fontFamily;
  const most = Math.max(0, ...[...left, ...right].map(name => pen.measureText(name).width));
  const available = Math.max(240, svg.parentElement.clientWidth);
  const room = Math.min(Math.max(120, most + 18), available * .35);
  const lines = new Map([...left, ...right].map(name => [name, wrapped(name, room - 18)]));
  const tallest = Math.max(1, ...[...lines.values()].map(all => all.length));
  const line = 13, row = 21 + line * tallest, top = 18, rows = Math.max(left.length, right.length, 3);
  const width = sized(svg, top + rows * row);
  const place = new Map();
  for (const [names, x] of [[left, room], [right, width - room]])
    names.forEach((name, index) => place.set(name, {x, y: top + (index + .5) * rows * row / names.length - 6}));
  const defs = draw('defs');
  defs.append(arrow('known'), arrow('new'));
  svg.append(defs);
  const edge = (from, to, kind, text) => {
    const [a, b] = [place.get(from), place.get(to)];
    if (!a || !b || from === to) return;
    // Towards the middle, so that lines within a column are seen.
    const bend = a.x === b.x ? {x: a.x + (a.x < width / 2 ? 1 : -1) * Math.min(90, 30 + Math.abs(a.y - b.y) / 3), y: (a.y + b.y) / 2}
      : {x: (a.x + b.x) / 2, y: (a.y + b.y) / 2};
    const away = (from, to) => { const d = Math.hypot(to.x - from.x, to.y - from.y) || 1; return (from.x + 10 * (to.x - from.x) / d).toFixed(1) + ' ' + (from.y + 10 * (to.y - from.y) / d).toFixed(1); };
    const path = draw('path', {class: 'edge ' + kind, 'marker-end': 'url(#tip-' + kind + ')', d: 'M' + away(a, bend) + 'Q' + bend.x.toFixed(1) + ' ' + bend.y.toFixed(1) + ' ' + away(b, bend)});
    path.append(draw('title', {}, from + ' to ' + to + ': ' + text));
    svg.append(path);
  };
  const services = new Map();
  for (const contact of contacts) {
    const key = contact.from + '\u0000' + contact.to;
    services.set(key, [...(services.get(key) || []), contact.service]);
  }
  for (const [key, list] of services) edge(...key.split('\u0000'), 'known', list.join(', '));
  for (const pair of pairs) edge(pair.from, pair.to, 'new', pair.texts.join('; '));
  for (const [name, spot] of place) {
    const isLeft = spot.x < width / 2, x = spot.x + (isLeft ? -12 : 12);
    const role = offenders.get(name) ? 'offender' : offenders.has(name) ? 'watched' : targets.has(name) ? 'target' : '';
    if (role === 'target') svg.append(draw('rect', {class: role, x: spot.x - 6, y: spot.y - 6, width: 12, height: 12}));
    else svg.append(draw('circle', {class: role, cx: spot.x, cy: spot.y, r: role ? 8 : 5}));
    const parts = lines.get(name), all = parts.length + (role ? 1 : 0);
    const label = draw('text', {x, y: spot.y + 4 - line * (all - 1) / 2, 'text-anchor': isLeft ? 'end' : 'start'});
    parts.forEach((part, index) => label.append(draw('tspan', index ? {x, dy: line} : {}, part)));
    if (role) label.append(draw('tspan', {class: 'role ' + role, x, dy: line}, role));
    label.append(draw('title', {}, name));
    svg.append(label);
  }
  const fenced = [...offenders].filter(([, isHeld]) => isHeld).map(([name]) => name);
  $('map-words').textContent = place.size === 0 ? 'Nothing is learned yet.'
    : place.size + ' of ' + total + ' workloads. Arrows point from who opens flows to who answers: solid in clean traffic, dashed from an offender to its target in the last 24 hours; '
      + (fenced.length ? (isDryRun() ? 'offenders that would be fenced: ' : 'offenders that are fenced: ') + fenced.join(', ') : 'nobody is fenced') + '.';
}
