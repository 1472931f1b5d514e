'use strict';
// The page of the flow history. Names and text of the network only ever become text.
const $ = id => document.getElementById(id);
const token = sessionStorage.getItem('token') || '';
const whole = new Intl.NumberFormat('en');
// What is sorted is what was loaded.
const orders = {
  latest: (a, b) => new Date(b.start) - new Date(a.start), earliest: (a, b) => new Date(a.start) - new Date(b.start),
  bytes: (a, b) => b.orig_bytes + b.resp_bytes - a.orig_bytes - a.resp_bytes,
  packets: (a, b) => b.orig_packets + b.resp_packets - a.orig_packets - a.resp_packets,
  longest: (a, b) => new Date(b.end) - new Date(b.start) - new Date(a.end) + new Date(a.start),
};
let before = null, wanted = 0, flows = [];

function cell(name, text, kind) {
  const element = document.createElement(name);
  element.textContent = text;
  if (kind) element.className = kind;
  return element;
}
function end(flow, side) {
  const address = flow[side], port = flow[side + '_port'], name = flow[side + '_workload'];
  const place = (address.includes(':') ? '[' + address + ']' : address) + ':' + port;
  return name ? name + ' (' + place + ')' : place;
}
function row(flow) {
  const start = new Date(flow.start), seconds = (new Date(flow.end) - start) / 1000;
  const line = document.createElement('tr');
  line.append(
    cell('td', start.toLocaleString('sv-SE'), 'nowrap'), cell('td', seconds.toFixed(1), 'n'),
    cell('td', flow.proto), cell('td', end(flow, 'orig')), cell('td', end(flow, 'resp')),
    cell('td', whole.format(flow.orig_packets + flow.resp_packets), 'n'),
    cell('td', whole.format(flow.orig_bytes + flow.resp_bytes), 'n'), cell('td', flow.conn_state + (flow.new ? ', new' : '')));
  return line;
}
function show() {
  flows.sort(orders[$('order').value]);
  $('flows').tBodies[0].replaceChildren(...flows.map(row));
  $('caption').textContent = flows.length === 0 ? 'No such flows.'
    : whole.format(flows.length) + ' flows' + (before === null ? '' : ', and there are earlier ones');
}
function path() {
  const query = new URLSearchParams({limit: '200'});
  for (const name of ['workload', 'peer', 'port']) {
    const value = $(name).value.trim();
    if (value) query.set(name, value);
  }
  for (const name of ['from', 'to'])
    if ($(name).value) query.set(name, Math.floor(new Date($(name).value) / 1000));
  if (before !== null) query.set('before', before);
  return '/api/v1/flows?' + query;
}
async function ask() {
  const answer = await fetch(path(), {headers: token ? {Authorization: 'Bearer ' + token} : {}});
  if (answer.status === 401) throw new Error('enter the token on the dashboard first');
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(body.detail || answer.statusText);
  return body;
}
// An answer may be empty and still not the last one: each request looks at a part of the history.
async function more() {
  const mine = ++wanted;
  $('older').hidden = true;
  $('state').textContent = 'searching';
  try {
    for (let added = 0; added < 200;) {
      const answer = await ask();
      if (mine !== wanted) return;
      flows.push(...answer.flows);
      added += answer.flows.length;
      before = answer.before === undefined ? null : answer.before;
      show();
      if (before === null) break;
    }
    $('older').hidden = before === null;
    $('state').textContent = '';
  } catch (error) {
    if (mine === wanted) $('state').textContent = error.message;
  }
}
$('query').addEventListener('submit', event => {
  event.preventDefault();
  before = null;
  flows = [];
  $('flows').tBodies[0].replaceChildren();
  $('caption').textContent = '';
  more();
});
$('zone').textContent = ' (' + Intl.DateTimeFormat().resolvedOptions().timeZone + ')';
$('older').addEventListener('click', more);
$('order').addEventListener('change', show);
more();
