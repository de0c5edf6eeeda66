// Package leaktest lets a test assert that it leaves no descriptor behind.
package leaktest

import (
	"maps"
	"os"
	"testing"
	"time"
)

// table is where Linux shows the descriptors of the calling thread.
const table = "/proc/thread-self/fd"

// settle is how long a descriptor may take to be closed by another thread.
const settle = 5 * time.Second

// Check notes the descriptors of this process and fails the test if at its end
// others are open.
func Check(t testing.TB) {
	t.Helper()
	before := descriptors(t)
	t.Cleanup(func() {
		deadline := time.Now().Add(settle)
		after := descriptors(t)
		for !maps.Equal(before, after) && time.Now().Before(deadline) {
			time.Sleep(5 * time.Millisecond)
			after = descriptors(t)
		}
		if !maps.Equal(before, after) {
			t.Errorf("descriptors before: %v\nand after: %v", before, after)
		}
	})
}

// descriptors maps each number to what it stands for.
func descriptors(t testing.TB) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(table)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, entry := range entries {
		target, err := os.Readlink(table + "/" + entry.Name())
		if err == nil { // Not the one that read the table.
			found[entry.Name()] = target
		}
	}
	return found
}
