package scenario

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"time"
)

// idle are connections that a server has besides those that are measured.
type idle []net.Conn

// openIdle opens connections, each of which exchanges one line and is silent
// then. They have to be closed, after an error too.
func openIdle(ctx context.Context, port, count int) (idle, error) {
	var all idle
	dialer := net.Dialer{Timeout: defaultTimeout}
	for range count {
		conn, err := dialer.DialContext(ctx, "tcp4", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return all, fmt.Errorf("idle connection %d: %w", len(all)+1, err)
		}
		all = append(all, conn)
		conn.SetDeadline(time.Now().Add(defaultTimeout))
		fmt.Fprintln(conn, "idle")
		if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
			return all, fmt.Errorf("idle connection %d: %w", len(all), err)
		}
	}
	return all, nil
}

func (all idle) close() {
	for _, conn := range all {
		conn.Close()
	}
}
