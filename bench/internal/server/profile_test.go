package server

import (
	"strings"
	"testing"
)

func TestShares(t *testing.T) {
	text := `
   10  ffffffff81e35475 ([kernel.kallsyms])
   10            4711aa (/b/libsocketserver.so)
   11  ffffffff81e35475 ([kernel.kallsyms])
   11  ffffffff81e35475 ([unknown])
   11      7fb6a090d6fe (/usr/lib/libtcl8.6.so)
   11      7fb6a090d6fe (/usr/lib/libc.so.6)
   11      7fb6a090d6fe ([vdso])
   12      7fb6a090d6fe (/b/libsocketserver.so)
   99  ffffffff81e35475 ([kernel.kallsyms])
`
	got, err := shares([]byte(text), 10, []int{10, 11, 12})
	if err != nil {
		t.Fatal(err)
	}
	want := map[Part]float64{
		AcceptKernel: 0.125, AcceptUser: 0.125, WorkKernel: 0.25, WorkTcl: 0.125, WorkLibc: 0.25, WorkOwn: 0.125,
	}
	for part, share := range want {
		if got[part] != share {
			t.Errorf("%s: got %v, want %v", part, got[part], share)
		}
	}
	if _, err := shares([]byte("11 4711 (a)\n"), 10, []int{11}); err == nil {
		t.Error("a profile without the kernel was taken")
	}
	if _, err := shares([]byte("11 elsewhere (a)\n"), 10, []int{11}); err == nil || !strings.Contains(err.Error(), "elsewhere") {
		t.Errorf("got %v", err)
	}
}

func TestLastLine(t *testing.T) {
	for text, want := range map[string]string{"": "", "one\n": ": one", "one\n/a/two three\n\n": ": two three"} {
		if got := lastLine([]byte(text)); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
