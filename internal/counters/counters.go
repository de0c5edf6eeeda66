// Package counters is numbers with names that all workers of a server share, and its
// successors', in shared memory. process/counters.h says how a name is put down
// there; the types here state the same layout.
//
// Who writes may have been taken over, so all that is read is checked.
package counters

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"sync/atomic"
	"unicode/utf8"
	"unsafe"

	"golang.org/x/sys/unix"

	"socketserver/internal/descriptor"
)

const (
	most    = 256 // Names...
	longest = 64  // ...and how long they are at most.
	words   = longest / 8
	named   = 0x100 // What a length has more.
	size    = most * int(unsafe.Sizeof(entry{}))

	// Without these, who has the file could end each process that looks at it.
	seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW
)

// Counter is one of them.
type Counter struct {
	Name  string
	Value int64
}

// name is an SsCounterName: 64 bytes, what is behind the end 0xff, and the length.
type name [words + 1]uint64

// entry is an SsCounter.
type entry struct {
	name  name
	value int64
}

// Counters are those of a memory file. One goroutine may use them at a time.
type Counters struct {
	fd      int // -1: the file is somebody else's.
	memory  []byte
	entries []entry
	device  uint64
	inode   uint64
	added   [most]int64 // What of it was added to others.
}

// New makes a memory file of no counters.
func New() (*Counters, error) {
	fd, err := unix.MemfdCreate("socketserver-counters", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err == nil {
		fd, err = descriptor.AboveStandard(fd)
	}
	if err != nil {
		return nil, fmt.Errorf("can't make counters: %w", err)
	}
	err = unix.Ftruncate(fd, int64(size))
	if err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals)
	}
	if err != nil {
		descriptor.Close(fd)
		return nil, fmt.Errorf("can't make counters: %w", err)
	}
	c, err := Take(fd)
	if err != nil {
		descriptor.Close(fd)
	}
	return c, err
}

// Take takes a memory file that another server has made, whose descriptor, but after
// an error, is the counters'.
func Take(fd int) (*Counters, error) {
	c, err := open(fd, unix.PROT_READ|unix.PROT_WRITE)
	if err == nil {
		c.fd = fd
	}
	return c, err
}

// Map maps them to be read. The descriptor stays the caller's, who may close it.
func Map(fd int) (*Counters, error) {
	return open(fd, unix.PROT_READ)
}

func open(fd, access int) (*Counters, error) {
	got, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	if err != nil || got&seals != seals {
		return nil, fmt.Errorf("the counters' file is not sealed, its size can change: %w", unix.EPERM)
	}
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return nil, fmt.Errorf("can't read counters: %w", err)
	}
	if stat.Size != int64(size) {
		return nil, fmt.Errorf("counters have no %d bytes: %w", stat.Size, unix.EINVAL)
	}
	memory, err := unix.Mmap(fd, 0, size, access, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("can't map counters: %w", err)
	}
	entries := unsafe.Slice((*entry)(unsafe.Pointer(&memory[0])), most)
	return &Counters{fd: -1, memory: memory, entries: entries, device: uint64(stat.Dev), inode: stat.Ino}, nil
}

// Fd is the memory file, which stays the counters'; -1: they haven't got it.
func (c *Counters) Fd() int {
	return c.fd
}

// Release closes the file; they are read on.
func (c *Counters) Release() {
	if c.fd >= 0 {
		descriptor.Close(c.fd)
		c.fd = -1
	}
}

// Close ends them; nil is none.
func (c *Counters) Close() {
	if c != nil && c.memory != nil {
		_ = unix.Munmap(c.memory)
		c.memory, c.entries = nil, nil
		c.Release()
	}
}

// Same tells whether both are of one file.
func (c *Counters) Same(other *Counters) bool {
	return c.device == other.device && c.inode == other.inode
}

// All are those that have a name, sorted by it.
func (c *Counters) All() []Counter {
	var all []Counter
	for i := range c.entries {
		e := &c.entries[i]
		if text, ok := e.name.text(); ok {
			all = append(all, Counter{text, atomic.LoadInt64(&e.value)})
		}
	}
	// Only who writes what he must not has a name twice; all count in the first.
	slices.SortStableFunc(all, func(a, b Counter) int { return cmp.Compare(a.Name, b.Name) })
	return slices.CompactFunc(all, func(a, b Counter) bool { return a.Name == b.Name })
}

// Add adds what others have counted since they were added last, and returns for how
// many of these there was no room.
func (c *Counters) Add(others *Counters) (lost int) {
	for i := range others.entries {
		e := &others.entries[i]
		text, ok := e.name.text()
		value := atomic.LoadInt64(&e.value)
		if !ok || value == others.added[i] {
			continue
		}
		to := c.claim(nameOf(text))
		if to == nil {
			lost++
			continue
		}
		atomic.AddInt64(&to.value, value-others.added[i])
		others.added[i] = value
	}
	return lost
}

// claim finds the entry of a name, or puts it down; nil: there is no room.
func (c *Counters) claim(n name) *entry {
	for i := range c.entries {
		if e := &c.entries[i]; e.claim(n, len(n)) {
			return e
		}
	}
	return nil
}

// claim puts down so many words of a name, where there is none of another's.
func (e *entry) claim(n name, count int) bool {
	for i := range n[:count] {
		word := &e.name[i]
		if atomic.LoadUint64(word) == 0 {
			atomic.CompareAndSwapUint64(word, 0, n[i])
		}
		if atomic.LoadUint64(word) != n[i] {
			return false
		}
	}
	return true
}

// nameOf makes a name of what text has found to be one.
func nameOf(text string) (n name) {
	to := (*[longest]byte)(unsafe.Pointer(&n))
	for i := copy(to[:], text); i < longest; i++ {
		to[i] = 0xff
	}
	n[words] = named + uint64(len(text))
	return n
}

// text reads a name, if it is one that may be shown.
func (n *name) text() (string, bool) {
	length := atomic.LoadUint64(&n[words]) - named
	if length == 0 || length > longest {
		return "", false
	}
	var is name
	for i := range words {
		is[i] = atomic.LoadUint64(&n[i])
	}
	is[words] = named + length
	text := string((*[longest]byte)(unsafe.Pointer(&is))[:length])
	return text, is == nameOf(text) && isText([]byte(text))
}

// isText tells whether it is UTF-8 in which nothing controls.
func isText(text []byte) bool {
	return utf8.Valid(text) && bytes.IndexFunc(text, func(r rune) bool {
		return r < ' ' || r >= 0x7f && r < 0xa0
	}) < 0
}
