package operator

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// The header is the protocol's, byte for byte.
func TestPacket(t *testing.T) {
	b := Packet(7, "version", [2]int64{3, -4}, []byte("text"))
	if len(b) != 52 || binary.NativeEndian.Uint32(b) != 7 || string(b[12:20]) != "version\x00" || string(b[48:]) != "text" {
		t.Errorf("got % x", b)
	}
	if first, second := int64(binary.NativeEndian.Uint64(b[32:])), int64(binary.NativeEndian.Uint64(b[40:])); first != 3 || second != -4 {
		t.Errorf("numbers %d %d", first, second)
	}
}

func TestAskNobody(t *testing.T) {
	if _, err := Ask(filepath.Join(t.TempDir(), "none"), "version", [2]int64{}, ""); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
