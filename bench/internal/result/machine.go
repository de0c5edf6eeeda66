package result

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Machine describes where a run was made, as far as it bears on the numbers.
type Machine struct {
	CPU      string            `json:"cpu"`
	CPUs     int               `json:"cpus"`
	MemoryMB int               `json:"memoryMB"`
	System   string            `json:"system"`
	Kernel   string            `json:"kernel"`
	Arch     string            `json:"arch"`
	Virtual  bool              `json:"virtual"`
	LoadAvg  float64           `json:"loadAverageAtStart"`
	Versions map[string]string `json:"versions"`
}

// Describe looks at this machine.
func Describe(tclsh string) Machine {
	return Machine{
		CPU:      fromFile("/proc/cpuinfo", "model name", ":"),
		CPUs:     runtime.NumCPU(),
		MemoryMB: integer(fromFile("/proc/meminfo", "MemTotal", ":")) / 1024,
		System:   strings.Trim(fromFile("/etc/os-release", "PRETTY_NAME", "="), `"`),
		Kernel:   kernelVersion(),
		Arch:     runtime.GOARCH,
		Virtual:  strings.Contains(fromFile("/proc/cpuinfo", "flags", ":"), " hypervisor"),
		LoadAvg:  loadAverage(),
		Versions: map[string]string{
			"Tcl":     output(tclsh, "puts [info patchlevel]"),
			"Tclx":    output(tclsh, "puts [package require Tclx]"),
			"Go":      strings.TrimPrefix(runtime.Version(), "go"),
			"Node.js": strings.TrimPrefix(output("node", "", "--version"), "v"),
			"Python":  strings.TrimPrefix(output("python3", "", "--version"), "Python "),
		},
	}
}

// MemoryGB returns the memory's size in whole GiB.
func (m Machine) MemoryGB() int {
	return (m.MemoryMB + 512) / 1024
}

// VersionList returns the programs and their versions, for a sentence.
func (m Machine) VersionList() []string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(m.Versions)) {
		if version := m.Versions[name]; version != "" {
			list = append(list, name+" "+version)
		}
	}
	return list
}

// fromFile returns what follows a label and a separator in a text file.
func fromFile(path, label, separator string) string {
	for line := range strings.Lines(readAll(path)) {
		name, value, found := strings.Cut(line, separator)
		if found && strings.TrimSpace(name) == label {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func readAll(path string) string {
	text, _ := os.ReadFile(path)
	return string(text)
}

// kernelVersion returns the numbers of the kernel's version, without what a
// distribution adds.
func kernelVersion() string {
	version, _, _ := strings.Cut(strings.TrimSpace(readAll("/proc/sys/kernel/osrelease")), "-")
	return version
}

func integer(text string) int {
	n, _ := strconv.Atoi(strings.TrimSuffix(text, " kB"))
	return n
}

func loadAverage() float64 {
	first, _, _ := strings.Cut(readAll("/proc/loadavg"), " ")
	load, _ := strconv.ParseFloat(first, 64)
	return load
}

// output returns what a program prints when it is given input; nothing when it
// can't run.
func output(program, input string, args ...string) string {
	command := exec.Command(program, args...)
	command.Stdin = strings.NewReader(input)
	text, err := command.Output()
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(text))
}
