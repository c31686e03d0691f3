package remoting

import (
	"net"
	"slices"
	"sync"
	"time"

	"github.com/gendac/gendac/cluster/descriptors"
)

const (
	maxStrangers  = 256              // connections that no link has admitted; fewer if the process may have few descriptors
	maxPerHost    = 64               // of these from one address
	strangerBytes = 64 << 10         // what is read from a connection before a link admits it
	admitWithin   = 10 * time.Second // from the beginning of a connection until a link must have admitted it
)

// A porch is the listener of the members' port. It bounds what connections may cost before a link has admitted them: how many
// there are, how much is read from each, and how long each may stay. At the bound the oldest of whoever has most of them makes
// room, so that a stranger with many connections does not keep a member out.
type porch struct {
	net.Listener
	most, perHost int
	within        time.Duration

	mu      sync.Mutex
	waiting []*caller // not admitted, in the order in which they came
}

func newPorch(l net.Listener) *porch {
	most := descriptors.Share(maxStrangers)
	return &porch{Listener: l, most: most, perHost: min(most, maxPerHost), within: admitWithin}
}

// A caller is one connection to the members' port.
type caller struct {
	net.Conn
	porch *porch
	host  string

	mu    sync.Mutex // taken after porch.mu
	moved sync.Cond  // the fields below have changed
	links int        // that have admitted it
	left  int        // bytes that may be read while no link has
	ended bool
	timer *time.Timer
}

// Accept waits for the next connection.
func (p *porch) Accept() (net.Conn, error) {
	conn, err := p.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &caller{Conn: conn, porch: p, host: hostOf(conn.RemoteAddr())}
	c.moved.L = &c.mu
	p.wait(c)
	return c, nil
}

func hostOf(a net.Addr) string {
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return host
}

// wait counts c among those that no link has admitted, and ends one of them if there are too many.
func (p *porch) wait(c *caller) {
	p.mu.Lock()
	leaves := p.makesRoom(c.host)
	p.waiting = append(p.waiting, c)
	c.mu.Lock()
	c.left = strangerBytes
	c.timer = time.AfterFunc(p.within, func() { _ = c.Close() })
	c.mu.Unlock()
	p.mu.Unlock()
	if leaves != nil {
		_ = leaves.Close()
	}
}

// makesRoom picks who makes room for one more from host; nil if there is room. It is called with mu held.
func (p *porch) makesRoom(host string) *caller {
	count := map[string]int{}
	for _, c := range p.waiting {
		count[c.host]++
	}
	if count[host] < p.perHost {
		if len(p.waiting) < p.most {
			return nil
		}
		for h, n := range count {
			if n > count[host] {
				host = h
			}
		}
	}
	i := slices.IndexFunc(p.waiting, func(c *caller) bool { return c.host == host })
	if i < 0 { // everybody has one, and this is one more
		i = 0
	}
	leaves := p.waiting[i]
	p.waiting = slices.Delete(p.waiting, i, i+1)
	return leaves
}

func (p *porch) forget(c *caller) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = slices.DeleteFunc(p.waiting, func(other *caller) bool { return other == c })
}

// admit lets the connection be used without bounds of its own: a link reads from it.
func (c *caller) admit() {
	c.porch.forget(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.links++
	c.timer.Stop()
	c.moved.Broadcast()
}

// dismiss takes an admit back. What is left of the connection is a stranger's again.
func (c *caller) dismiss() {
	c.mu.Lock()
	c.links--
	again := c.links == 0 && !c.ended
	c.mu.Unlock()
	if again {
		c.porch.wait(c)
	}
}

// Read waits for an admission once a stranger has sent as much as it may.
func (c *caller) Read(b []byte) (int, error) {
	c.mu.Lock()
	for c.links == 0 && c.left <= 0 && !c.ended {
		c.moved.Wait()
	}
	if c.ended { // Close has said so, and may not have come to the connection yet
		c.mu.Unlock()
		return 0, net.ErrClosed
	}
	if c.links == 0 && len(b) > c.left {
		b = b[:c.left]
	}
	c.mu.Unlock()
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	c.left -= n
	c.mu.Unlock()
	return n, err
}

// Close ends the connection and whoever waits in Read.
func (c *caller) Close() error {
	c.porch.forget(c)
	c.mu.Lock()
	c.ended = true
	c.timer.Stop()
	c.moved.Broadcast()
	c.mu.Unlock()
	return c.Conn.Close()
}
