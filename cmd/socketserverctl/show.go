package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"socketserver/internal/answers"
)

func (p *program) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "What the server and its workers do, and what they have counted", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return p.show("status", func(answer []byte) error {
				s, err := answers.ReadState(answer)
				if err != nil {
					return err
				}
				return printState(p.out, &s)
			})
		},
	}
}

// printState prints a status, a subject to a line.
func printState(out io.Writer, s *answers.State) error {
	to := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	line := func(subject, format string, args ...any) {
		fmt.Fprintf(to, "%s\t%s\n", subject, fmt.Sprintf(format, args...))
	}
	line("health", "%s", name(s.Health))
	line("server", "process %d, version %s", s.Pid, name(s.Version))
	subject := "listeners"
	for _, l := range s.Listeners {
		line(subject, "%s", listenerText(&l))
		subject = ""
	}
	line("health listener", "%s", name(s.HealthListener))
	line("status page", "%s", name(s.StatusListener))
	line("control path", "%s", name(s.Control))
	line("pool", "%s, generation %d, %d workers wanted (%d to %d)", name(s.State), s.Generation, s.Wanted, s.MinWorkers, s.MaxWorkers)
	w := &s.Workers
	line("workers", "%d busy, %d idle, %d starting, %d retiring, %d attached", w.Busy, w.Idle, w.Starting, w.Retiring, w.Attached)
	line("so far", "%d forked, %d ended, %d died, %d killed, %d reloads, %d failed", s.Forked, s.Ended, s.Died, s.Killed, s.Reloads, s.Failed)
	x := s.Exits
	line("exits", "%d ended, %d died, %d timeout, %d start, %d end, %d grace, %d reload",
		x["ended"], x["died"], x["timeout"], x["start"], x["end"], x["grace"], x["reload"])
	line("limit reached", "%d times", s.LimitReached)
	fmt.Fprintln(to)
	line("connections", "%d accepted, %d handed over, %d resumed, %d served, %d lost", s.Accepted, s.HandedOver, s.Resumed, s.Served, s.Lost)
	line("waiting", "%d queued (the oldest for %s), %d parked, %d in the backlog", s.Queued, span(s.Oldest), s.Parked, s.Backlog)
	h := &s.Holding
	line("held for", "%d queue, %d proxy, %d first byte, %d head, %d closing", h.Queue, h.Proxy, h.FirstByte, h.Head, h.Closing)
	line("first byte", "after %s on average", span(s.FirstByte))
	line("shed", "%d by -queuetime, %d by -maxqueue", s.Shed.QueueTime, s.Shed.MaxQueue)
	line("refused", "%d by -maxperaddr, %d by -rateperaddr", s.Refused.MaxPerAddr, s.Refused.RatePerAddr)
	e := &s.Expired
	line("expired", "%d proxy, %d first byte, %d head, %d parked", e.Proxy, e.FirstByte, e.Head, e.Parked)
	line("came to nothing", "%d gone, %d malformed, %d probes", s.Gone, s.Malformed, s.Probes)
	d := &s.Datagrams
	line("datagrams", "%d received, %d answered, %d dropped by the system", d.Received, d.Answered, d.Dropped)
	line("trouble", "%d times the queue was full, %d retries, %d pauses", s.Waits, s.Retries, s.Pauses)
	return to.Flush()
}

// listenerText is a listener with its addresses.
func listenerText(l *answers.Listener) string {
	if len(l.Addresses) == 0 {
		return name(l.Name)
	}
	return name(l.Name) + " on " + name(strings.Join(l.Addresses, ", "))
}

func (p *program) workersCommand() *cobra.Command {
	return &cobra.Command{
		Use: "workers", Short: "What each worker does", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return p.show("workers", func(answer []byte) error {
				workers, err := answers.ReadWorkers(answer)
				if err != nil {
					return err
				}
				return printWorkers(p.out, workers)
			})
		},
	}
}

func printWorkers(out io.Writer, workers []answers.Worker) error {
	if len(workers) == 0 {
		_, err := fmt.Fprintln(out, "no workers")
		return err
	}
	to := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(to, "PID\tSLOT\tGEN\tSTATE\tCONN\tSERVED\tAGE\tCLIENT\tNOTE\tLISTENER\tHANDLER")
	for i := range workers {
		w := &workers[i]
		fmt.Fprintf(to, "%d\t%d\t%d\t%s\t%d\t%d\t%s\t%s\t%s\t%s\t%s\n", w.Pid, w.Slot, w.Generation, name(w.StateText()),
			w.Connections, w.Served, span(w.Age), name(w.Client()), name(w.Note), name(w.Listener), name(w.Handler))
	}
	return to.Flush()
}

func (p *program) healthCommand() *cobra.Command {
	return &cobra.Command{
		Use: "health", Short: "Whether the server is ready; the exit status says so, too", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			answer, err := p.request("health")
			if err != nil {
				return err
			}
			health := string(answer)
			if p.json {
				err = p.printJSON(map[string]string{"health": health})
			} else {
				_, err = fmt.Fprintln(p.out, name(health))
			}
			if err == nil && health != "ready" {
				err = exit(exitFailed)
			}
			return err
		},
	}
}

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "The version of this program and, if there is one, of the server", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return p.showVersion()
		},
	}
}

// showVersion asks a server only where one is named.
func (p *program) showVersion() error {
	var server struct {
		Version  string `json:"version"`
		Protocol int64  `json:"protocol"`
		Pid      int64  `json:"pid"`
	}
	answer, err := p.request("version")
	isNamed := p.path != ""
	if err == nil {
		if err = json.Unmarshal(answer, &server); err != nil {
			err = answers.NotUnderstood("version", err)
		}
	}
	if isNamed && err != nil {
		return err
	}
	if p.json {
		all := map[string]any{"version": version}
		if isNamed {
			all["server"] = server
		}
		return p.printJSON(all)
	}
	fmt.Fprintln(p.out, "socketserverctl", version)
	if isNamed {
		fmt.Fprintf(p.out, "server %s, protocol %d, process %d\n", name(server.Version), server.Protocol, server.Pid)
	}
	return nil
}
