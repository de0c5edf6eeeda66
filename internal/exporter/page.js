'use strict';
// Keeps the page as the server is, by events that say what has changed (events.go),
// and sorts and filters the workers without asking. What comes is text, and is
// only ever shown as text.
(() => {
  const byId = id => document.getElementById(id);
  const table = byId('table');
  const form = byId('choice');
  const heads = [...table.tHead.rows[0].cells];
  const cells = heads.length - 1; // Beside the slot.
  const cellOf = new Map(heads.map((head, i) => [head.dataset.column, i - 1]));
  const titled = [3, 4, 5, 8]; // Cells that have more to say: its texts follow those of the cells.
  const textual = new Set(['state', 'peer', 'note']);
  const descends = new Set(['served', 'cpu', 'memory']); // When asked for first.
  const together = 25; // Rows in a group (table.go).
  const mostPoints = 960;
  const calm = 5000; // Between two times that rows move by themselves: ms.
  const later = 10000; // Until a server is asked again that wouldn't have us: ms.
  const rows = new Map(); // By slot.
  let sort = form.elements.sort.value;
  let descend = form.elements.order.value === 'desc';
  let disorder = false; // Rows aren't where they belong.
  let arranged = -calm; // When they were, last.
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
    const row = {slot: Number(tr.dataset.slot), tr, cells: [...tr.cells].slice(1), texts, all: null, seen: true};
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
    const at = cellOf.get(sort);
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

  // Shows the rows that are chosen, in order, and moves as few of them as it can.
  function arrange() {
    disorder = false;
    arranged = performance.now();
    const sign = descend ? -1 : 1;
    const shown = [];
    for (const row of rows.values()) {
      row.seen = chosen(row);
      if (row.seen) {
        shown.push({row, key: key(row)});
      } else {
        row.tr.remove();
      }
    }
    shown.sort((a, b) => sign * (a.key < b.key ? -1 : a.key > b.key ? 1 : a.row.slot - b.row.slot));
    for (let first = 0, i = 0; first < shown.length; first += together, i++) {
      fill(table.tBodies[i] ?? table.createTBody(), shown.slice(first, first + together));
    }
    while (table.tBodies.length > Math.ceil(shown.length / together)) {
      table.tBodies[table.tBodies.length - 1].remove();
    }
    show(byId('shown'), `${shown.length} of ${rows.size}`);
    show(byId('none'), rows.size ? 'No worker is like that.' : 'There are no workers.');
    byId('none').hidden = shown.length > 0;
  }

  // What is left behind those that belong here is another group's.
  function fill(group, shown) {
    let next = group.firstElementChild;
    for (const {row: {tr}} of shown) {
      if (tr === next) {
        next = next.nextElementSibling;
      } else if (next && next.nextElementSibling === tr) {
        next = tr.nextElementSibling; // The one between belongs further down.
      } else {
        group.insertBefore(tr, next);
      }
    }
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
    const sorted = cellOf.get(sort);
    for (const [slot, ...pairs] of event.rows ?? []) {
      disorder ||= !rows.has(slot);
      const row = rows.get(slot) ?? newRow(slot);
      if (event.full) {
        const given = new Set(pairs.filter((_, i) => i % 2 === 0));
        row.texts.forEach((_, cell) => given.has(cell) || change(row, cell, ''));
      }
      for (let i = 0; i < pairs.length; i += 2) {
        disorder ||= pairs[i] === sorted;
        change(row, pairs[i], pairs[i + 1]);
      }
      disorder ||= chosen(row) !== row.seen;
    }
    const there = new Set((event.rows ?? []).map(([slot]) => slot));
    const gone = event.full ? [...rows.keys()].filter(slot => !there.has(slot)) : event.gone ?? [];
    for (const slot of gone) {
      rows.get(slot)?.tr.remove();
      rows.delete(slot);
      disorder = true;
    }
    // Not under somebody's hand, nor all the time.
    if (event.full || disorder && !table.querySelector('tbody:hover') && performance.now() - arranged > calm) {
      arrange();
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

  table.tHead.addEventListener('click', event => {
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
    arrange();
    remember();
  });
  form.addEventListener('submit', event => event.preventDefault());
  document.addEventListener('visibilitychange', follow);

  byId('live').replaceChildren();
  [...table.tBodies].forEach(group => [...group.rows].forEach(adopt));
  follow();
})();
