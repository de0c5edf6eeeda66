package exporter

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// mostPasswords is how long a password file may be.
const mostPasswords = 64 << 10

// guessTime is how long who gives a wrong password waits for the answer.
const guessTime = 250 * time.Millisecond

// access tells who may look.
type access struct {
	file string // "": without a password.

	mutex  sync.Mutex
	seen   os.FileInfo // The file as it was read.
	logins []login
}

// login is a line of the password file: digests, so that to compare them takes the
// same time whatever they are of.
type login struct{ user, password [sha256.Size]byte }

// newAccess reads the password file, if there is one to be.
func newAccess(file string) (*access, error) {
	a := &access{file: file}
	if file == "" {
		return a, nil
	}
	_, err := a.read()
	return a, err
}

// read returns what is in the file now.
func (a *access) read() ([]login, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	info, err := os.Stat(a.file)
	if err != nil {
		return nil, fmt.Errorf("can't read the passwords: %w", err)
	}
	if a.seen != nil && isSame(info, a.seen) {
		return a.logins, nil
	}
	a.seen, a.logins = nil, nil
	logins, info, err := readLogins(a.file)
	if err != nil {
		return nil, fmt.Errorf("can't read the passwords in %s: %w", a.file, err)
	}
	a.seen, a.logins = info, logins
	return logins, nil
}

// isSame tells whether a file is as it was.
func isSame(a, b os.FileInfo) bool {
	x, y := a.Sys().(*syscall.Stat_t), b.Sys().(*syscall.Stat_t)
	return os.SameFile(a, b) && a.Size() == b.Size() && x.Mtim == y.Mtim && x.Ctim == y.Ctim
}

// readLogins reads a password file, which only its owner and group may.
func readLogins(path string) ([]login, os.FileInfo, error) {
	// Not to be kept by a pipe.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, nil, err
	case !info.Mode().IsRegular():
		return nil, nil, errors.New("it is no file")
	case info.Mode().Perm()&0o007 != 0:
		return nil, nil, fmt.Errorf("others may use it: chmod o= %s", path)
	}
	text, err := io.ReadAll(io.LimitReader(file, mostPasswords+1))
	if err == nil && len(text) > mostPasswords {
		err = fmt.Errorf("it has more than %d bytes", mostPasswords)
	}
	if err != nil {
		return nil, nil, err
	}
	logins, err := parseLogins(text)
	return logins, info, err
}

// parseLogins takes lines of user:password; empty ones and those that begin with #
// don't count.
func parseLogins(text []byte) ([]login, error) {
	var logins []login
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, mostPasswords+1)
	for number := 1; lines.Scan(); number++ {
		line := lines.Bytes()
		if len(bytes.TrimSpace(line)) == 0 || line[0] == '#' {
			continue
		}
		user, password, found := bytes.Cut(line, []byte(":"))
		if !found || len(user) == 0 || len(password) == 0 {
			return nil, fmt.Errorf("line %d is not user:password", number)
		}
		logins = append(logins, login{sha256.Sum256(user), sha256.Sum256(password)})
	}
	if len(logins) == 0 {
		return nil, errors.New("there is no user:password in it")
	}
	return logins, lines.Err()
}

// guard lets in whom it may.
func (a *access) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.file == "" {
			if !isOwnName(r) {
				http.Error(w, "this is to be asked for by an IP address or as localhost", http.StatusForbidden)
				return
			}
			next.ServeHTTP(w, r)
			return
		}
		logins, err := a.read()
		if err != nil {
			http.Error(w, "the password file can't be used", http.StatusServiceUnavailable)
			return
		}
		if !isIn(logins, r) {
			refuse(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isOwnName tells whether a request over TCP names us in a way that no name server
// decides: a page from elsewhere must not get here by a name that has become ours.
func isOwnName(r *http.Request) bool {
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && local.Network() == "unix" {
		return true
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	_, err := netip.ParseAddr(host)
	return err == nil || strings.EqualFold(host, "localhost") || host == "" && !r.ProtoAtLeast(1, 1)
}

// isIn tells whether a request has a login; that takes as long whether it has.
func isIn(logins []login, r *http.Request) bool {
	user, password, _ := r.BasicAuth()
	given := login{sha256.Sum256([]byte(user)), sha256.Sum256([]byte(password))}
	found := 0
	for i := range logins {
		found |= subtle.ConstantTimeCompare(logins[i].user[:], given.user[:]) &
			subtle.ConstantTimeCompare(logins[i].password[:], given.password[:])
	}
	return found == 1
}

// refuse asks for a password. Who gave a wrong one waits, lest it be guessed.
func refuse(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "" {
		select {
		case <-time.After(guessTime):
		case <-r.Context().Done():
		}
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="socketserver", charset="UTF-8"`)
	http.Error(w, "a password is wanted", http.StatusUnauthorized)
}
