'use strict';
// Keeps the page as the server is, by events that say what has changed (events.go),
// and sorts and filters the workers without asking. What comes is text, and is
// only ever shown as text.
(() => {
  const byId = id => document.getElementById(id);
  const body = byId('table').tBodies[0];
  const form = byId('choice');
  const heads = [...byId('table').tHead.rows[0].cells];
  const cells = heads.length - 1; // Beside the slot.
  const titled = [3, 4, 5, 8]; // Cells that have more to say: its texts follow those of the cells.
  const textual = new Set(['state', 'peer', 'note']);
  const descends = new Set(['served', 'cpu', 'memory']); // When asked for first.
  const mostPoints = 960;
  const later = 10000; // Until a server is asked again that wouldn't have us: ms.
  const rows = new Map(); // By slot.
  let sort = form.elements.sort.value;
  let descend = form.elements.order.value === 'desc';
  let disorder = false; // Rows aren't where they belong: somebody points at them.
  let source = null;
  let timer = 0;

  function show(node, text) {
    if (node.firstChild) {
      node.firstChild.data = text;
    } else if (text !== '') {
      node.append(text);
    }
  }

  // Rows.

  function adopt(tr) {
    const texts = [...tr.cells].slice(1).map(cell => cell.textContent);
    for (const i of titled) {
      texts.push(tr.cells[i + 1].title);
    }
    const row = {slot: Number(tr.dataset.slot), tr, cells: [...tr.cells].slice(1), texts, all: null};
    rows.set(row.slot, row);
    return row;
  }

  function newRow(slot) {
    const tr = document.createElement('tr');
    tr.dataset.slot = slot;
    const head = document.createElement('th');
    head.scope = 'row';
    head.append(String(slot));
    tr.append(head);
    for (let i = 0; i < cells; i++) {
      tr.append(document.createElement('td'));
    }
    body.append(tr);
    return adopt(tr);
  }

  function change(row, cell, text) {
    if (row.texts[cell] === text) {
      return;
    }
    row.texts[cell] = text;
    row.all = null;
    if (cell >= cells) {
      row.cells[titled[cell - cells]].title = text;
      return;
    }
    show(row.cells[cell], text);
    if (cell === 2) {
      row.tr.dataset.state = text.split(',')[0];
    }
  }

  function chosen(row) {
    const text = form.elements.filter.value.toLowerCase();
    const state = form.elements.state.value;
    if (state && row.tr.dataset.state !== state) {
      return false;
    }
    row.all ??= [row.slot, ...row.texts].join('\n').toLowerCase();
    return row.all.includes(text);
  }

  function key(row) {
    const at = heads.findIndex(head => head.dataset.column === sort) - 1;
    if (at < 0) {
      return row.slot;
    }
    if (sort === 'since') {
      return row.cells[at].title; // The year is only there.
    }
    if (textual.has(sort)) {
      return row.texts[at];
    }
    const number = parseFloat(row.texts[at]);
    return Number.isNaN(number) ? -1 : number;
  }

  // Moves as few rows as it can.
  function arrange() {
    if (body.matches(':hover')) {
      disorder = true;
      return;
    }
    disorder = false;
    const sign = descend ? -1 : 1;
    const keyed = [...rows.values()].map(row => ({row, key: key(row)}));
    keyed.sort((a, b) => sign * (a.key < b.key ? -1 : a.key > b.key ? 1 : a.row.slot - b.row.slot));
    let next = body.firstElementChild;
    for (const {row: {tr}} of keyed) {
      if (tr === next) {
        next = next.nextElementSibling;
      } else if (next && next.nextElementSibling === tr) {
        next = tr.nextElementSibling; // The one between belongs further down.
      } else {
        body.insertBefore(tr, next);
      }
    }
  }

  function filter(some) {
    for (const row of some) {
      row.tr.hidden = !chosen(row);
    }
    let seen = 0;
    for (const row of rows.values()) {
      seen += row.tr.hidden ? 0 : 1;
    }
    show(byId('shown'), `${seen} of ${rows.size}`);
    show(byId('none'), rows.size ? 'No worker is like that.' : 'There are no workers.');
    byId('none').hidden = seen > 0;
  }

  // What another server's page would be asked for, and what this one shows.
  function query(by, down) {
    const words = new URLSearchParams({sort: by, order: down ? 'desc' : 'asc'});
    for (const name of ['filter', 'state']) {
      if (form.elements[name].value) {
        words.set(name, form.elements[name].value);
      }
    }
    return '?' + words;
  }

  function remember() {
    history.replaceState(null, '', query(sort, descend) + location.hash);
    form.elements.sort.value = sort;
    form.elements.order.value = descend ? 'desc' : 'asc';
    for (const head of heads) {
      const by = head.dataset.column;
      const order = by !== sort ? 'none' : descend ? 'descending' : 'ascending';
      head.setAttribute('aria-sort', order);
      head.firstElementChild.href = query(by, by === sort ? !descend : descends.has(by));
    }
  }

  // Events.

  function texts(all) {
    for (const [where, text] of Object.entries(all)) {
      const [id, attribute] = where.split('@');
      const node = byId(id);
      if (!node) {
        continue;
      }
      if (!attribute) {
        show(node, text);
      } else if (attribute.startsWith('data-') || attribute === 'transform') {
        node.setAttribute(attribute, text);
      }
    }
  }

  function lists(all) {
    for (const [id, items] of Object.entries(all)) {
      const table = byId(id);
      const list = table.tBodies[0];
      items.forEach(([name, value], i) => {
        let tr = list.rows[i];
        if (!tr) {
          tr = list.insertRow();
          const head = document.createElement('th');
          head.scope = 'row';
          tr.append(head, document.createElement('td'));
        }
        show(tr.cells[0], name);
        show(tr.cells[1], value);
      });
      while (list.rows.length > items.length) {
        list.deleteRow(-1);
      }
      table.hidden = items.length === 0;
      byId(id + '-empty').hidden = items.length > 0;
    }
  }

  function lines(all, anew) {
    for (const [id, text] of Object.entries(all)) {
      const line = byId(id);
      if (anew) {
        line.setAttribute('points', text);
        continue;
      }
      for (const pair of text.split(' ')) {
        const point = line.ownerSVGElement.createSVGPoint();
        [point.x, point.y] = pair.split(',').map(Number);
        line.points.appendItem(point);
      }
      while (line.points.numberOfItems > mostPoints) {
        line.points.removeItem(0);
      }
    }
  }

  function workers(event) {
    const changed = [];
    const sorted = heads.findIndex(head => head.dataset.column === sort) - 1;
    let moves = disorder;
    for (const [slot, ...pairs] of event.rows ?? []) {
      moves ||= !rows.has(slot);
      const row = rows.get(slot) ?? newRow(slot);
      if (event.full) {
        const given = new Set(pairs.filter((_, i) => i % 2 === 0));
        row.texts.forEach((_, cell) => given.has(cell) || change(row, cell, ''));
      }
      for (let i = 0; i < pairs.length; i += 2) {
        moves ||= pairs[i] === sorted;
        change(row, pairs[i], pairs[i + 1]);
      }
      changed.push(row);
    }
    const there = new Set((event.rows ?? []).map(([slot]) => slot));
    const gone = event.full ? [...rows.keys()].filter(slot => !there.has(slot)) : event.gone ?? [];
    for (const slot of gone) {
      rows.get(slot)?.tr.remove();
      rows.delete(slot);
    }
    if (moves) {
      arrange();
    }
    if (changed.length || gone.length) {
      filter(changed);
    }
  }

  function hear({data}) {
    const event = JSON.parse(data);
    texts(event.texts ?? {});
    workers(event);
    lists(event.lists ?? {});
    lines(event.lines ?? {}, event.anew);
    live('on', 'Live');
  }

  function live(how, text) {
    if (document.body.dataset.live !== how) {
      document.body.dataset.live = how;
      show(byId('live'), text);
      byId('stale').hidden = how !== 'lost';
    }
  }

  function lose() {
    live('lost', 'Not live');
    if (source.readyState === EventSource.CLOSED) {
      clearTimeout(timer);
      timer = setTimeout(follow, later);
    }
  }

  // Nobody looks at a page that is hidden.
  function follow() {
    clearTimeout(timer);
    source?.close();
    source = null;
    if (!document.hidden) {
      source = new EventSource('events');
      source.onmessage = hear;
      source.onerror = lose;
    }
  }

  byId('table').tHead.addEventListener('click', event => {
    const head = event.target.closest('th');
    if (!event.target.closest('a') || event.ctrlKey || event.metaKey || event.shiftKey) {
      return;
    }
    event.preventDefault();
    const by = head.dataset.column;
    descend = by === sort ? !descend : descends.has(by);
    sort = by;
    remember();
    arrange();
  });
  form.addEventListener('input', () => {
    filter(rows.values());
    remember();
  });
  form.addEventListener('submit', event => event.preventDefault());
  body.addEventListener('mouseleave', () => disorder && arrange());
  document.addEventListener('visibilitychange', follow);

  byId('live').replaceChildren();
  [...body.rows].forEach(adopt);
  follow();
})();
