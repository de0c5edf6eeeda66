package reactor

import (
	"runtime/debug"
	"unsafe"

	"socketserver/internal/queue"
)

// memory is what held connections take. It is used again and never given back,
// so that the collector finds nothing to do: its memory limit is raised by as
// much.
type memory struct {
	spare  *hold
	extras [mostBlocks + 1][][]byte // Spare ones, by how many blocks they have.
}

// What is taken at a time, and the blocks of an extra.
const (
	holdsAtATime  = 256
	extrasAtATime = 64
	extraBlock    = 512
	mostBlocks    = queue.MostExtra / extraBlock
)

// raise raises the limit for so many bytes more, or less.
func (m *memory) raise(bytes int) {
	debug.SetMemoryLimit(debug.SetMemoryLimit(-1) + int64(bytes))
}

// counted raises the limit for what a service's counting has taken.
func (m *memory) counted(s *service) {
	if bytes := s.limits.Bytes(); bytes != s.limitBytes {
		m.raise(bytes - s.limitBytes)
		s.limitBytes = bytes
	}
}

// hold is a hold whose deadline is ready to be set.
func (m *memory) hold() *hold {
	if m.spare == nil {
		all := make([]hold, holdsAtATime)
		m.raise(int(unsafe.Sizeof(all[0])) * len(all))
		for i := range all {
			h := &all[i]
			h.deadline.due, h.deadline.owner = h.expire, h
			m.putHold(h)
		}
	}
	h := m.spare
	m.spare, h.next = h.next, nil
	return h
}

func (m *memory) putHold(h *hold) {
	h.service, h.arrival = nil, arrival{connection: queue.NoConnection}
	m.spare, h.next = h, m.spare
}

// extra is memory for so many bytes, at most queue.MostExtra; 0: none.
func (m *memory) extra(size int) []byte {
	blocks := (size + extraBlock - 1) / extraBlock
	if blocks == 0 {
		return nil
	}
	spare := &m.extras[blocks]
	if len(*spare) == 0 {
		length := blocks * extraBlock
		all := make([]byte, length*extrasAtATime)
		m.raise(len(all))
		for ; len(all) > 0; all = all[length:] {
			*spare = append(*spare, all[:length:length])
		}
	}
	last := len(*spare) - 1
	extra := (*spare)[last]
	*spare = (*spare)[:last]
	return extra[:size]
}

func (m *memory) putExtra(extra []byte) {
	if blocks := cap(extra) / extraBlock; blocks > 0 {
		m.extras[blocks] = append(m.extras[blocks], extra)
	}
}
