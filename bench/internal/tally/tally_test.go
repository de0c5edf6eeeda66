package tally

import (
	"bufio"
	"fmt"
	"maps"
	"net"
	"testing"
)

func TestAsk(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if line, _ := bufio.NewReader(conn).ReadString('\n'); line == "all\n" {
				fmt.Fprint(conn, "seen 3\nnothing\nmissed -1\n")
			}
			conn.Close()
		}
	}()
	port := listener.Addr().(*net.TCPAddr).Port
	counts, err := Ask(port, "all")
	if err != nil || !maps.Equal(counts, map[string]int{"seen": 3, "missed": -1}) {
		t.Errorf("%v, %v", counts, err)
	}
	if _, err := Ask(port, "else"); err == nil {
		t.Error("nothing was told, and that is no error")
	}
}
