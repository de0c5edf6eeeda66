package load

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"socketserver/internal/leaktest"
)

func TestSelf(t *testing.T) {
	leaktest.Check(t)
	before, ok := Of(os.Getpid())
	if !ok || before.Began == 0 || before.Resident < 1<<20 {
		t.Fatalf("%+v, %v", before, ok)
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		now, ok := Of(os.Getpid())
		if !ok || now.Began != before.Began || time.Now().After(deadline) {
			t.Fatalf("%+v, %v", now, ok)
		}
		if now.Ticks > before.Ticks {
			break
		}
	}
	if bytes, ok := Proportional(os.Getpid()); !ok || bytes < 1<<19 || bytes > 1<<40 {
		t.Error(bytes, ok)
	}
}

func TestNobody(t *testing.T) {
	leaktest.Check(t)
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{-1, 0, 1 << 30, gone.Process.Pid} {
		if l, ok := Of(pid); ok {
			t.Errorf("%d: %+v", pid, l)
		}
		if n, ok := Proportional(pid); ok {
			t.Errorf("%d: %d", pid, n)
		}
	}
}
