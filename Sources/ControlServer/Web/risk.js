'use strict';
// The page of the risk of workloads. Names and text of the network only ever become text.
const $ = id => document.getElementById(id);
const token = sessionStorage.getItem('token') || '';
const opened = new Set();
let report = null;

function make(name, properties, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}
function draw(name, attributes) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
const whole = value => String(Math.round(value));
// A value of 0 to 100 as a bar; all bars have this scale.
function bar(value, words, kind) {
  const svg = draw('svg', {class: 'bar', role: 'img', viewBox: '0 0 100 10', preserveAspectRatio: 'none'});
  svg.append(title(words), draw('rect', {class: 'track', width: 100, height: 10}), draw('rect', {class: kind, width: value > 0 ? Math.max(.4, value) : 0, height: 10}));
  return svg;
}
function title(words) {
  const element = draw('title', {});
  element.textContent = words;
  return element;
}
// The scores of the last days; where none is known, there is no line.
function trendLine(row) {
  const svg = draw('svg', {class: 'spark', role: 'img', viewBox: '0 0 ' + (row.scores.length + 1) + ' 30', preserveAspectRatio: 'none'});
  const known = row.scores.filter(score => score !== null);
  svg.append(title(row.trend_text + (known.length ? '; ' + whole(Math.min(...known)) + ' to ' + whole(Math.max(...known)) + ' in ' + known.length + ' days' : '')));
  let part = [];
  const end = () => {
    if (part.length === 1) part.push([part[0][0] + 1, part[0][1]]);
    if (part.length) svg.append(draw('polyline', {points: part.map(point => point.join()).join(' ')}));
    part = [];
  };
  row.scores.forEach((score, day) => { if (score === null) end(); else part.push([day, (29 - score * .28).toFixed(2)]); });
  end();
  return svg;
}
const colors = {moderate: 'cell', high: 'value', critical: 'value'};
const kinds = {anomaly: 'Incidents', indicators: 'Listed contacts', runtime: 'Runtime events', vulnerability: 'Vulnerabilities', posture: 'Settings', exposure: 'Exposure'};
function parts(row) {
  return make('ul', {class: 'parts'}, ...row.parts.map(part => {
    const words = part.points.toFixed(1) + ' points' + (part.unknown ? ', assumed' : '');
    return make('li', {}, make('strong', {}, kinds[part.kind] || part.kind), ' ' + words, bar(part.points, part.kind + ': ' + words, part.unknown ? 'assumed' : colors[row.band] || 'calm'),
      make('span', {}, part.text), ...(part.action ? [make('span', {class: 'muted'}, ' What to do: ' + part.action)] : []));
  }));
}
function reasons(row) {
  const details = make('details', {}, make('summary', {}, row.reason || 'nothing is known'), parts(row));
  details.open = opened.has(row.workload);
  details.addEventListener('toggle', () => { if (details.open) opened.add(row.workload); else opened.delete(row.workload); });
  return details;
}
const arrows = {rising: '↑ rising', falling: '↓ falling', steady: '→ steady', unknown: 'too few days'};
function tableRow(row) {
  const forecast = row.forecast;
  const band = {high: ' fence', critical: ' fence', moderate: ' seen'}[row.band] || '';
  return make('tr', {'data-workload': row.workload},
    make('th', {scope: 'row'}, row.workload),
    make('td', {}, make('span', {class: 'score'}, whole(row.score)), ' ', make('span', {class: 'tag' + band}, row.band), bar(row.score, 'score ' + whole(row.score) + ' of 100', colors[row.band] || 'calm')),
    make('td', {}, trendLine(row), make('span', {class: 'small'}, row.trend_text.includes(':') ? row.trend_text : arrows[row.trend] || row.trend)),
    make('td', {}, forecast ? make('span', {}, whole(forecast.expected), make('span', {class: 'muted'}, ' (' + whole(forecast.lower) + ' to ' + whole(forecast.upper) + ')')) : make('span', {class: 'muted small'}, 'no forecast yet')),
    make('td', {}, reasons(row), ...(row.action ? [make('p', {class: 'small'}, 'First: ' + row.action)] : [])));
}
const trends = ['rising', 'steady', 'unknown', 'falling'];
const orders = {
  rank: (one, other) => one.rank - other.rank,
  workload: (one, other) => one.workload < other.workload ? -1 : one.workload > other.workload ? 1 : 0,
  trend: (one, other) => trends.indexOf(one.trend) - trends.indexOf(other.trend) || one.rank - other.rank,
  forecast: (one, other) => (other.forecast ? other.forecast.expected : -1) - (one.forecast ? one.forecast.expected : -1) || one.rank - other.rank,
};
const limit = 200;
function show() {
  if (!report) return;
  const wanted = $('filter').value.trim().toLowerCase();
  const found = report.workloads.filter(row => row.workload.toLowerCase().includes(wanted)).sort(orders[$('order').value]);
  $('risk').tBodies[0].replaceChildren(...found.slice(0, limit).map(tableRow));
  const hidden = found.length - limit;
  $('caption').textContent = found.length === 0 ? 'No such workloads.'
    : found.length + (found.length === 1 ? ' workload' : ' workloads') + (hidden > 0 ? ', the first ' + limit + ' of them' : '') + ', ' + new Date(report.time).toISOString().slice(0, 16).replace('T', ' ') + ' UTC';
  $('remarks').replaceChildren(...report.remarks.map(remark => make('li', {}, remark)));
  for (const button of document.querySelectorAll('#risk thead button'))
    button.parentElement.setAttribute('aria-sort', button.dataset.order !== $('order').value ? 'none' : ['rank', 'forecast'].includes(button.dataset.order) ? 'descending' : 'ascending');
}
async function refresh() {
  try {
    const answer = await fetch('/api/v1/risk?limit=5000', {headers: token ? {Authorization: 'Bearer ' + token} : {}});
    if (answer.status === 401) throw new Error('enter the token on the dashboard first');
    const body = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(body.detail || answer.statusText);
    report = body;
    $('state').textContent = '';
    // What is being read or selected stays as it is.
    if (!getSelection().toString()) show();
  } catch (error) {
    $('state').textContent = error.message;
  }
}
$('filter').addEventListener('input', show);
$('order').addEventListener('change', show);
for (const button of document.querySelectorAll('#risk thead button'))
  button.addEventListener('click', () => { $('order').value = button.dataset.order; show(); });
refresh();
setInterval(refresh, 15000);
