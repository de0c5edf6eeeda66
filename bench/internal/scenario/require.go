package scenario

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"socketserver/bench/internal/contest"
	"socketserver/bench/internal/result"
)

// require measures how long a fresh interpreter takes to load a package.
func (r *Runner) require(ctx context.Context, name string) (result.Measure, error) {
	if name == "socketserver" {
		if err := contest.Built(r.Env); err != nil {
			return result.Measure{}, err
		}
	}
	script := filepath.Join(r.Env.Contestants, "tcl", "require.tcl")
	command := exec.CommandContext(ctx, r.Env.Tclsh, script, name)
	command.Env = append(os.Environ(), contest.TclEnviron(r.Env)...)
	text, err := command.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			first, _, _ := strings.Cut(string(exit.Stderr), "\n")
			return result.Measure{}, fmt.Errorf("%s", first)
		}
		return result.Measure{}, err
	}
	took, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return result.Measure{}, fmt.Errorf("%s said %q", filepath.Base(script), text)
	}
	return result.Measure{Seconds: float64(took) / 1e6}, nil
}
