package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"socketserver/internal/answers"
	"socketserver/internal/control"
)

func (p *program) stackCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "stack pid",
		Short: "What a worker does now: its Tcl stack, innermost first, or the call that it is blocked in",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			pid, err := strconv.Atoi(args[0])
			if err != nil || pid <= 0 {
				return usage("%q is no process: \"workers\" shows which there are", args[0])
			}
			return p.stack(pid)
		},
		ValidArgsFunction: p.completeWorker,
	}
}

func (p *program) stack(pid int) error {
	c, err := p.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	m, err := c.Ask("stack", control.Numbers{}, []byte(strconv.Itoa(pid)), p.timeout())
	if err != nil {
		return p.explain(err)
	}
	lines := strings.Split(string(m.Text), "\n")
	if p.json {
		return p.printJSON(map[string]any{"pid": pid, "stack": lines})
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(p.out, clean(line)); err != nil {
			return err
		}
	}
	return nil
}

// completeWorker completes the number of a worker.
func (p *program) completeWorker(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	answer, err := p.request("workers")
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	workers, err := answers.ReadWorkers(answer)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var pids []string
	for i := range workers {
		pids = append(pids, strconv.Itoa(workers[i].Pid))
	}
	return pids, cobra.ShellCompDirectiveNoFileComp
}
