package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/cluster/node"
	"github.com/gendac/gendac/cluster/spec"
	"github.com/gendac/gendac/gdict"
)

// cluster is the specification: three members, and nothing that they run.
func cluster(addrs map[string]string) string {
	return fmt.Sprintf("cluster: dictionary\nmembers: {a1: {addr: %q}, b1: {addr: %q}, c1: {addr: %q}}\n", addrs["a1"], addrs["b1"], addrs["c1"])
}

// A stamp is what is written.
type stamp struct {
	At time.Time `json:"at"`
}

// pace keeps a fast machine from filling the dictionary while the story is told.
const pace = 100 * time.Microsecond

// runMember is one process: it writes until it reads a line, and ends when its stdin does. For each write it says
// "acknowledged KEY", "open KEY" if nobody can tell whether it was done, or "refused KEY" if it was not.
func runMember(name, text string, stdin io.Reader, stdout io.Writer) error {
	what, err := spec.Parse([]byte(text))
	if err != nil {
		return err
	}
	n, err := node.Start(node.Config{Name: name, Spec: what, Admin: "127.0.0.1:0", InMemory: true})
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "admin %s\n", n.Admin())
	var stop atomic.Bool
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		write(n, &stop, stdout)
	}()
	lines := bufio.NewScanner(stdin)
	lines.Scan() // a line, or the end
	stop.Store(true)
	<-stopped
	fmt.Fprintln(stdout, "stopped")
	for lines.Scan() { // until the driver has ended
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return n.Stop(ctx, node.Force()) // the run is over, and what it wrote is not needed any more
}

// write writes one entry after the other, each under a key of its own.
func write(n *node.Node, stop *atomic.Bool, stdout io.Writer) {
	stamps := gdict.Of[string, stamp](n, "writes/"+n.Name())
	for i := 1; !stop.Load(); i++ {
		key := fmt.Sprintf("%06d", i)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		_, err := stamps.Store(ctx, key, stamp{time.Now()})
		cancel()
		word := "acknowledged"
		switch {
		case errors.Is(err, genleader.ErrUncertain):
			word = "open"
		case err != nil:
			word = "refused"
			time.Sleep(time.Millisecond) // no leader yet
		}
		fmt.Fprintf(stdout, "%s %s%s\n", word, stamps.Prefix(), key)
		time.Sleep(pace)
	}
}
