package exporter

import (
	"encoding/json"
	"fmt"
	"slices"
)

// event is what has changed from one view to the next, as page.js reads it.
type event struct {
	Full  bool              `json:"full,omitempty"` // All that there is.
	Texts map[string]string `json:"texts,omitempty"`
	Rows  [][]any           `json:"rows,omitempty"` // Slot, then the numbers of cells and their texts by turns.
	Gone  []int             `json:"gone,omitempty"` // Slots.
	Lists map[string][]item `json:"lists,omitempty"`
	Lines map[string]string `json:"lines,omitempty"` // Points to add...
	Anew  bool              `json:"anew,omitempty"`  // ...or to begin with.
}

// MarshalJSON makes an item a pair.
func (i item) MarshalJSON() ([]byte, error) {
	return json.Marshal([2]string{i.Name, i.Value})
}

// changes tell what a page must do that shows one view to show another; one that
// has none yet gets all.
func changes(before, now *view) *event {
	e := &event{Full: before == nil}
	if before == nil {
		before = &view{}
	}
	e.Texts = map[string]string{}
	for id, text := range now.Texts {
		if was, ok := before.Texts[id]; !ok || was != text {
			e.Texts[id] = text
		}
	}
	e.rows(before.Rows, now.Rows)
	e.Lists = map[string][]item{}
	for i, l := range now.Lists {
		if e.Full || !slices.Equal(before.Lists[i].Items, l.Items) {
			e.Lists[l.ID] = slices.Clip(append([]item{}, l.Items...))
		}
	}
	e.lines(before, now)
	return e
}

// rows compares two lists that are sorted by slot.
func (e *event) rows(before, now []*row) {
	for len(before) > 0 || len(now) > 0 {
		switch {
		case len(now) == 0 || len(before) > 0 && before[0].Slot() < now[0].Slot():
			e.Gone = append(e.Gone, before[0].Slot())
			before = before[1:]
		case len(before) == 0 || before[0].Slot() > now[0].Slot():
			e.row(&row{}, now[0])
			now = now[1:]
		default:
			if before[0] != now[0] {
				e.row(before[0], now[0])
			}
			before, now = before[1:], now[1:]
		}
	}
}

func (e *event) row(before, now *row) {
	change := []any{now.Slot()}
	for i, text := range now.Cells {
		if text != before.Cells[i] {
			change = append(change, i, text)
		}
	}
	if len(change) > 1 {
		e.Rows = append(e.Rows, change)
	}
}

func (e *event) lines(before, now *view) {
	e.Anew = e.Full || !before.origin.Equal(now.origin)
	first := 0
	if !e.Anew {
		first = now.newer(&before.drawing)
	}
	if first == len(now.points) {
		return
	}
	e.Lines = map[string]string{}
	for i := range plots {
		for j := range plots[i].Lines {
			l := &plots[i].Lines[j]
			e.Lines[l.ID] = now.pointsFrom(first, l)
		}
	}
}

// bytes are the event as it goes to everybody.
func (e *event) bytes() ([]byte, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("can't tell what has changed: %w", err)
	}
	return fmt.Appendf(nil, "data: %s\n\n", text), nil
}

const (
	mostFollowers = 100
	// behind is how many events somebody may be late.
	behind = 4
)

// followers are those who have the page open. Each gets the same bytes.
type followers map[chan []byte]struct{}

// add begins with what the new one gets first. Nil: there are too many.
func (f followers) add(first []byte) chan []byte {
	if len(f) >= mostFollowers {
		return nil
	}
	one := make(chan []byte, behind)
	one <- first
	f[one] = struct{}{}
	return one
}

func (f followers) remove(one chan []byte) {
	if _, ok := f[one]; ok {
		delete(f, one)
		close(one)
	}
}

// send cuts off who doesn't take what was sent before: his page begins anew.
func (f followers) send(event []byte) {
	for one := range f {
		select {
		case one <- event:
		default:
			f.remove(one)
		}
	}
}
