module socketserver

go 1.26.0

require (
	github.com/pires/go-proxyproto v0.15.0 // Tests of internal/proxy alone.
	golang.org/x/sys v0.49.0
)
