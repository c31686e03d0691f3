package remoting

import "fmt"

// carrier takes the frames of package process to the member at an address.
type carrier struct{ r *Remoting }

// Carry implements process.Carrier. A member has one address at a time: that of its admitted link.
func (c carrier) Carry(address string, frame []byte) error {
	for name, to := range *c.r.admitted.Load() {
		if to.addr == address {
			return c.r.Send(name, kindProcess, frame)
		}
	}
	return fmt.Errorf("%w to %s", ErrNoLink, address)
}

// carried hands a frame over.
func (g *shell) carried(name string, body []byte) {
	g.call(kindProcess, func() { g.r.port.Arrived(g.up[name], body) })
}

// rose remembers under which address a peer is linked, so that its end is told of the same.
func (g *shell) rose(name, addr string) { g.up[name] = addr }

// fell ends what actors have under way to a peer.
func (g *shell) fell(name string) {
	addr, ok := g.up[name]
	if !ok {
		return
	}
	delete(g.up, name)
	g.call(kindProcess, func() { g.r.port.Down(addr) })
}
