package queue

import "encoding/binary"

// An answer is what a worker was asked for by the scoreboard: a head with the
// question's number, and text.
const (
	answerHead = 8
	MostAnswer = 16384 // Bytes of the text.
)

// DecodeAnswer reads an answer, whose text lies in the same bytes. It may be
// anything.
func DecodeAnswer(from []byte) (number uint32, text []byte, err error) {
	if len(from) < answerHead || from[offsetVersion] != Version || from[offsetKind] != KindStack {
		return 0, nil, ErrKind
	}
	if len(from) > answerHead+MostAnswer {
		return 0, nil, ErrSize
	}
	return binary.NativeEndian.Uint32(from[4:]), from[answerHead:], nil
}
