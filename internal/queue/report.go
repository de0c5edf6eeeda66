package queue

import "encoding/binary"

// A report tells which of the connections that are counted a worker has taken
// and which have ended: a head, and a word for each.
const (
	reportHead = 8
	reportWord = 4
	MostReport = 64 // Words.

	ended = 1 << 31 // In a word: not taken.
)

// DecodeReport calls each for what a worker reports, in order. It may
// be anything.
func DecodeReport(from []byte, each func(id uint32, isEnded bool)) error {
	if len(from) < reportHead || from[offsetVersion] != Version || from[offsetKind] != KindReport {
		return ErrKind
	}
	count := int(binary.NativeEndian.Uint16(from[2:]))
	if count == 0 || count > MostReport || len(from) != reportHead+reportWord*count {
		return ErrSize
	}
	for at := reportHead; at < len(from); at += reportWord {
		word := binary.NativeEndian.Uint32(from[at:])
		each(word&^ended, word&ended != 0)
	}
	return nil
}
