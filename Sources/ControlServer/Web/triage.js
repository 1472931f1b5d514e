'use strict';
// States, comments and mutes of incidents, in the details that dashboard.js makes. Comments are
// other people's text: they only ever become text.
const triageStates = ['new', 'acknowledged', 'benign', 'malicious', 'closed'];

function triageElement(name, properties, ...children) {
  const element = document.createElement(name);
  Object.assign(element, properties);
  element.append(...children);
  return element;
}
async function triagePost(path, body) {
  return ask(path, {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(body)});
}
function triageWords(triage) {
  if (!triage || triage.state === 'new' && !triage.comment) return 'new';
  return triage.state + (triage.by ? ' by ' + triage.by : '') + (triage.time ? ', ' + moment(triage.time) : '')
    + (triage.comment ? ': ' + triage.comment : '');
}
function triageForm(details, incident) {
  const now = triageElement('p', {className: 'small triage-now'}, 'State: ' + triageWords(incident.triage));
  details.append(now);
  if (!mayAct) return;
  const comment = triageElement('input', {maxLength: 2000, autocomplete: 'off', value: (incident.triage || {}).comment || ''});
  const choice = options => triageElement('select', {}, ...options.map(([value, text]) => triageElement('option', {value}, text)));
  const span = choice([['1h', '1 hour'], ['8h', '8 hours'], ['1d', '1 day'], ['7d', '7 days']]);
  const kind = choice([['', 'any pattern'], ...incident.patterns.map(name => [name, 'only ' + words(name)])]);
  const answer = triageElement('span', {className: 'small', role: 'status'});
  const act = async (path, body, done) => {
    try {
      const reply = await (await triagePost(path, body)).json();
      answer.textContent = done(reply);
    } catch (error) { answer.textContent = error.message === 'locked' ? '' : error.message; }
  };
  const path = '/api/v1/incidents/' + encodeURIComponent(incident.event_id);
  const states = triageStates.map(state => triageElement('button', {
    type: 'button', title: state === 'benign' || state === 'malicious' ? 'Also feedback for the model, used at once' : '',
    onclick: () => act(path + '/triage', {state, comment: comment.value},
      reply => { incident.triage = reply; now.textContent = 'State: ' + triageWords(reply); triageTag(details, incident); return 'saved'; })}, state));
  const mute = triageElement('button', {type: 'button', onclick: () => act('/api/v1/mutes',
    {workload: incident.workload === 'outside' ? incident.offender : incident.workload, ...(kind.value ? {pattern: kind.value} : {}),
      duration: span.value, reason: comment.value.slice(0, 500) || 'muted on the dashboard'},
    reply => { mutesShow(); return 'muted until ' + moment(reply.until); })}, 'Mute');
  const packets = triageElement('button', {type: 'button', onclick: async () => {
    answer.textContent = 'reading the recording';
    try {
      const reply = await ask(path + '/packets'), left = +reply.headers.get('Lazaret-Left-Out');
      const link = triageElement('a', {href: URL.createObjectURL(await reply.blob()), download: 'lazaret-' + incident.event_id + '.pcapng'});
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60000);
      answer.textContent = left ? left + ' packets did not fit and are left out' : 'saved';
    } catch (error) { answer.textContent = error.message === 'locked' ? '' : error.message; }
  }}, 'Download packets');
  details.append(triageElement('p', {className: 'actions small'}, triageElement('label', {}, 'Comment ', comment), ...states),
    triageElement('p', {className: 'actions small'}, triageElement('label', {}, 'No alerts of this workload for ', span, ' of ', kind), mute,
      ...(recorded ? [packets] : [])),
    triageElement('p', {className: 'small'}, answer));
}
function triageTag(details, incident) {
  const summary = details.querySelector('summary'), said = incident.triage || {state: 'new'};
  const old = summary.querySelector('.said');
  if (old) old.remove();
  if (said.state !== 'new') summary.querySelector('.marks').append(triageElement('span', {className: 'tag said'}, said.state));
}
// dashboard.js replaces the list at each refresh, so each new entry gets its controls when it is opened.
function triageWatch(details) {
  if (details.dataset.triage) return;
  details.dataset.triage = '1';
  const incident = incidents.find(entry => entry.event_id === details.dataset.id);
  if (!incident) return;
  triageTag(details, incident);
  const open = () => { if (details.open && !details.querySelector('.triage-now')) triageForm(details, incident); };
  details.addEventListener('toggle', open);
  open();
}
new MutationObserver(() => {
  for (const details of document.querySelectorAll('#incidents [data-id]')) triageWatch(details);
}).observe(document.getElementById('incidents'), {childList: true});

// Active mutes.
async function mutesShow() {
  if ($('main').hidden) return;
  let mutes;
  try { mutes = await read('/api/v1/mutes'); } catch { return; }
  $('mutes').replaceChildren(...mutes.map(mute => triageElement('li', {},
    'Muted: ' + mute.workload + ', ' + (mute.pattern ? words(mute.pattern) : 'any pattern') + ', until ' + moment(mute.until) + ' by ' + mute.by + ': ' + mute.reason + ' ',
    triageElement('button', {type: 'button', className: 'act', onclick: async () => {
      try { await triagePost('/api/v1/mutes/' + mute.number + '/end', {}); } catch (error) { if (error.message !== 'locked') state(error.message, 'bad'); }
      mutesShow();
    }}, 'End'))));
}

// The switch between observing and enforcing.
async function enforcementShow() {
  const place = document.getElementById('enforcement');
  if ($('main').hidden) return;
  let state;
  try { state = await read('/api/v1/enforcement'); } catch { return; }
  const words = (state.mode === 'enforce' ? 'Offenders are fenced' : 'Offenders are only reported')
    + (state.by ? ', switched by ' + state.by + (state.until ? ' until ' + moment(state.until) : '') + ': ' + state.reason : '');
  const facts = JSON.stringify([state, mayAct]);
  if (place.dataset.facts === facts) return;
  place.dataset.facts = facts;
  const set = (mode, duration, text) => triageElement('button', {type: 'button', className: 'act', onclick: async () => {
    const time = duration && duration.value;
    if (!confirm(text + (time ? ' for ' + duration.selectedOptions[0].textContent : '') + '?')) return;
    try { await triagePost('/api/v1/enforcement', {mode, ...(time ? {duration: time} : {}), reason: 'on the dashboard'}); } catch (error) {
      if (error.message !== 'locked') alert(error.message);
    }
    enforcementShow();
  }}, text);
  const times = triageElement('select', {className: 'act', ariaLabel: 'For how long'}, ...[['10m', '10 minutes'], ['30m', '30 minutes'], ['1h', '1 hour'], ['4h', '4 hours'], ['', 'an open end']]
    .map(([value, text]) => triageElement('option', {value}, text)));
  place.replaceChildren(words + ' ', ...(state.by ? [set('configured', null, 'As configured'), ' '] : []),
    ...(state.mode === 'enforce' ? [set('observe', times, 'Only report'), ' ', times] : [set('enforce', null, 'Enforce')]));
}
setInterval(() => { enforcementShow(); mutesShow(); }, 5000);
