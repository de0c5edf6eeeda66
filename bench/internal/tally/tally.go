// Package tally asks a server's script what it has counted.
package tally

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"time"
)

// Ask connects to a port of this machine, sends a line, and reads lines of a name
// and a number each until the end.
func Ask(port int, line string) (map[string]int, error) {
	conn, err := net.DialTimeout("tcp4", fmt.Sprintf("127.0.0.1:%d", port), 5*time.Second)
	if err != nil {
		return nil, fmt.Errorf("the server doesn't tell what it counted: %w", err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := fmt.Fprintln(conn, line); err != nil {
		return nil, err
	}
	counts := map[string]int{}
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		var name string
		var n int
		if _, err := fmt.Sscan(lines.Text(), &name, &n); err == nil {
			counts[name] = n
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(counts) == 0 {
		return nil, errors.New("the server tells nothing that it counted")
	}
	return counts, nil
}
