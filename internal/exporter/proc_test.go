package exporter

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"socketserver/internal/leaktest"
)

// crew is a snapshot of idle workers, all of them a process.
func crew(pid, count int) *Snapshot {
	s := &Snapshot{At: time.Now()}
	for slot := range count {
		s.Workers = append(s.Workers, Worker{Slot: slot, Pid: pid, State: "idle", CPU: -1, CPUShare: -1, RSS: -1, PSS: -1, slotCPU: -1})
	}
	return s
}

// later is the same snapshot, so much later.
func (s *Snapshot) later(by time.Duration) *Snapshot {
	next := crew(s.Workers[0].Pid, len(s.Workers))
	next.At = s.At.Add(by)
	for i := range next.Workers {
		next.Workers[i].Generation = s.Workers[i].Generation
	}
	return next
}

// known is how many workers have CPU and PSS told.
func (s *Snapshot) known() (cpu, pss int) {
	for i := range s.Workers {
		if s.Workers[i].CPU >= 0 {
			cpu++
		}
		if s.Workers[i].PSS >= 0 {
			pss++
		}
	}
	return cpu, pss
}

// TestSweeps: of many processes some are looked at each time, at last all.
func TestSweeps(t *testing.T) {
	leaktest.Check(t)
	var p processes
	s := crew(os.Getpid(), 1000)
	p.update(s, true)
	if cpu, pss := s.known(); cpu == 0 || cpu > sweepLooks || pss == 0 || pss > sweepLooks {
		t.Error(cpu, pss)
	}
	before, _ := s.known()
	s = s.later(sweepTime / 2)
	if p.update(s, true); s.Workers[0].CPU < 0 {
		t.Error("what is known is not told")
	}
	if cpu, _ := s.known(); cpu != before {
		t.Error("it swept too soon:", cpu)
	}
	for sweeps := 0; ; sweeps++ {
		s = s.later(time.Second)
		p.wait = time.Time{}
		p.update(s, true)
		if cpu, pss := s.known(); cpu == 1000 && pss == 1000 {
			break
		}
		if sweeps == 2000 {
			t.Fatal(s.known())
		}
	}
	if s = s.later(time.Second); s.Workers[0].CPU >= 0 {
		t.Fatal("the test is wrong")
	}
	if p.update(s, false); s.Workers[0].CPU >= 0 {
		t.Error("processes of another namespace are told")
	}
}

func TestOtherProcess(t *testing.T) {
	leaktest.Check(t)
	var p processes
	s := crew(os.Getpid(), 1)
	p.update(s, true)
	if w := &s.Workers[0]; w.RSS < 1<<20 || w.CPUShare >= 0 || w.slotCPU != w.CPU {
		t.Errorf("%+v", w)
	}
	took := p.slots[0].total()
	p.slots[0].load.Began-- // As if it had been there before.
	s = s.later(time.Second)
	s.Workers[0].State = "busy"
	p.update(s, true)
	if w := &s.Workers[0]; w.CPU >= 0 || w.RSS >= 0 || w.PSS >= 0 {
		t.Errorf("what another process takes is told: %+v", w)
	}
	s = s.later(2 * time.Second)
	s.Workers[0].Generation = 1
	p.update(s, true)
	if w := &s.Workers[0]; w.CPU < 0 || w.slotCPU != took+w.CPU {
		t.Errorf("of the next worker: %+v, after %v", w, took)
	}
	s = s.later(3 * time.Second)
	s.Workers[0].Connections = 1
	p.update(s, true)
	if w := &s.Workers[0]; w.CPUShare < 0 {
		t.Errorf("after two looks: %+v", w)
	}
}

func TestGoneProcess(t *testing.T) {
	leaktest.Check(t)
	child := exec.Command("sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var p processes
	s := crew(child.Process.Pid, 1)
	if p.update(s, true); s.Workers[0].RSS < 0 {
		t.Errorf("%+v", s.Workers[0])
	}
	_ = child.Process.Kill()
	_ = child.Wait()
	s = s.later(time.Second)
	s.Workers[0].Served = 1
	if p.update(s, true); s.Workers[0].RSS >= 0 || s.Workers[0].CPU >= 0 {
		t.Errorf("%+v", s.Workers[0])
	}
}
