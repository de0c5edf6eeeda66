package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"socketserver/internal/exporter"
)

func (p *program) exporterCommand() *cobra.Command {
	o := &exporter.Options{}
	command := &cobra.Command{
		Use:   "exporter --listen address",
		Short: "Shows the server to Prometheus and to browsers, until it is ended",
		Long: "Answers HTTP: metrics at /metrics, a page at /, all of it in JSON at /status.json, /healthz and /readyz.\n" +
			"It goes on while the server is exchanged, or gone. Addresses that others can reach need a password.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return p.export(o) },
	}
	flags := command.Flags()
	flags.StringVar(&o.Listen, "listen", "", "`address` to listen on: 127.0.0.1:9100, [::1]:9100, unix:/path")
	flags.StringVar(&o.PasswordFile, "status-password-file", "", "`file` with a line user:password for each who may look")
	flags.BoolVar(&o.Kept, "kept", false, "listen on the server's sockets, and end with it")
	_ = flags.MarkHidden("kept")
	_ = command.RegisterFlagCompletionFunc("listen", cobra.FixedCompletions([]string{"127.0.0.1:", "[::1]:", "unix:/"},
		cobra.ShellCompDirectiveNoSpace|cobra.ShellCompDirectiveNoFileComp))
	return command
}

// export runs the exporter until a signal ends it.
func (p *program) export(o *exporter.Options) error {
	var err error
	if o.Path, err = p.server(); err != nil {
		return err
	}
	if o.Kept == (o.Listen != "") {
		return usage("where is the exporter to listen? say --listen 127.0.0.1:9100, or unix:/path")
	}
	if o.Kept {
		// A terminal's ^C is for the server, which may take its time to stop.
		_ = syscall.Setpgid(0, 0)
	}
	if version != "unknown" {
		o.Version = version
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err = exporter.Run(ctx, o)
	switch {
	case errors.Is(err, exporter.ErrListen):
		return usage("%s", err)
	case errors.Is(err, exporter.ErrServer):
		return unreachable{p.advise(err)}
	}
	return err
}
