'use strict';
// The list of incidents: what it shows is filtered by the monitor and sorted here.

const severities = {1: 'high', 2: 'medium', 3: 'low', 4: 'informational'};
// A pattern's name as words: port_scan is a port scan.
const words = pattern => pattern.replace(/_/g, ' ');
const looksLike = incident => incident.summary.includes(':') ? incident.summary.split(':')[0] : incident.patterns.map(words)[0] || 'unusual traffic';

// A host that was released is an offender of the past.
const held = incident => incident.decision === 'quarantine' && fences.some(fence => fence.id === incident.quarantine_id);
const fateWords = {watched: 'watch', refused: 'refused', fenced: 'quarantine', would_fence: 'would fence', released: 'released', expired: 'expired', ended: 'was fenced'};
const fate = incident => incident.outcome ? fateWords[incident.outcome.state] : held(incident) ? 'quarantine' : incident.decision === 'quarantine' ? 'was fenced' : 'watch';

// What was opened stays open. `recent` are the latest, whatever is filtered.
let incidents = [], recent = [], shown = 20;
const patternsSeen = new Set();
$('older').onclick = () => { shown = Math.min(shown + 80, 999); refreshIncidents(); };
function incidentFilter() {
  const query = new URLSearchParams();
  for (const [name, field] of [['match', 'for-match'], ['pattern', 'for-pattern'], ['state', 'for-state'], ['severity', 'for-severity']])
    if ($(field).value.trim()) query.set(name, $(field).value.trim());
  return query;
}
const orders = {
  latest: (a, b) => b.start - a.start,
  severity: (a, b) => a.severity - b.severity || b.start - a.start,
  workload: (a, b) => a.workload < b.workload ? -1 : a.workload > b.workload ? 1 : b.start - a.start,
  pattern: (a, b) => looksLike(a) < looksLike(b) ? -1 : looksLike(a) > looksLike(b) ? 1 : b.start - a.start,
  windows: (a, b) => b.windows - a.windows || b.start - a.start,
};
async function refreshIncidents() {
  if (!fetched) await refreshFences();
  const query = incidentFilter(), isFiltered = query.size > 0;
  query.set('limit', shown + 1);
  let found;
  try {
    found = await read('/api/v1/incidents?' + query);
    recent = isFiltered ? await read('/api/v1/incidents?limit=50') : found;
  } catch { return; }
  $('older').hidden = found.length <= shown || shown === 999;
  incidents = found.slice(0, shown).map(incident => ({severity: incident.decision === 'quarantine' ? 2 : 3, ...incident}));
  drawMap();
  listPatterns();
  showIncidents(isFiltered);
}
function listPatterns() {
  const before = patternsSeen.size;
  for (const incident of [...recent, ...incidents]) for (const name of incident.patterns) patternsSeen.add(name);
  if (patternsSeen.size === before) return;
  const choice = $('for-pattern'), value = choice.value;
  choice.replaceChildren(make('option', {value: ''}, 'any'), ...[...patternsSeen].sort().map(name => make('option', {value: name}, words(name))));
  choice.value = value;
}
function showIncidents(isFiltered) {
  const box = $('incidents');
  // A comment that is being typed stays.
  const focus = document.activeElement;
  if (box.contains(focus) && focus.matches('input, select')) return;
  const open = new Set([...box.querySelectorAll('details[open]')].map(part => part.dataset.id));
  $('quiet').hidden = incidents.length > 0;
  $('quiet').textContent = isFiltered ? 'No incident is like that.' : 'None so far: all traffic is as the model knows it.';
  $('for-filter').hidden = incidents.length === 0 && !isFiltered;
  incidents.sort(orders[$('for-order').value]);
  box.replaceChildren(...incidents.map(incident => {
    const who = incident.workload === incident.offender ? incident.offender : incident.workload + ' (' + incident.offender + ')';
    const details = make('details', {class: 'incident', 'data-id': incident.event_id},
      make('summary', {},
        make('span', {class: 'marks'}, make('span', {class: 'tag ' + (held(incident) ? 'fence' : 'seen')}, fate(incident)),
          make('span', {class: 'small muted severity'}, severities[incident.severity])),
        make('span', {class: 'who'}, make('strong', {}, who), incident.target_text ? ' \u2192 ' + incident.target_text : ''),
        make('span', {class: 'when small muted'}, times(incident.start, incident.end)),
        make('span', {class: 'why'}, incident.summary + (incident.technique ? ' (' + incident.technique + ')' : ''))));
    details.addEventListener('toggle', () => { if (details.open && !details.dataset.full) explain(details, incident); });
    if (open.has(incident.event_id)) { details.open = true; explain(details, incident); }
    return details;
  }));
}
// Bars, score and summary are those of one window: the incident's strongest.
function explain(details, incident) {
  details.dataset.full = '1';
  const reasons = incident.reasons.map(reason => reason.text === undefined ? {text: reason} : reason);
  const facts = [['Score', incident.score + ', threshold ' + incident.threshold], ['Against', 'the baseline of ' + incident.baseline],
    ['Anomalous windows', whole(incident.windows)], ['More', 'lazaret explain ' + incident.event_id]];
  if (incident.outcome) facts.unshift(['Decision', incident.outcome.text]);
  const runtime = incident.runtime_events || [];
  facts.splice(1, 0, ...runtime.map((event, number) => [number ? '' : 'Runtime events', event.text]));
  if (incident.evidence) facts.splice(1, 0, ['Evidence', incident.evidence + ', ' + incident.evidence_text]);
  const targets = incident.targets || [];
  if (targets.length > 1) facts.splice(1, 0, ['All targets', targets.map(target => target.workload ? target.workload + ' (' + target.address + ')' : target.address).join(', ')
    + (incident.target_count > targets.length ? ' and ' + (incident.target_count - targets.length) + ' more' : '')]);
  if (incident.target || incident.target_text) facts.splice(1, 0, ['Target', incident.target_text || incident.target]);
  // The strongest pattern has the facts above.
  const others = (incident.pattern_details || []).filter(detail => detail.summary !== incident.summary);
  facts.push(...others.flatMap((detail, number) => [[number ? '' : 'Also', times(detail.start, detail.end) + ': ' + detail.summary + (detail.technique ? ' (' + detail.technique + ')' : '')
    + (detail.target_text ? '; target ' + detail.target_text : '') + '; evidence: ' + detail.evidence + ', ' + detail.evidence_text]]));
  const ruler = reasons.some(reason => reason.steps !== undefined) ? [reasonRuler()] : [];
  details.append(make('ul', {class: 'reasons'}, ...reasons.map(reasonItem), ...ruler),
    make('dl', {class: 'facts small'}, ...facts.flatMap(([name, value]) => [make('dt', {}, name), make('dd', {}, value)])));
}
for (const field of ['for-pattern', 'for-state', 'for-severity']) $(field).addEventListener('change', refreshIncidents);
$('for-order').addEventListener('change', () => showIncidents(incidentFilter().size > 0));
let searching = 0;
$('for-match').addEventListener('input', () => { clearTimeout(searching); searching = setTimeout(refreshIncidents, 300); });
$('for-filter').addEventListener('submit', event => { event.preventDefault(); refreshIncidents(); });
