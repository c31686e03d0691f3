//go:build process

package remoting

import (
	"context"
	"net"
	"testing"
	"time"
)

func TestStopDoesNotWaitForTheDead(t *testing.T) {
	a, b := pair(t)
	a.SetPeers(map[string]string{"b": b.Addr(), "dead": "127.0.0.1:1", "mute": muteListener(t)})
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := a.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	b.await(t, "down a refused=false bye=true")
}

// muteListener accepts connections and never says a word, as a stopped process does.
func muteListener(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}
