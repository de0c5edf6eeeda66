package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"socketserver/internal/control"
)

// pathVariable names the control path where -s doesn't.
const pathVariable = "SOCKETSERVERCTL_PATH"

const (
	mostSeconds = 1e6
	mostWorkers = 1 << 20
)

// program is what the command line says.
type program struct {
	in        *os.File
	out, errs io.Writer
	begun     bool // The command line was understood.

	path    string
	json    bool
	seconds float64 // How long an answer may take.
}

// root is the command with all its subcommands.
func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "socketserverctl",
		Short: "Asks and commands a running socketserver",
		Long: "Asks and commands a running socketserver through its control path, which the server's\n" +
			"-control says. " + pathVariable + " names it where -s doesn't.",
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: func(*cobra.Command, []string) error { return p.begin() },
	}
	flags := root.PersistentFlags()
	flags.StringVarP(&p.path, "socket", "s", "", "the server's control path")
	flags.BoolVar(&p.json, "json", false, "answer in JSON")
	flags.Float64Var(&p.seconds, "timeout", 10, "how many `seconds` an answer may take")
	root.SetOut(p.out)
	root.SetErr(p.errs)
	root.AddCommand(p.statusCommand(), p.workersCommand(), p.topCommand(), p.stackCommand(), p.healthCommand(),
		p.versionCommand(), p.configureCommand(), p.addCommand(), p.retireCommand(),
		p.reloadCommand(), p.drainCommand(), p.stopCommand(), p.exporterCommand())
	for _, command := range root.Commands() {
		if command.ValidArgsFunction == nil {
			command.ValidArgsFunction = cobra.NoFileCompletions
		}
	}
	return root
}

// begin runs before each command.
func (p *program) begin() error {
	if !(p.seconds >= 0.001 && p.seconds <= mostSeconds) {
		return usage("--timeout must be a number of seconds from 0.001 to %.0f", float64(mostSeconds))
	}
	p.begun = true
	return nil
}

func (p *program) timeout() time.Duration {
	return time.Duration(p.seconds * float64(time.Second))
}

func (p *program) addCommand() *cobra.Command {
	return p.counting("add", "Adds workers, one if no number is given",
		"more workers are asked for: ")
}

func (p *program) retireCommand() *cobra.Command {
	return p.counting("retire", "Lets workers go, one if no number is given; a busy one finishes first",
		"workers are told to go: ")
}

// counting is a command with a number of workers.
func (p *program) counting(name, short, done string) *cobra.Command {
	return &cobra.Command{
		Use: name + " [n]", Short: short, Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"1"}
			}
			if n, err := strconv.Atoi(args[0]); err != nil || n < 1 || n > mostWorkers {
				return usage("%q is no number of workers: give one from 1 on", args[0])
			}
			return p.do(done+args[0], name, args[0])
		},
	}
}

func (p *program) reloadCommand() *cobra.Command {
	return &cobra.Command{
		Use: "reload", Short: "Exchanges all workers for new ones, without losing a connection", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return p.do(`new workers start; "status" tells the generation that serves`, "reload")
		},
	}
}

func (p *program) drainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "drain [seconds]",
		Short: "Says \"draining\" on the health listener for a while, then stops",
		Long:  "Says \"draining\" on the health listener and serves on, for so many seconds or what -drain says, then stops.",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				if err := checkSeconds(args[0]); err != nil {
					return err
				}
			}
			return p.do("the server drains, then stops", append([]string{"drain"}, args...)...)
		},
	}
}

func (p *program) stopCommand() *cobra.Command {
	var grace string
	command := &cobra.Command{
		Use: "stop", Short: "Accepts no more, serves what was accepted, and stops", Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			words := []string{"stop"}
			if command.Flags().Changed("grace") {
				if err := checkSeconds(grace); err != nil {
					return err
				}
				words = append(words, "-grace", grace)
			}
			return p.do("the server serves what it has accepted, then stops", words...)
		},
	}
	command.Flags().StringVar(&grace, "grace", "", "how many `seconds` workers have to finish (default what -grace of the pool says)")
	return command
}

func checkSeconds(text string) error {
	if n, err := strconv.ParseFloat(text, 64); err != nil || math.IsNaN(n) || n < 0 || n > mostSeconds {
		return usage("%q is no number of seconds: give one from 0 to %.0f", text, float64(mostSeconds))
	}
	return nil
}

// do commands something, and tells what the server answers, or else this.
func (p *program) do(done string, words ...string) error {
	answer, err := p.command(words...)
	if err != nil {
		return err
	}
	if p.json {
		return p.printJSON(map[string]string{"command": words[0], "answer": answer})
	}
	if answer != "" {
		done = clean(answer)
	}
	_, err = fmt.Fprintln(p.out, done)
	return err
}

// command has Tcl run a command; the server knows how long that may take and
// says so itself, in time.
func (p *program) command(words ...string) (string, error) {
	c, err := p.dial()
	if err != nil {
		return "", err
	}
	defer c.Close()
	numbers := control.Numbers{p.timeout().Milliseconds()}
	m, err := c.Ask("command", numbers, []byte(control.Words(words...)), p.timeout()+time.Second)
	if err != nil {
		return "", p.explain(err)
	}
	return string(m.Text), nil
}
