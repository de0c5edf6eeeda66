package queue

import "encoding/binary"

// ReturnSize is the length in bytes of what a worker sends back: version, kind,
// and a number that the kind explains.
const ReturnSize = 8

// What a worker tells the server on the return of its queue. The sending side
// is C (worker/return.h).
const (
	ReturnEnded = 1 // As many connections are closed since the latest of these.

	returnKinds = 1
)

// Return is what a worker tells.
type Return struct {
	Kind   uint8
	Number uint32
}

// DecodeReturn reads what a worker sent, which may be anything.
func DecodeReturn(from []byte) (Return, error) {
	if len(from) != ReturnSize {
		return Return{}, ErrSize
	}
	if from[0] != Version {
		return Return{}, ErrVersion
	}
	r := Return{Kind: from[1], Number: binary.NativeEndian.Uint32(from[4:])}
	if r.Kind == 0 || r.Kind > returnKinds {
		return Return{}, ErrKind
	}
	return r, nil
}
