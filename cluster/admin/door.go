package admin

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxConnections bounds the connections of one server; fewer if the process may have few descriptors.
const maxConnections = 64

// A door is a listener that bounds the connections that are open. At the bound a new one takes the place of the one that has
// waited longest without a request under way; if there is none, it is told that the member has too much to do.
type door struct {
	net.Listener
	rule peerRule
	most int

	mu     sync.Mutex
	guests []*guest // in the order in which they came
}

// A guest is one connection.
type guest struct {
	net.Conn
	door    *door
	refused error // why its process may not use the API
	busy    bool  // a request is being answered; guarded by door.mu
	closed  sync.Once
}

const fullAnswer = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" +
	`{"error": "admin: the member has too much to do: too many connections", "code": "overloaded"}` + "\n"

// Accept waits for the next connection that finds a place.
func (d *door) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		g := &guest{Conn: conn, door: d, refused: d.rule.check(conn)}
		leaves, ok := d.place(g)
		if leaves != nil {
			_ = leaves.Close()
		}
		if ok {
			return g, nil
		}
		_ = conn.SetDeadline(time.Now().Add(time.Second)) // fails on a connection that is closed, as the next line then does
		_, _ = conn.Write([]byte(fullAnswer))             // a courtesy
		conn.Close()
	}
}

// place makes room for g, if need be by the end of one that has nothing under way.
func (d *door) place(g *guest) (leaves *guest, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.guests) >= d.most {
		i := slices.IndexFunc(d.guests, func(g *guest) bool { return !g.busy })
		if i < 0 {
			return nil, false
		}
		leaves = d.guests[i]
		d.guests = slices.Delete(d.guests, i, i+1)
	}
	d.guests = append(d.guests, g)
	return leaves, true
}

// Close gives the place back.
func (g *guest) Close() error {
	g.closed.Do(func() {
		g.door.mu.Lock()
		defer g.door.mu.Unlock()
		g.door.guests = slices.DeleteFunc(g.door.guests, func(other *guest) bool { return other == g })
	})
	return g.Conn.Close()
}

func (g *guest) setBusy(busy bool) {
	g.door.mu.Lock()
	defer g.door.mu.Unlock()
	g.busy = busy
}

type guestKey struct{}

// welcome makes the connection known to the handlers of its requests.
func welcome(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, guestKey{}, conn)
}

// moved notes that the answer is out and the connection waits for the next request.
func moved(conn net.Conn, state http.ConnState) {
	if g, ours := conn.(*guest); ours && state == http.StateIdle {
		g.setBusy(false)
	}
}

// guarded lets a request through to h if it comes from where orders may come from.
func guarded(hosts []string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g, ours := r.Context().Value(guestKey{}).(*guest); ours {
			g.setBusy(true)
			if g.refused != nil {
				refuse(w, g.refused)
				return
			}
		}
		if err := checkHost(r, hosts); err != nil {
			refuse(w, err)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// checkHost refuses requests to a name that is not the machine's own. A browser sends such a request when a page of another
// site has made its own name point to loopback, and then that page may read the answer. No browser uses a Unix socket.
func checkHost(r *http.Request, hosts []string) error {
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if local != nil && local.Network() == "unix" {
		return nil
	}
	if slices.ContainsFunc(hosts, func(host string) bool { return strings.EqualFold(host, r.Host) }) {
		return nil
	}
	name, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		name, port = strings.TrimSuffix(strings.TrimPrefix(r.Host, "["), "]"), "80"
	}
	tcp, hasPort := local.(*net.TCPAddr)
	if isLoopback(strings.ToLower(name)) && (!hasPort || port == strconv.Itoa(tcp.Port)) {
		return nil
	}
	return fmt.Errorf("%w: %q; use the address that the member listens on, or allow this one with --admin-host", ErrHost, r.Host)
}
