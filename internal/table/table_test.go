package table

import (
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"
)

// TestTableHasNothingElse looks at it through the thread's own /proc.
func TestTableHasNothingElse(t *testing.T) {
	extra, err := os.Open("/dev/zero")
	if err != nil {
		t.Fatal(err)
	}
	defer extra.Close()
	for name, claim := range map[string]func([]int) error{"close_range": Claim, "unshare": unshare} {
		keep, err := Runtime()
		if err != nil {
			t.Fatal(err)
		}
		var strange []string
		done := make(chan error)
		go OnOwnThread(func() {
			err := claim(slices.Clone(keep))
			entries, _ := os.ReadDir("/proc/thread-self/fd")
			for _, entry := range entries {
				fd, _ := strconv.Atoi(entry.Name())
				target, _ := os.Readlink("/proc/thread-self/fd/" + entry.Name())
				if !(fd < 3 && target == "/dev/null") && !slices.Contains(keep, fd) && target != "" {
					strange = append(strange, entry.Name()+" "+target)
				}
			}
			if len(entries) < 5 {
				strange = append(strange, "too few")
			}
			done <- err
		})
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if len(strange) > 0 {
			t.Errorf("%s: %v", name, strange)
		}
	}
}

// TestRuntimeSurvives makes the Go runtime use its poller from a thread with a
// table of its own.
func TestRuntimeSurvives(t *testing.T) {
	keep, err := Runtime()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go OnOwnThread(func() {
		err := Claim(keep)
		for range 50 {
			time.AfterFunc(time.Hour, func() {}).Reset(time.Minute)
			runtime.GC()
			runtime.Gosched()
		}
		done <- err
	})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
