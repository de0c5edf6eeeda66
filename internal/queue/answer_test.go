package queue

import (
	"errors"
	"strings"
	"testing"
)

func TestDecodeAnswer(t *testing.T) {
	head := []byte{Version, KindStack, 0, 0, 7, 0, 0, 0}
	most := strings.Repeat("x", MostAnswer)
	for _, text := range []string{"", "a\nb\n", most} {
		if _, got, err := DecodeAnswer(append(head, text...)); err != nil || string(got) != text {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	}
	for _, c := range []struct {
		from []byte
		want error
	}{
		{nil, ErrKind}, {head[:7], ErrKind}, {append([]byte{Version + 1}, head[1:]...), ErrKind},
		{[]byte{Version, KindReport, 0, 0, 0, 0, 0, 0}, ErrKind}, {append(head, most+"x"...), ErrSize},
	} {
		if _, _, err := DecodeAnswer(c.from); !errors.Is(err, c.want) {
			t.Errorf("%d bytes: %v instead of %v", len(c.from), err, c.want)
		}
	}
}
