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
  return triage.state + (triage.by ? ' by ' + triage.by : '') + (triage.time ? ', ' + new Date(triage.time).toLocaleString('sv-SE') : '')
    + (triage.comment ? ': ' + triage.comment : '');
}
function triageForm(details, incident) {
  const now = triageElement('p', {className: 'small triage-now'}, 'State: ' + triageWords(incident.triage));
  const comment = triageElement('input', {maxLength: 2000, autocomplete: 'off', value: (incident.triage || {}).comment || ''});
  const span = triageElement('select', {}, ...[['1h', '1 hour'], ['8h', '8 hours'], ['1d', '1 day'], ['7d', '7 days']]
    .map(([value, text]) => triageElement('option', {value}, text)));
  const answer = triageElement('span', {className: 'small', role: 'status'});
  const act = async (path, body, done) => {
    try {
      const reply = await (await triagePost(path, body)).json();
      answer.textContent = done(reply);
    } catch (error) { answer.textContent = error.message === 'locked' ? '' : error.message; }
  };
  const states = triageStates.map(state => triageElement('button', {
    type: 'button', title: state === 'benign' || state === 'malicious' ? 'Also feedback for the model, used at once' : '',
    onclick: () => act('/api/v1/incidents/' + encodeURIComponent(incident.event_id) + '/triage', {state, comment: comment.value},
      reply => { incident.triage = reply; now.textContent = 'State: ' + triageWords(reply); return 'saved'; })}, state));
  const mute = triageElement('button', {type: 'button', onclick: () => act('/api/v1/mutes',
    {workload: incident.workload === 'outside' ? incident.offender : incident.workload, duration: span.value, reason: comment.value || 'muted on the dashboard'},
    reply => 'muted until ' + new Date(reply.until).toLocaleString('sv-SE'))}, 'Mute');
  details.append(now, triageElement('p', {className: 'controls small'},
    triageElement('label', {}, 'Comment ', comment), ...states),
    triageElement('p', {className: 'controls small'}, triageElement('label', {}, 'No alerts of this workload for ', span), mute, answer));
}
// dashboard.js replaces the list at each refresh, so each new entry gets its controls when it is opened.
function triageWatch(details) {
  if (details.dataset.triage) return;
  details.dataset.triage = '1';
  const incident = incidents.find(entry => entry.event_id === details.dataset.id);
  if (!incident) return;
  const said = incident.triage || {state: 'new'};
  const summary = details.querySelector('summary');
  if (said.state !== 'new' && summary) summary.append(triageElement('span', {className: 'tag'}, said.state));
  const open = () => { if (details.open && !details.querySelector('.triage-now')) triageForm(details, incident); };
  details.addEventListener('toggle', open);
  open();
}
new MutationObserver(() => {
  for (const details of document.querySelectorAll('#incidents [data-id]')) triageWatch(details);
}).observe(document.getElementById('incidents'), {childList: true});

// The switch between observing and enforcing.
async function enforcementShow() {
  const place = document.getElementById('enforcement');
  if ($('main').hidden) return;
  let state;
  try { state = await read('/api/v1/enforcement'); } catch { return; }
  const words = (state.mode === 'enforce' ? 'Offenders are fenced' : 'Offenders are only reported')
    + (state.by ? ', switched by ' + state.by + (state.until ? ' until ' + new Date(state.until).toLocaleString('sv-SE') : '') + ': ' + state.reason : '');
  const set = (mode, duration, text) => triageElement('button', {type: 'button', onclick: async () => {
    if (!confirm(text + '?')) return;
    try { await triagePost('/api/v1/enforcement', {mode, ...(duration ? {duration} : {}), reason: 'on the dashboard'}); } catch (error) {
      if (error.message !== 'locked') alert(error.message);
    }
    enforcementShow();
  }}, text);
  place.replaceChildren(words + ' ', ...(state.by ? [set('configured', null, 'As configured')] : []),
    ...(state.mode === 'enforce' ? [set('observe', '30m', 'Pause for 30 minutes')] : [set('enforce', null, 'Enforce')]));
}
enforcementShow();
setInterval(enforcementShow, 5000);
