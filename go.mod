module socketserver

go 1.26.0

require (
	github.com/pires/go-proxyproto v0.15.0 // Tests of internal/proxy alone.
	golang.org/x/sys v0.49.0
)

require (
	github.com/coreos/go-systemd/v22 v22.7.0 // Tests of internal/systemd alone.
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/spf13/cobra v1.10.2
	github.com/spf13/pflag v1.0.9 // indirect
	golang.org/x/term v0.47.0
)
